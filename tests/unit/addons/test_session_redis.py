# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session store without Odoo and without Redis; with both the addon's own tests try it."""

from __future__ import annotations

import datetime
import json
import time

import pytest

redis = pytest.importorskip("redis")
pytest.importorskip("werkzeug")

PREFIX = "session::acme-odoo-test:"


class Session(dict):
    def __init__(self, data, sid, new=False):
        super().__init__(data)
        self.sid, self.new = sid, new


class Base:
    """As much of Odoo's store as the mixin needs."""

    def __init__(self, path="", session_class=Session, renew_missing=True):
        self.path, self.session_class, self.made = path, session_class, 0

    def is_valid_key(self, key):
        return len(key) == 84 and ":" not in key

    def new(self):
        self.made += 1
        return self.session_class({}, f"{self.made:084d}", True)


class Pipe:
    def __init__(self, client):
        self.client, self.calls = client, []

    def __getattr__(self, name):
        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))

        return call

    def execute(self):
        self.client.commands += [name for name, _args, _kwargs in self.calls]
        return [getattr(self.client, f"do_{name}")(*args, **kwargs) for name, args, kwargs in self.calls]


class Client:
    """A Redis in a dictionary: key -> (value, time to live)."""

    def __init__(self):
        self.data, self.sets, self.ends, self.commands, self.error, self.trips = {}, {}, {}, [], None, 0

    def pipeline(self, transaction):
        assert transaction is False
        self.trips += 1
        if self.error:
            raise self.error
        return Pipe(self)

    def do_set(self, key, value, ex, nx=False):
        if not (nx and key in self.data):
            self.data[key] = (value, ex)

    def do_get(self, key):
        return self.data.get(key, (None,))[0]

    def do_ttl(self, key):
        return self.data.get(key, (None, -2))[1]

    def do_expire(self, key, seconds, nx=False, gt=False):
        if key in self.data:
            self.data[key] = (self.data[key][0], seconds)
        left = self.ends.get(key)  # of a set; none counts as for ever
        if key in self.sets and not (nx and left is not None) and not (gt and (left is None or seconds <= left)):
            self.ends[key] = seconds

    def do_delete(self, *keys):
        for key in keys:
            self.data.pop(key, None)

    delete = do_delete

    def do_exists(self, key):
        return int(key in self.data)

    def do_sadd(self, key, member):
        self.sets.setdefault(key, set()).add(member.encode())

    def do_srem(self, key, member):
        self.sets.get(key, set()).discard(member.encode())

    def do_smembers(self, key):
        return set(self.sets.get(key, ()))

    def scan_iter(self, match, count):
        raise redis.exceptions.NoPermissionError("no SCAN for this user")


@pytest.fixture
def make(addon):
    module = addon("session_redis.store")

    def build(**options):
        store = type("Store", (module.RedisSessionStore, Base), {})()
        store.configure(Client(), prefix="acme-odoo-test", **options)
        return store

    build.module = module
    return build


def session(store, start="a", **values):
    return store.session_class(values, start * 42 + "x" * 42)


def test_form_is_the_originals(make):
    store = make()
    one = session(store, uid=2, login="x", when=datetime.datetime(2026, 1, 2, 3, 4), day=datetime.date(2026, 1, 2))
    store.save(one)
    value, seconds = store.redis.data[PREFIX + one.sid]
    assert seconds == 604800
    assert json.loads(value)["when"] == {"_type": "datetime_isoformat", "value": "2026-01-02T03:04:00"}
    assert dict(store.get(one.sid)) == dict(one)
    assert store.redis.commands[0] == "set"


def test_one_trip_each(make):
    store = make(devices=True)
    one = session(store, uid=2)
    store.save(one)
    store.get(one.sid)
    store.delete(one)
    assert store.redis.trips == 3
    assert not store.redis.data


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({}, 3600),
        ({"uid": None}, 3600),
        ({"uid": 2}, 604800),
        ({"uid": 2, "expiration": 60}, 60),
        ({"expiration": "7200"}, 3600),
        ({"expiration": -1}, 3600),
        ({"expiration": True}, 3600),
    ],
)
def test_lifetime(make, values, seconds):
    store = make()
    assert store.lifetime(session(store, **values)) == seconds


def test_prolonged_when_half_is_over(make):
    store = make()
    one = session(store, uid=2)
    store.save(one)
    key = PREFIX + one.sid
    for left, after in ((400000, 400000), (300000, 604800), (-1, 604800)):
        store.redis.data[key] = (store.redis.data[key][0], left)
        store.get(one.sid)
        assert store.redis.data[key][1] == after


def test_unreadable_is_new(make):
    store = make()
    one = session(store)
    for value in (b"{", b"[]", b"\xff"):
        store.redis.data[PREFIX + one.sid] = (value, 100)
        assert store.get(one.sid).sid != one.sid
    assert store.get("not a key").new


def test_away(make, monkeypatch):
    store = make()
    one = session(store, uid=2)
    store.save(one)
    now = [1000.0]
    monkeypatch.setattr(make.module.time, "monotonic", lambda: now[0])
    for error, seconds in ((redis.exceptions.ConnectionError("x"), 1), (redis.exceptions.TimeoutError("x"), 5)):
        store.redis.error, before = error, store.redis.trips
        for _turn in range(10):
            with pytest.raises(make.module.SessionStoreUnavailable) as caught:
                store.get(one.sid)
        assert store.redis.trips == before + 1, "asked once, then the answer is known for a moment"
        caught.value.error_response = "a page of Odoo's own, which 16 and 17 set in the middle of a request"
        response = caught.value.error_response
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        store.redis.error = None
        now[0] += seconds - 0.1
        with pytest.raises(make.module.SessionStoreUnavailable):
            store.get(one.sid)
        now[0] += 0.2
        assert store.get(one.sid)["uid"] == 2


def test_devices(make):
    store = make(devices=True)
    first, second = session(store, "a", uid=1), session(store, "b", uid=2)
    store.save(first)
    store.save(second)
    identifiers = [first.sid[:42], second.sid[:42], "c" * 42]
    assert store.get_missing_session_identifiers(identifiers) == {"c" * 42}
    with pytest.raises(ValueError, match="Identifier format incorrect"):
        store.delete_from_identifiers(["*"])
    with pytest.raises(ValueError, match="Identifier format incorrect"):
        store.delete_from_identifiers("a" * 42)
    store.delete_from_identifiers([first.sid[:42]])
    assert store.get_missing_session_identifiers(identifiers) == {"a" * 42, "c" * 42}


def test_an_index_lives_as_long_as_its_session(make):
    store = make(devices=True)
    index = f"{PREFIX}index:{'a' * 42}"
    visitor = session(store)
    store.save(visitor)
    assert store.redis.data[PREFIX + visitor.sid][1] == 3600
    assert store.redis.ends[index] == 3660, "a visitor's handshake leaves nothing that lives a week"
    user = session(store, uid=2)
    store.save(user)
    assert store.redis.ends[index] == 604860
    store.save(session(store, uid=2, expiration=120))  # the session before a rotation
    assert store.redis.ends[index] == 604860, "never shorter than the session in it that lives longest"


def test_old_sessions_go_and_this_one_stays(make):
    store = make(devices=True)
    old = session(store, uid=1)
    new = store.session_class({"uid": 1, "gc_previous_sessions": True, "create_time": time.time()}, "a" * 42 + "y" * 42)
    store.save(old)
    store.save(new)
    store.delete_old_sessions(new)
    assert PREFIX + old.sid in store.redis.data
    new["create_time"] -= 121
    store.delete_old_sessions(new)
    assert set(store.redis.data) == {PREFIX + new.sid}
    assert "gc_previous_sessions" not in json.loads(store.redis.data[PREFIX + new.sid][0])


class Files(Base):
    """Odoo's own store."""

    def __init__(self, path, stubborn=False):
        super().__init__(str(path))
        self.stubborn = stubborn

    def get_session_filename(self, sid):
        return f"{self.path}/{sid}"

    def save(self, one):
        with open(self.get_session_filename(one.sid), "w", encoding="utf-8") as handle:
            json.dump(dict(one), handle)

    def get(self, sid):
        with open(self.get_session_filename(sid), encoding="utf-8") as handle:
            return self.session_class(json.load(handle), sid)

    def delete(self, one):
        import contextlib
        import os

        with contextlib.suppress(OSError):
            if not self.stubborn:
                os.unlink(self.get_session_filename(one.sid))


def test_files_are_taken_over(make, tmp_path):
    files = Files(tmp_path)
    store = make(file_store=files)
    ones = [session(store, chr(97 + number), uid=number + 1) for number in range(5)]
    for one in ones:
        files.save(one)
    assert store.get(ones[0].sid)["uid"] == 1
    assert store.import_files(20) == 4
    assert list(tmp_path.iterdir()) == []
    assert all(store.get(one.sid)["uid"] == one["uid"] for one in ones)


def test_file_of_a_session_that_was_logged_out(make, tmp_path):
    files = Files(tmp_path)
    store = make(file_store=files)
    one = session(store, uid=1)
    store.save(one)
    files.save(one)  # as a kill between the two steps of taking over leaves it
    store.delete(one)
    assert store.get(one.sid).sid != one.sid


def test_file_that_stays_is_not_taken_over(make, tmp_path):
    files = Files(tmp_path, stubborn=True)
    store = make(file_store=files)
    one = session(store, uid=1)
    files.save(one)
    assert store.get(one.sid).sid != one.sid
    assert store.redis.data == {}


def test_file_is_kept_while_redis_is_away(make, tmp_path):
    files = Files(tmp_path)
    store = make(file_store=files)
    one = session(store, uid=1)
    files.save(one)
    store.redis.error = redis.exceptions.ConnectionError("x")
    assert store.import_files(20) == 0
    assert files.get(one.sid)["uid"] == 1


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({}, "localhost:6379, prefix ''"),
        ({"HOST": "redis", "PORT": "7000", "PREFIX": "p"}, "redis:7000, prefix 'p'"),
        ({"URL": "rediss://u:secret@redis:6380/1?x=secret"}, "rediss://redis:6380/1 over TLS, prefix ''"),
        (
            {"SENTINEL_HOST": "a,b:27000 [::1]:1", "SENTINEL_MASTER_NAME": "m", "URL": "redis://x"},
            "master 'm' of the sentinels a:26379, b:27000, ::1:1, prefix ''",
        ),
        ({"HOST": "redis", "SSL": "1"}, "redis:6379 over TLS, prefix ''"),
    ],
)
def test_where(addon, env, text):
    connection = addon("session_redis.connection")
    where = connection.load({f"ODOO_SESSION_REDIS_{name}": value for name, value in env.items()})
    assert str(where) == text
    assert "secret" not in repr(where)
    connection.connect(where)


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"SENTINEL_HOST": "a"}, "SENTINEL_MASTER_NAME is not set"),
        ({"SENTINEL_HOST": "a:b", "SENTINEL_MASTER_NAME": "m"}, "SENTINEL_HOST is 'a:b'"),
        ({"CLUSTER": "1"}, "a Redis Cluster is not supported"),
        ({"URL": "redis.example.com"}, "must begin with redis://"),
        ({"URL": "redis://x", "SSL": "1"}, "begin it with rediss://"),
        ({"EXPIRATION": "7 days"}, "EXPIRATION is '7 days': must be a number"),
    ],
)
def test_wrong_settings(addon, env, sentence):
    connection = addon("session_redis.connection")
    with pytest.raises(ValueError, match=sentence):
        connection.load({f"ODOO_SESSION_REDIS_{name}": value for name, value in env.items()})
