# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage done by hand; the next run repairs exactly that."""

from __future__ import annotations

import hashlib
import pathlib
import re
import typing as t

import psycopg2

from ..frame import Line, docker, sentence
from ..platforms import Platform

# What is written while the platform works, or is no configuration.
LEFT_OUT = (
    "applied",
    "images",
    "static",
    "nginx/tmp",
    "demo/runs",
    "demo/restore",
    "postgres/socket",
    "redis/servers/demo/socket",
)


def files_of(root: pathlib.Path) -> dict[str, str]:
    """Mode, owner and digest of every file and folder of the platform."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if any(name == one or name.startswith(f"{one}/") for one in LEFT_OUT) or path.is_symlink():
            continue
        status = path.stat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "folder"
        found[name] = f"{status.st_mode & 0o7777:o} {status.st_uid}:{status.st_gid} {digest}"
    return found


def seen(platform: Platform) -> dict[str, str]:
    """All that a run manages, as it is on the machine: files, containers, the database's role, Redis's users, nginx's configuration."""
    found = {f"file {name}": value for name, value in files_of(platform.root).items()}
    for name in platform.containers():
        short = name.removeprefix(f"{platform.name}-")
        found[f"container {short}"] = docker("inspect", "-f", "{{.Id}}", name).strip()
        found[f"start of {short}"] = docker("inspect", "-f", "{{.State.StartedAt}}", name).strip()
    found["database role"] = "the generated password" if database_opens(platform) else "another password"
    users = docker("exec", f"{platform.name}-redis-demo", "cat", "/tmp/redis/users.acl")
    found["redis users"] = hashlib.sha256(re.sub(r"(?m)^user loader .*$", "", users).encode()).hexdigest()[:12]
    effective = platform.root / "nginx" / "tmp" / "effective.conf"
    found["nginx's configuration in use"] = hashlib.sha256(effective.read_bytes()).hexdigest()[:12]
    return found


def database_opens(platform: Platform) -> bool:
    """Whether the instance's role gets in with the generated password."""
    try:
        psycopg2.connect(
            host=str(platform.root / "postgres" / "socket"), user="demo", dbname="demo", connect_timeout=10,
            password=(platform.secrets / "demo" / "db_password").read_text().strip(),
        ).close()  # fmt: skip
    except psycopg2.OperationalError:
        return False
    return True


def edit(path: pathlib.Path, old: str, new: str) -> None:
    """Another content in the same file, as an editor writes it."""
    text = path.read_text()
    if not old or old not in text:
        raise ValueError(f"{old!r} is not in {path}")
    path.write_text(text.replace(old, new))


def damages(platform: Platform) -> dict[str, tuple[t.Callable[[], t.Any], set[str]]]:
    """What is done by hand, and what is another one than before once it is repaired."""
    redis, nginx, root = f"{platform.name}-redis-demo", f"{platform.name}-nginx", platform.root

    def redis_user() -> None:
        acl = root / "redis" / "servers" / "demo" / "config" / "users.acl"
        password = re.search(r"^user demo on (#[0-9a-f]{64})", acl.read_text(), re.MULTILINE)
        edit(acl, password[1] if password else "", "#" + hashlib.sha256(b"changed by hand").hexdigest())
        docker("exec", redis, "redis-acl-load")

    def nginx_site() -> None:
        edit(root / "nginx" / "config" / "nginx.conf", "disable_symlinks on;", "disable_symlinks off;")
        docker("exec", nginx, "nginx", "-s", "reload", check=False)

    return {
        "a container removed": (lambda: docker("rm", "-f", redis), {"container redis-demo", "start of redis-demo"}),
        "a configuration file edited": (
            lambda: edit(root / "demo" / "config" / "odoo.conf", "list_db = False", "list_db = True"),
            {"start of demo-1", "start of demo-2"},
        ),
        "another mode of a secret": (lambda: (root / "secrets" / "demo" / "db_password").chmod(0o444), set()),
        "a database password changed": (lambda: platform.psql("ALTER ROLE demo PASSWORD 'changed-by-hand'"), set()),
        "a Redis user changed": (redis_user, set()),
        "an nginx site edited": (nginx_site, set()),
    }


def part_repairs(run: t.Any) -> t.Iterator[Line]:
    """Each damage alone, then a run that has nothing left to do."""
    platform = run.up()
    for what, (damage, others) in damages(platform).items():
        before = seen(platform)
        damage()
        damaged = {key for key, value in seen_safely(platform, before).items() if before.get(key) != value}
        changed = platform.tasks_changed()
        platform.wait_for_login(60)
        after = seen(platform)
        differs = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        troubles = [f"not as before: {one}" for one in sorted(differs - others)]
        troubles += [f"untouched: {one}" for one in sorted(others - differs)]
        troubles += [] if damaged else ["the damage is not seen"]
        troubles += [] if changed else ["no change was reported"]
        told = ", ".join(dict.fromkeys(task for dummy, task in changed)) or "nothing"
        yield Line(f"{what}, then a run", f"{len(changed)} changed ({told}); {sentence(troubles, 'just that is repaired')}",
                   "exactly that is repaired", not troubles)  # fmt: skip
    left = platform.tasks_changed()
    yield Line("nothing left to repair", ", ".join(task for dummy, task in left) or "nothing", "nothing", not left)


def seen_safely(platform: Platform, before: dict[str, str]) -> dict[str, str]:
    """What is seen of a damaged platform; what can't be asked any more differs."""
    try:
        return seen(platform)
    except Exception as error:  # noqa: BLE001 -- whatever can't be asked: that is the damage
        return {**before, "what can be asked": f"{type(error).__name__}: {error}"}
