# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A platform over two machines (molecule's scenario cluster): TLS between them, nothing open that need not be, one build for all.

The machines are nested Docker hosts on this one; what they are called comes from CLUSTER_* variables.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import zlib
from http.client import HTTPConnection
from pathlib import Path

import psycopg2
import pytest

NAME = os.environ.get("CLUSTER_NAME", "oc-cluster")
SECRETS = Path(os.environ["CLUSTER_SECRETS"])
APP = (os.environ.get("CLUSTER_APP", "oc-cluster-app"), os.environ.get("CLUSTER_APP_ADDRESS", "198.18.50.11"))
DATA = (os.environ.get("CLUSTER_DATA", "oc-cluster-data"), os.environ.get("CLUSTER_DATA_ADDRESS", "198.18.50.10"))
HOSTNAME = "demo.localhost"
CA = SECRETS / "tls" / "ca.crt"
REDIS_PORT = 20000 + zlib.crc32(b"demo") % 10000  # of the instance's own server
PLACES = {
    "postgres": DATA, "redis-demo": DATA, "swift": DATA, "nginx": APP, "report-demo": APP, "demo-1": APP, "demo-2": APP,
}  # fmt: skip


def run(*command: str) -> str:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode(errors="replace")


def on(machine: tuple[str, str], *command: str) -> str:
    """What a command says on one of the machines."""
    return run("docker", "exec", machine[0], *command)


def secret(name: str) -> str:
    return (SECRETS / name).read_text(encoding="utf-8").strip()


@pytest.fixture(scope="module")
def inspected() -> dict[str, dict]:
    return {name: json.loads(on(machine, "docker", "inspect", f"{NAME}-{name}"))[0] for name, machine in PLACES.items()}


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ca")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", f"/CN={NAME} CA", "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt"))  # fmt: skip
    return folder / "ca.crt"


def database(**options) -> str:
    """How the session of the instance's role is encrypted."""
    settings = {
        "host": "postgres",
        "hostaddr": DATA[1],
        "user": "demo",
        "dbname": "demo",
        "password": secret("demo/db_password"),
        "sslmode": "verify-full",
        "sslrootcert": str(CA),
        "connect_timeout": 10,
        **options,
    }
    connection = psycopg2.connect(**settings)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl")
            return cursor.fetchone()[0]
    finally:
        connection.close()


@pytest.mark.parametrize("name", PLACES)
def test_container_is_healthy_where_it_belongs(inspected, name):
    state = inspected[name]["State"]
    assert (state["Status"], inspected[name]["RestartCount"]) == ("running", 0)
    assert state["Health"]["Status"] in ("starting", "healthy")  # the engine asks seldom; the roles have waited for it


def test_images_are_those_of_the_builder(inspected):
    for name, one in inspected.items():
        assert json.loads(run("docker", "image", "inspect", one["Image"]))[0]["Id"] == one["Image"], name
    # Nothing was built or pulled on the machines: they have what was carried over and no more.
    for machine in (APP, DATA):
        there = set(on(machine, "docker", "images", "-q", "--no-trunc", "-a").split())
        assert there == {one["Image"] for name, one in inspected.items() if PLACES[name] == machine}


def test_ports_are_published_on_the_machines_address_only(inspected):
    published = {}
    for name, one in inspected.items():
        for bindings in (one["HostConfig"]["PortBindings"] or {}).values():
            published.setdefault(name, set()).update(binding["HostIp"] for binding in bindings)
    nginx = published.pop("nginx")
    assert nginx == {"0.0.0.0"}
    assert published == {name: {DATA[1]} for name in ("postgres", "redis-demo", "swift")}


def test_odoo_speaks_tls_with_postgresql():
    query = (
        "SELECT ssl, client_addr, count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) "
        "WHERE usename = 'demo' GROUP BY 1, 2"
    )
    argv = ("psql", "-h", "/run/postgresql", "-U", "postgres", "-d", "postgres", "-Atc", query)
    # Let Odoo open a session, whatever it did before.
    assert login_page()[0] == 200
    rows = [line.split("|") for line in on(DATA, "docker", "exec", f"{NAME}-postgres", *argv).splitlines()]
    assert rows and all(row[0] == "t" and row[1] for row in rows), rows


def test_odoo_checks_the_servers_certificate():
    conf = on(APP, "docker", "exec", f"{NAME}-demo-1", "cat", "/etc/odoo/odoo.conf")
    assert "\ndb_sslmode = verify-full\n" in conf
    assert "\ndb_host = postgres\n" in conf


def test_postgresql_takes_the_own_ca_by_name():
    assert database().startswith("TLSv1.")


def test_postgresql_refuses_a_connection_without_tls():
    with pytest.raises(psycopg2.OperationalError, match="no encryption|pg_hba.conf rejects"):
        database(sslmode="disable")


def test_another_ca_of_the_same_name_is_refused(other_ca):
    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
        database(sslrootcert=str(other_ca))


def test_another_name_is_refused():
    with pytest.raises(psycopg2.OperationalError, match="does not match host name"):
        database(host="elsewhere.invalid")


def test_the_superuser_is_refused_from_outside():
    with pytest.raises(psycopg2.OperationalError, match="pg_hba.conf rejects"):
        database(user="postgres")


def redis(sock: socket.socket, *words: str) -> str:
    sock.sendall(b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)]))
    return sock.recv(4096).decode(errors="replace").strip()


def test_redis_takes_tls_with_the_own_ca():
    trust = ssl.create_default_context(cafile=str(CA))
    with (
        socket.create_connection((DATA[1], REDIS_PORT), timeout=10) as raw,
        trust.wrap_socket(raw, server_hostname="redis") as tls,
    ):
        assert redis(tls, "GET", "x").startswith("-NOAUTH")
        assert redis(tls, "AUTH", "demo", secret("demo/redis_password")) == "+OK"
        assert redis(tls, "GET", "demo-odoo-prod:nothing") == "$-1"


def test_redis_refuses_plain_connections_and_other_cas(other_ca):
    with socket.create_connection((DATA[1], REDIS_PORT), timeout=10) as raw:
        try:
            answer = redis(raw, "PING")
        except ConnectionResetError:
            answer = ""
        assert "PONG" not in answer and "NOAUTH" not in answer
    trust = ssl.create_default_context(cafile=str(other_ca))
    with (
        socket.create_connection((DATA[1], REDIS_PORT), timeout=10) as raw,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        trust.wrap_socket(raw, server_hostname="redis")


def test_object_storage_refuses_strangers():
    connection = HTTPConnection(DATA[1], 8095, timeout=30)
    connection.request("GET", "/v1/AUTH_demo/demo-odoo-prod")
    assert connection.getresponse().status == 401


def login_page() -> tuple[int, str]:
    trust = ssl.create_default_context(cafile=str(CA))
    connection = HTTPConnection(HOSTNAME, 8443, timeout=60)
    connection.sock = trust.wrap_socket(socket.create_connection((APP[1], 8443), timeout=60), server_hostname=HOSTNAME)
    connection.request("GET", "/web/login")
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_login_page_comes_through_nginx():
    status, body = login_page()
    assert status == 200
    assert 'name="login"' in body and 'name="password"' in body


def test_no_secret_in_definitions_process_lists_and_logs(inspected):
    secrets = {}
    for path in sorted(SECRETS.rglob("*")):
        if path.is_file() and path.suffix != ".crt":
            text = path.read_text(encoding="utf-8").strip()
            secrets[str(path.relative_to(SECRETS))] = text.splitlines()[1] if "PRIVATE KEY" in text else text
    assert "postgres/admin_password" in secrets and "tls/postgres.key" in secrets
    shown = {f"definition of {name}": json.dumps(one) for name, one in inspected.items()}
    for machine in (APP, DATA):
        shown[f"process list of {machine[0]}"] = on(machine, "ps", "axeww")
    for name, machine in PLACES.items():
        shown[f"log of {name}"] = on(machine, "docker", "logs", f"{NAME}-{name}")
    assert [(where, name) for where, text in shown.items() for name, value in secrets.items() if value in text] == []
