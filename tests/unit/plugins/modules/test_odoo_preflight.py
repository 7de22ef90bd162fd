# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What odoo_preflight makes of the answers of Redis and the store; the real ones are in tests/prove/stateless/platform.py."""

from __future__ import annotations

import contextlib
import email.utils
import os
import socket
import socketserver
import threading
import time

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._preflight import stateless
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import redis_client
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_client import S3Error

VARIABLES = {
    "ODOO_CLOUD_PLATFORM_KIND": "exoscale",
    "RUNNING_ENV": "prod",
    "ODOO_SESSION_REDIS": "1",
    "ODOO_SESSION_REDIS_HOST": "redis",
    "ODOO_SESSION_REDIS_USERNAME": "acme",
    "ODOO_SESSION_REDIS_PREFIX": "acme-odoo-prod",
    "AWS_BUCKETNAME": "acme-odoo-prod",
    "AWS_ACCESS_KEY_ID_FILE": "/run/secrets/s3_access_key",
    "AWS_SECRET_ACCESS_KEY_FILE": "/run/secrets/s3_secret_key",
}


class Server(socketserver.ThreadingTCPServer):
    """A Redis that knows one key space and one rule."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, ahead=0.0, sees_all=False):
        self.ahead, self.sees_all, self.keys, self.commands = ahead, sees_all, {}, []
        super().__init__(("127.0.0.1", 0), Talk)


class Talk(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            words = []
            for _number in range(int(line[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2].decode())
            self.server.commands.append(words[0])
            self.wfile.write(self.answer(words))

    def answer(self, words):
        keys, command = self.server.keys, words[0]
        if command == "AUTH":
            return b"+OK\r\n" if words[2] == "right" else b"-WRONGPASS invalid username-password pair\r\n"
        if command == "PING":
            return b"+PONG\r\n"
        if command == "TIME":
            now = str(int(time.time() + self.server.ahead)).encode()
            return b"*2\r\n$%d\r\n%s\r\n$1\r\n0\r\n" % (len(now), now)
        if not words[1].startswith("session::acme-odoo-prod:") and not self.server.sees_all:
            return b"-NOPERM No permissions to access a key\r\n"
        if command == "SET":
            keys[words[1]] = words[2]
            return b"+OK\r\n"
        if command == "DEL":
            return b":%d\r\n" % (keys.pop(words[1], None) is not None)
        value = keys.get(words[1])
        return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value.encode())


@contextlib.contextmanager
def redis(**options):
    with Server(**options) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def probe(server, password="right", read_only=False, may_be_absent=False, own=True):
    instance = {"name": "acme", "database": "acme", "variables": VARIABLES, "redis_password": password}
    place = {"url": f"redis://127.0.0.1:{server.server_address[1]}", "own": own}
    return stateless.PlacesProbe(instance, place, {}, may_be_absent, read_only, 60, 2)


def test_redis_is_asked_and_nothing_is_left():
    with redis() as server:
        mine = probe(server)
        assert (mine._redis(), mine.problems, server.keys) == ("ok", [], {})
        assert server.commands == ["AUTH", "PING", "TIME", "SET", "GET", "DEL", "GET"]


def test_check_mode_writes_nothing():
    with redis() as server:
        mine = probe(server, read_only=True)
        assert (mine._redis(), mine.problems) == ("read only", [])
        assert "SET" not in server.commands and "DEL" not in server.commands


@pytest.mark.parametrize(("ahead", "words"), [(100, "100 seconds ahead of"), (-100, "100 seconds behind")])
def test_a_wrong_clock_of_redis(ahead, words):
    with redis(ahead=ahead) as server:
        mine = probe(server)
        mine._redis()
    assert len(mine.problems) == 1
    assert mine.problems[0].startswith("the clock of Redis is ")
    # a second may begin in between
    assert words in mine.problems[0].replace("101", "100").replace("99 ", "100 ")


def test_a_wrong_clock_of_the_store():
    instance = {"name": "acme", "database": "acme", "variables": VARIABLES}
    mine = stateless.PlacesProbe(instance, {}, {}, False, False, 60, 2)
    mine._date("the object store", email.utils.formatdate(time.time() - 3600, usegmt=True))
    assert "the clock of the object store is 360" in mine.problems[0] and "behind this machine's" in mine.problems[0]
    mine._date("the object store", email.utils.formatdate(time.time(), usegmt=True))
    assert len(mine.problems) == 1


def test_a_user_that_sees_everything_is_a_problem_of_the_own_server_only():
    with redis(sees_all=True) as server:
        mine = probe(server)
        assert mine._redis() == "failed" and "can read keys outside of the prefix" in mine.problems[0]
        theirs = probe(server, own=False)
        assert (theirs._redis(), theirs.problems) == ("ok", [])


def test_what_a_later_step_makes_is_absent():
    with redis() as server:
        early = probe(server, password="wrong", may_be_absent=True)
        assert (early._redis(), early.problems) == ("absent", [])
        late = probe(server, password="wrong")
        assert late._redis() == "failed" and "refuses user or password" in late.problems[0]
    gone = probe(server, may_be_absent=True)
    assert (gone._redis(), gone.problems) == ("absent", [])


@pytest.mark.parametrize(
    ("status", "code", "may_be_absent", "words"),
    [
        (404, "NoSuchBucket", True, ""),
        (404, "NoSuchBucket", False, "there is no such bucket at http://s3; the playbook storage creates it"),
        (403, "InvalidAccessKeyId", True, ""),
        (403, "SignatureDoesNotMatch", False, "refuses the key or its secret"),
        (403, "AccessDenied", True, "refuses what Odoo needs (put, get, delete of objects)"),
        (403, "RequestTimeTooSkewed", True, "the clock of this machine is wrong"),
    ],
)
def test_answers_of_a_store(status, code, may_be_absent, words):
    instance = {"name": "acme", "database": "acme", "variables": VARIABLES, "access_key": "key"}
    mine = stateless.PlacesProbe(instance, {}, {}, may_be_absent, False, 60, 2)
    result = mine._s3_error(S3Error(status, code, "said so", {}), "acme-odoo-prod", "http://s3")
    assert (result == "absent") == (not words)
    assert [words in one for one in mine.problems] == [True] * bool(words)


def test_an_address_that_is_none():
    with pytest.raises(
        redis_client.RedisFailure, match=r"redis_url=http://\.\.\.: give an address that begins with redis://"
    ):
        redis_client.RedisClient("http://secret@redis", "", "")


def test_each_instances_own_redis_is_asked():
    with redis() as server:
        mine = probe(server)
        mine.redis_place = {"url": "redis://127.0.0.1:1", "own": True}
        mine.instance["redis_url"] = f"redis://127.0.0.1:{server.server_address[1]}"
        assert (mine._redis(), mine.problems) == ("ok", [])


def test_a_socket_whose_path_is_too_long_for_the_system(tmp_path):
    folder = tmp_path / ("f" * 60) / ("g" * 60)
    folder.mkdir(parents=True)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        descriptor = os.open(folder, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{descriptor}/redis.sock")
        os.close(descriptor)
        listener.listen()
        client = redis_client.RedisClient(f"unix://{folder}/redis.sock", "", "", 2)
        client.close()
    with pytest.raises(redis_client.Unreachable, match="No such file"):
        redis_client.RedisClient(f"unix://{folder}/h/redis.sock", "", "", 2)
