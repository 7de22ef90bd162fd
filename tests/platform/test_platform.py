# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running platform, seen from outside: containers, TLS, redirects, closed doors, and no secret where it doesn't belong.

Where the platform is comes from PLATFORM_* variables; the defaults are the demo's.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

NAME = os.environ.get("PLATFORM_NAME", "odoo-cloud")
ROOT = Path(os.environ.get("PLATFORM_ROOT", "/srv/odoo-cloud"))
SECRETS = Path(os.environ.get("PLATFORM_SECRETS", f"~/.odoo-cloud/{NAME}")).expanduser()
HOSTNAME = os.environ.get("PLATFORM_HOSTNAME", "demo.localhost")
HTTP_PORT = int(os.environ.get("PLATFORM_HTTP_PORT", "8080"))
HTTPS_PORT = int(os.environ.get("PLATFORM_HTTPS_PORT", "8443"))
CONTAINERS = os.environ.get("PLATFORM_CONTAINERS", "postgres redis-demo report-demo swift nginx demo-1 demo-2").split()


def docker(*arguments: str) -> str:
    """What the docker command says, both streams."""
    done = subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.decode(errors="replace")


def trust() -> ssl.SSLContext:
    """Trusts the platform's own CA and nothing else."""
    return ssl.create_default_context(cafile=str(SECRETS / "tls" / "ca.crt"))


def ask(path: str, *, tls: bool = True, method: str = "GET", headers: dict[str, str] | None = None) -> HTTPResponse:
    """One request to nginx, by the site's name whatever the name resolves to."""
    port = HTTPS_PORT if tls else HTTP_PORT
    connection = HTTPConnection(HOSTNAME, port, timeout=60)
    raw = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sock = trust().wrap_socket(raw, server_hostname=HOSTNAME) if tls else raw
    connection.request(method, path, headers=headers or {})
    return connection.getresponse()


def secrets() -> dict[str, str]:
    """All generated secrets that are long enough to search for."""
    found = {}
    for path in sorted(SECRETS.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            if "BEGIN CERTIFICATE" in text:
                continue
            found[str(path.relative_to(SECRETS))] = text.splitlines()[1] if "PRIVATE KEY" in text else text
    return found


def assert_none_leaks(text: str, where: str) -> None:
    """Fail with the names of secrets, never with their values."""
    leaked = [name for name, value in secrets().items() if value in text]
    assert not leaked, f"{where} shows: {leaked}"


@pytest.fixture(scope="module")
def inspected() -> dict[str, dict]:
    return {one["Name"].lstrip("/"): one for one in json.loads(docker("inspect", *(f"{NAME}-{c}" for c in CONTAINERS)))}


@pytest.mark.parametrize("container", CONTAINERS)
def test_container_is_healthy_and_confined(inspected, container):
    one = inspected[f"{NAME}-{container}"]
    assert one["State"]["Status"] == "running"
    # The engine itself asks seldom, so its own word may be one of before.
    docker("exec", f"{NAME}-{container}", *one["Config"]["Healthcheck"]["Test"][1:])
    assert one["RestartCount"] == 0
    if container != "nginx":
        assert one["Config"]["User"].split(":")[0] not in ("", "0", "root")
        assert not one["HostConfig"]["CapAdd"]
    assert one["HostConfig"]["Privileged"] is False
    assert "ALL" in [capability.removeprefix("CAP_") for capability in one["HostConfig"]["CapDrop"] or []]


def test_replicas_only_run_and_the_containers_that_installed_are_gone(inspected):
    for container in CONTAINERS:
        if container[-1].isdigit():
            assert "MODE=RunOnly" in inspected[f"{NAME}-{container}"]["Config"]["Env"]
    names = docker("ps", "-a", "--filter", f"label=org.odoo-cloud.platform={NAME}", "--format", "{{.Names}}").split()
    assert [name for name in names if name.endswith(("-run", "-plan"))] == []


def test_what_serves_files_can_not_read_the_keys(inspected):
    one = inspected[f"{NAME}-nginx"]
    assert {name.removeprefix("CAP_") for name in one["HostConfig"]["CapAdd"]} == {"CHOWN", "SETGID", "SETUID"}
    listed = docker("top", f"{NAME}-nginx", "-eo", "pid,uid,args")
    users = {line.split()[1] for line in listed.splitlines() if "nginx: worker" in line}
    assert users == {"8080"}
    [key, *dummy] = docker("exec", f"{NAME}-nginx", "sh", "-c", "ls /run/secrets/*.key").split()
    with pytest.raises(subprocess.CalledProcessError):
        docker("exec", "--user", "8080:8080", f"{NAME}-nginx", "cat", key)


def test_replicas_share_nothing(inspected):
    for name in (f"{NAME}-{container}" for container in CONTAINERS if container.startswith("demo-")):
        mounts = {mount["Destination"]: mount for mount in inspected[name]["Mounts"]}
        volumes = [path for path, mount in mounts.items() if mount["Type"] == "volume" or mount["RW"]]
        assert set(volumes) <= {"/run/postgresql"}, name
        assert "/srv/odoo" in inspected[name]["HostConfig"]["Tmpfs"], name


def test_only_nginx_is_open_to_others(inspected):
    for name, one in inspected.items():
        addresses = {
            binding["HostIp"]
            for bindings in (one["HostConfig"]["PortBindings"] or {}).values()
            for binding in bindings or []
        }
        if name != f"{NAME}-nginx":
            assert addresses <= {"127.0.0.1", "::1"}, f"{name} is published on {addresses}"


def test_login_page_answers_over_tls():
    answer = ask("/web/login")
    assert answer.status == 200
    body = answer.read().decode()
    assert 'name="login"' in body and 'name="password"' in body


def test_a_name_that_is_no_site_gets_no_certificate():
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
        raw = socket.create_connection(("127.0.0.1", HTTPS_PORT), timeout=10)
        trust().wrap_socket(raw, server_hostname="elsewhere.invalid")


def test_http_redirects_to_https():
    answer = ask("/web/login?x=1", tls=False)
    assert answer.status in (301, 308)
    assert answer.getheader("Location") == f"https://{HOSTNAME}:{HTTPS_PORT}/web/login?x=1"


@pytest.mark.parametrize(
    "path", ["/web/database/manager", "/web/database/selector", "/web/database/list", "//web/database/manager"]
)
def test_database_manager_is_closed(path):
    assert ask(path).status in (403, 404)


def test_redirects_of_odoo_keep_the_public_address():
    # Odoo knows the scheme, host and port of the outside: X-Forwarded-* and proxy_mode work together.
    answer = ask("/odoo")
    if answer.status == 404:  # before Odoo 18
        answer = ask("/web")
    assert answer.status in (302, 303)
    location = answer.getheader("Location")
    assert location.startswith(("/", f"https://{HOSTNAME}:{HTTPS_PORT}/")), location


def test_session_cookie_is_for_tls_or_at_least_hidden_from_scripts():
    cookie = ask("/web/login").getheader("Set-Cookie") or ""
    assert "session_id=" in cookie
    assert "httponly" in cookie.lower()


def test_static_files_come_compressed_from_disk():
    answer = ask("/web/static/lib/jquery/jquery.js", headers={"Accept-Encoding": "gzip"})
    if answer.status == 404:
        answer = ask("/web/static/src/session.js", headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert answer.getheader("Content-Encoding") == "gzip"
    assert "werkzeug" not in (answer.getheader("Server") or "").lower()


def test_unknown_host_gets_nothing():
    connection = HTTPConnection("elsewhere.invalid", HTTP_PORT, timeout=30)
    connection.sock = socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=30)
    try:
        connection.request("GET", "/web/login")
        assert connection.getresponse().status in (400, 403, 404, 421, 444)
    except OSError:
        pass  # closed without an answer


def test_there_are_secrets_to_look_for():
    assert len(secrets()) >= 4
    assert [name for name, value in secrets().items() if len(value) < 16] == []


def test_secret_files_are_for_their_owner_only():
    for path in [SECRETS, *SECRETS.rglob("*")]:
        if path.is_file() and b"BEGIN CERTIFICATE" in path.read_bytes():
            continue
        assert path.stat().st_mode & 0o077 == 0, f"{path} is readable by others"
    assert (ROOT / "secrets").stat().st_mode & 0o777 == 0o700


def test_no_secret_in_inspect():
    assert_none_leaks(docker("inspect", *(f"{NAME}-{c}" for c in CONTAINERS)), "docker inspect")


@pytest.mark.parametrize("container", CONTAINERS)
def test_no_secret_and_no_error_in_log(container):
    log = docker("logs", f"{NAME}-{container}")
    assert_none_leaks(log, f"the log of {container}")
    assert "Traceback (most recent call last)" not in log


def test_no_secret_in_images(inspected):
    for image in sorted({one["Image"] for one in inspected.values()}):
        assert_none_leaks(
            docker("history", "--no-trunc", image) + docker("image", "inspect", image), f"the image {image}"
        )


def test_no_secret_in_process_list():
    texts = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            texts.append(path.read_bytes().decode(errors="replace"))
        except OSError:  # ended meanwhile
            continue
    assert_none_leaks("\n".join(texts), "the process list")
