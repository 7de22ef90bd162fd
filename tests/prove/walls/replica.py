# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replica that was taken over, and an instance that takes more than its part of the machine.

The hostile program gets exactly what a replica has: its image, user, variables, mounts, networks, capabilities and limits are read from
a real one. What the containers of runs can write is planted with the definition of such a container, and by a hook that runs in a real
one. An administrator runs the playbooks over it.
"""

from __future__ import annotations

import base64
import collections.abc
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import stat
import statistics
import subprocess
import tarfile
import threading
import time
import typing as t

from ..blockers.static import one_off
from ..frame import Line, Mutant, Shortfall, docker, last_error, sentence
from ..platforms import Platform
from .bench import Attempt, Bench, attempts_line

ME, OTHER = "alpha", "beta"
PROGRAM = pathlib.Path(__file__).with_name("hostile.py")
LEAST = 35
UID = 8069
MIB = 1024 * 1024
# Small, so that filling it takes no time and no memory that this machine needs.
SMALL = {"odoo_workers": 2, "odoo_memory": "1g", "odoo_pids": 300}
PLAYBOOKS: tuple[tuple[str, ...], ...] = (
    ("preflight",), ("status",), ("plan",), ("database",), ("cache",), ("storage",), ("odoo",), ("proxy",), ("site", "--check"), ("site",),
)  # fmt: skip
# Folders that alpha's runs write, and those that services write
NOT_COMPARED = (
    (ME, "runs"), (ME, "restore"), ("static", ME), ("applied",), ("images",), ("nginx", "tmp"), ("postgres", "socket"), ("redis", "socket"),
)  # fmt: skip
# Texts that a terminal or Ansible would act on.
ESCAPE = "\x1b]0;planted\x07\x1b[31mplanted"
TEMPLATE = "{{ lookup('ansible.builtin.pipe', 'touch %s') }}"


def up(bench: Bench) -> Platform:
    """The shared platform with small limits; alpha has a folder of hooks and code of its own."""
    new = "two" not in bench.sites
    site = bench.site("two", 0, instances={name: {"odoo_modules": ["base"]} for name in (ME, OTHER)})
    if new or "odoo_memory" not in site.instances[ME]:
        for name in (ME, OTHER):
            site.instances[name].update(SMALL)
        folder = hooks_of(site)
        folder.mkdir(parents=True, exist_ok=True)
        site.instances[ME].update(odoo_hooks_dir=str(folder), odoo_hooks="always")
        addon = site.folder / "addons" / "walls_own"
        addon.mkdir(parents=True, exist_ok=True)
        (addon / "__init__.py").write_text("")
        (addon / "__manifest__.py").write_text(repr({"name": "Own", "version": "19.0.1.0.0", "depends": ["base"]}))
        site.instances[ME].update(odoo_custom_modules_paths=[str(addon.parent)])
        site.site()
        for name in (ME, OTHER):
            site.wait_for_login(instance=name)
    return site


def hooks_of(site: Platform) -> pathlib.Path:
    return site.root.with_name(f"{site.name}-hooks")


def inspected(name: str) -> dict[str, t.Any]:
    return json.loads(docker("inspect", name))[0]


def like(found: t.Mapping[str, t.Any], name: str, *more: str) -> list[str]:
    """Arguments of `docker create` for a container with all that another one has, with another program."""
    config, host = found["Config"], found["HostConfig"]
    arguments = ["--interactive", "--name", name, "--user", config["User"], "--entrypoint", "python3"]
    for variable in config["Env"]:
        arguments += ["--env", variable]
    for mount in found["Mounts"]:
        source = mount["Name"] if mount["Type"] == "volume" else mount["Source"]
        parts = [f"type={mount['Type']}", f"source={source}", f"target={mount['Destination']}"]
        arguments += ["--mount", ",".join(parts + ([] if mount["RW"] else ["readonly"]))]
    for path, options in (host["Tmpfs"] or {}).items():
        arguments += ["--tmpfs", f"{path}:{options}" if options else path]
    for flag, values in (("--cap-drop", host["CapDrop"]), ("--cap-add", host["CapAdd"]), ("--security-opt", host["SecurityOpt"]),
                         ("--add-host", host["ExtraHosts"])):  # fmt: skip
        for value in values or []:
            arguments += [flag, value]
    numbers = {"--memory": "Memory", "--memory-swap": "MemorySwap", "--pids-limit": "PidsLimit", "--cpu-shares": "CpuShares",
               "--oom-score-adj": "OomScoreAdj", "--shm-size": "ShmSize"}  # fmt: skip
    for flag, key in numbers.items():
        if host.get(key):
            arguments += [flag, str(host[key])]
    arguments += ["--read-only"] if host["ReadonlyRootfs"] else []
    arguments += ["--init"] if host.get("Init") else []
    networks = list(found["NetworkSettings"]["Networks"])
    arguments += ["--network", networks[0] if networks else host["NetworkMode"]]
    return [*arguments, *more, found["Image"]]


def run_like(site: Platform, replica: str, given: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """What the hostile program reports, in a container with all that the replica has."""
    found, name = inspected(f"{site.name}-{replica}"), f"{site.name}-{ME}-hostile"
    docker("rm", "-f", name, check=False)
    docker("create", *like(found, name, "--label", site.place.label), "-", json.dumps(given))
    for network in list(found["NetworkSettings"]["Networks"])[1:]:
        docker("network", "connect", network, name)
    try:
        done = subprocess.run(
            ["docker", "start", "--attach", "--interactive", name], input=PROGRAM.read_text(), capture_output=True,
            text=True, errors="replace", check=False, timeout=600,
        )  # fmt: skip
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise Shortfall(f"the hostile program ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
        return lines
    finally:
        docker("rm", "-f", name, check=False)


def secrets_of(site: Platform) -> dict[str, str]:
    """SHA-256 of each secret that alpha's replica has no use for, with its name."""
    found = {}
    for path in sorted(site.secrets.rglob("*")):
        where = path.relative_to(site.secrets)
        mine = where.parts[0] == ME and where.name in ("db_password", "redis_password", "s3_secret_key")
        if not path.is_file() or mine or where.name == "platform.json" or path.suffix == ".crt":
            continue
        text = path.read_bytes().strip()
        if len(text) >= 16:
            found[hashlib.sha256(text).hexdigest()] = str(where)
    return found


def from_the_replica(site: Platform) -> list[Attempt]:
    host = inspected(f"{site.name}-{ME}-1")["HostConfig"]
    # What the other instance has and the attempts are after
    site.psql("CREATE TABLE IF NOT EXISTS public.theirs AS SELECT 1 AS one", OTHER, OTHER)
    given = {
        "me": ME, "other": OTHER, "forbidden": secrets_of(site), "pids": max(host["PidsLimit"] or 0, 0) or 300,
        "memory": host["Memory"] or 1024 * MIB, "code": code_to_plant(site),
    }  # fmt: skip
    lines = run_like(site, f"{ME}-1", given)
    useless = [f"{one['what']}: {one['broken'] or one.get('refusal', '')}" for one in lines
               if one["broken"] or (one["kind"] == "control" and not one["succeeded"])]  # fmt: skip
    if useless:
        raise Shortfall(f"attempts that show nothing: {'; '.join(useless)[:600]}")
    return [Attempt(one["what"], one["succeeded"], one["seen"]) for one in lines if one["kind"] == "attempt"]


# Own code that nobody delivered

PLANTED_CHANNEL = "channels/planted.json"
CODE_USER = f"{ME}-code:odoo"


def planted_release() -> tuple[str, dict[str, bytes]]:
    """A whole release that no controller published: its name, and its objects, with alpha's channel and one more."""
    text, name = b"raise SystemExit('planted')\n", "walls_own"
    files = {f"{name}/__init__.py": text, f"{name}/__manifest__.py": b"{'name': 'Own', 'version': '19.0.1.0.0'}\n"}
    lines = [f"- {hashlib.sha256(content).hexdigest()} {path}\n" for path, content in sorted(files.items())]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    named: dict[str, t.Any] = {
        "format": 1, "odoo_version": "19", "packages": [["addon", name, digest]], "requirements": "", "constraints": "",
        "system_packages": [],
    }  # fmt: skip
    whole = hashlib.sha256(json.dumps(named, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    size = sum(len(content) for content in files.values())
    entry = {"kind": "addon", "name": name, "digest": digest, "size": size, "files": len(files)}
    manifest = {**named, "packages": [entry], "release": whole[:16], "digest": whole, "about": {}}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as made:
        for path, content in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    listed = {
        f"addon/{name}": [
            [path, hashlib.sha256(text).hexdigest(), len(text), 0] for path, text in sorted(files.items())
        ]
    }
    channel = json.dumps({"format": 1, "release": whole[:16], "layout": "pack", "in_place": False}).encode()
    return whole[:16], {
        f"packs/{digest}.tar.gz": archive.getvalue(),
        f"releases/{whole[:16]}.files.json.gz": gzip.compress(json.dumps(listed).encode()),
        f"releases/{whole[:16]}.json": json.dumps(manifest).encode(),
        PLANTED_CHANNEL: channel,
        f"channels/{ME}.json": channel,
    }


def code_to_plant(site: Platform) -> dict[str, t.Any]:
    objects = {key: base64.b64encode(content).decode() for key, content in planted_release()[1].items()}
    return {"bucket": code_bucket(site), "user": CODE_USER, "channel": f"channels/{ME}.json", "planted": objects}


def code_bucket(site: Platform) -> str:
    env = inspected(f"{site.name}-{ME}-1")["Config"]["Env"]
    return next(one.partition("=")[2] for one in env if one.startswith("AWS_BUCKETNAME=")) + "-code"


def of_code(site: Platform) -> list[Attempt]:
    """What became of the planted release, after an administrator ran everything."""
    import boto3

    release, objects = planted_release()
    secret = site.secrets / ME / "code_secret_key"
    client = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{site.https_port + 2}", region_name="us-east-1", aws_access_key_id=CODE_USER,
        aws_secret_access_key=(secret if secret.exists() else secret.with_name("s3_secret_key")).read_text().strip(),
    )  # fmt: skip
    bucket = code_bucket(site)
    keys = {one["Key"] for one in client.list_objects_v2(Bucket=bucket).get("Contents", [])}
    channel = json.loads(client.get_object(Bucket=bucket, Key=f"channels/{ME}.json")["Body"].read())["release"]
    mine = {key for key in keys & objects.keys() if key != f"channels/{ME}.json"}
    return [
        Attempt(
            "Own code: the machine pulls a planted release", (site.root / ME / "code" / "releases" / release).exists()
        ),
        Attempt(
            "Own code: a planted object is copied into the account of the releases", bool(mine), ", ".join(sorted(mine))
        ),
        Attempt("Own code: the channel names the planted release", channel == release),
    ]


# What containers of runs leave on the machine


def plant(site: Platform) -> None:
    """Links, pipes, folders, huge files and names that are no text, everywhere that a container of alpha's runs can write."""
    root, mine = site.root, f"/srv/static/{ME}"
    names = [f"/run/odoo-cloud/run-2020010{number}T000000-dead.ndjson" for number in range(1, 8)]
    one_off(
        site,
        f"rm -rf {mine}/current {mine}/previous; ln -s ../{OTHER}/current {mine}/current; mkdir -p {mine}/previous/web/static;"
        f" cd {mine}/previous/web/static; ln -s /etc/passwd passwd; ln -s /run/secrets/{ME}.key key; mkfifo pipe;"
        f" ln -s /srv/static/{OTHER}/current/web/static theirs; cd {mine};"
        f" ln -s /etc etc; ln -s {root}/secrets secrets; mkfifo pipe; truncate -s 4T huge;"
        " touch \"$(printf '\\377')\" \"$(printf '\\033[2J')\";"
        f" ln -s {root}/secrets/{OTHER}/db_password {names[0]}; ln -s /etc/shadow {names[1]}; mkfifo {names[2]}; mkdir {names[3]};"
        f" truncate -s 4T {names[4]}; ln -s {root}/{OTHER} {names[5]}; ln -s {root}/secrets/{OTHER} /run/odoo-cloud/folder;"
        f" for one in $(seq 100 140); do ln -s {root}/{OTHER}/config/odoo.conf /run/odoo-cloud/run-2019$one.ndjson; done;"
        f" if [ -d /var/lib/odoo-restore ]; then ln -s {root}/secrets/{OTHER}/db_password"
        f" /var/lib/odoo-restore/{ME}--before-0123456789ab.dump; mkfifo /var/lib/odoo-restore/pipe; fi",
        ME,
    )


def through_nginx(site: Platform) -> list[Attempt]:
    """What was planted among the static files, asked for like any visitor does."""
    attempts, hidden = [], what_is_hidden(site)
    for what, path in {
        "the folder of static files": "/web/static/img/favicon.ico", "the users of the container": "/web/static/passwd",
        "the key": "/web/static/key", "the other instance's files": "/web/static/theirs/img/favicon.ico",
    }.items():  # fmt: skip
        status, headers, body = site.request(path, instance=ME)
        bad = headers.get("server-timing") == "disk" or b"root:" in body or b"PRIVATE KEY" in body
        bad = bad or any(value.encode() in body for value in hidden.values())
        attempts.append(Attempt(f"Planted: nginx follows a link in place of {what}", bad, f"status {status}"))
    try:
        seconds = time.monotonic()
        site.request("/web/static/pipe", instance=ME, timeout=60)
        seconds = time.monotonic() - seconds
    except OSError:
        seconds = 60.0
    attempts.append(Attempt("Planted: nginx waits for a pipe", seconds > 30, f"{seconds:.0f} s"))
    answers = site.request("/web/health", instance=OTHER)[0]
    attempts.append(Attempt("Planted: nginx serves the other instance no more", answers != 200, f"status {answers}"))
    return attempts


def unplant(site: Platform) -> None:
    """Removed as root, without any of the collection's code."""
    for folder in (site.root / ME / "runs", site.root / ME / "restore", site.root / "static" / ME):
        for entry in os.scandir(os.fsencode(folder)):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)


def state_of(site: Platform) -> dict[str, str]:
    """What is below the root, but not alpha's own: kind, owner, mode, and content of each file."""
    found = {}
    for folder, folders, files in os.walk(site.root):
        where = pathlib.Path(folder).relative_to(site.root)
        if where.parts[:2] in NOT_COMPARED or where.parts[:1] in NOT_COMPARED:
            folders.clear()
            continue
        for name in (*folders, *files):
            path = pathlib.Path(folder) / name
            status = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
            found[str(where / name)] = f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {content[:16]}"
    return found


def what_is_hidden(site: Platform) -> dict[str, str]:
    """Secrets of others, that no output may have."""
    values = {f"{OTHER}/{one.name}": one.read_text().strip() for one in (site.secrets / OTHER).iterdir()}
    return {name: value for name, value in values.items() if len(value) >= 16}


def over_what_was_planted(site: Platform, before: t.Mapping[str, str]) -> list[Attempt]:
    """An administrator runs every playbook, while all of it is there."""
    hidden, attempts, outputs = what_is_hidden(site), [], ""
    for name, *args in PLAYBOOKS:
        try:
            code, output, seconds = site.playbook(name, *args, "-v", timeout=900)
        except subprocess.TimeoutExpired:
            code, output, seconds = 1, "it did not end", 900
        outputs += output
        seen = f"ended with {code} after {seconds:.0f} s: {last_error(output)}"
        attempts.append(Attempt(f"Planted: {name} {' '.join(args)} is stopped", bool(code), seen))
    found = [name for name, value in hidden.items() if value in outputs]
    attempts.append(Attempt("Planted: a secret of the other instance is shown", bool(found), ", ".join(found)))
    attempts.append(Attempt("Planted: a name acts on the terminal", "\x1b[2J" in outputs))
    after = state_of(site)
    changed = sorted(set(after.items()) ^ set(before.items()))
    attempts.append(Attempt("Planted: files of others change", bool(changed), str(changed[:3])))
    static = site.root / "static" / ME / "current"
    attempts.append(Attempt("Planted: a link stays in the place of the static files", static.is_symlink()))
    return attempts


# A hook in a real run

FORGED: dict[str, t.Any] = {
    "ansible_facts": {"odoo_results": [{"instance": "forged", "status": "forged-fact", "changed": True, "report": ["forged-fact"]}]},
    "add_host": {"host_name": "forged-host", "groups": ["odoo", "docker_hosts"], "host_vars": {"ansible_connection": "local"}},
    "add_group": "forged-group", "exception": "forged", "warnings": ["forged-warning"], "deprecations": [{"msg": "forged-warning"}],
    "_ansible_verbose_override": True, "diff": {"before": "forged", "after": "forged"}, "failed": False, "changed": True,
    "versions": [1, {"version": [], "steps": [1, {"step_id": {}, "name": [], "error": {"message": 7}}]}], "modules": {"base": 3},
}  # fmt: skip


def forged_events(marker: pathlib.Path) -> list[dict[str, t.Any]]:
    template = TEMPLATE % marker
    return [
        {"event": "step_done", "name": ESCAPE, "kind": "song", "version": "1", "step_id": "a", "seconds": 1},
        {
            "event": "step_done",
            "name": template,
            "kind": template,
            "version": template,
            "step_id": template,
            "seconds": 1,
        },
        {"event": "state", "state": template, "detail": ESCAPE},
        {"event": "step_done", "step_id": {}, "name": [], "version": {}, "seconds": "soon", "changed": {}},
        {"event": "module", "name": [], "before": {}, "version": []},
        {
            "event": "step_failed",
            "name": template,
            "error": {"message": template, "type": [], "pgcode": {}},
            "log_tail": [template],
        },
        {"event": ["run_ended"], "status": {}},
        {"event": "held", "detail": {"a": [1]}},
        {
            "event": "run_ended",
            "status": "done",
            "code": 0,
            "result": {**FORGED, "database": template, "series": template},
        },
    ]


# What a hook does with the file of events; each is a run of its own. Afterwards the run writes into the file that was there.
HOOKS = "/opt/odoo-cloud/hooks"
TRICKS: dict[str, str] = {
    "forged": f'cat "$EVENTS_FILE" {HOOKS}/forged > /run/odoo-cloud/new; mv /run/odoo-cloud/new "$EVENTS_FILE"',
    "deep": f'cat {HOOKS}/deep >> "$EVENTS_FILE"',
    "link": 'ln -sf "%s" "$EVENTS_FILE"',
    "pipe": 'rm -f "$EVENTS_FILE"; mkfifo "$EVENTS_FILE"',
    "huge": 'truncate -s 4T "$EVENTS_FILE"',
}  # fmt: skip
DEEP = "[" * 500_000 + "\n" + '{"event": "state", "detail": ' + '{"a": ' * 5_000 + "1" + "}" * 5_000 + "}\n"
LONGEST = 240  # seconds for an update with a hook; it takes a tenth of them


def in_a_run(site: Platform) -> list[Attempt]:
    """A hook of alpha, in the container of a real update, does each trick; what comes of the playbook is looked at."""
    folder, hidden, attempts = hooks_of(site), what_is_hidden(site), []
    marker = site.folder / "templated"
    (folder / "forged").write_text("".join(json.dumps(one) + "\n" for one in forged_events(marker)))
    (folder / "deep").write_text(DEEP)
    others = max((site.root / OTHER / "runs").glob("run-*.ndjson"))  # its installation
    script = folder / "post-update.d" / "trick"
    script.parent.mkdir(exist_ok=True)
    for name, trick in TRICKS.items():
        ran = site.root / ME / "runs" / f"ran-{name}"
        script.write_text(f"#!/bin/sh\ntouch /run/odoo-cloud/ran-{name}\n{trick.replace('%s', str(others))}\nexit 0\n")
        script.chmod(0o755)
        try:
            code, output, seconds = site.playbook("update", "-v", odoo_cloud_instance=ME, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            code, output, seconds = 1, "", LONGEST
        script.unlink()
        if not ran.exists():
            raise Shortfall(f"the hook did not run ({name}): {last_error(output)}")
        shown = [secret for secret, value in hidden.items() if value in output]
        broken = re.search(
            r"Traceback|MODULE FAILURE|unhashable|object has no attribute|not iterable|RecursionError", output
        )
        for what, bad, seen in (
            ("keeps the playbook from its end", seconds >= LONGEST, f"{seconds:.0f} s"),
            ("ends a module with an error of Python", broken, last_error(output)),
            ("shows a secret of the other instance", shown, ", ".join(shown)),
            ("shows events of the other instance", f"on database {OTHER}" in output, ""),
            ("acts on the terminal", "\x1b]0;" in output, ""),
            ("sets a variable of the machine", "forged-fact" in output.partition("PLAY [Odoo, what was done]")[2], ""),
            ("adds a host", re.search(r"^forged-host\b", output, re.M), ""),
            ("has its text run by Ansible", marker.exists(), ""),
        ):
            attempts.append(Attempt(f"Events, {name}: {what}", bool(bad), seen))
        marker.unlink(missing_ok=True)
        if name in ("forged", "deep"):
            attempts.append(
                Attempt(f"Events, {name}: the update fails", bool(code), last_error(output) if code else "")
            )
        # Whatever alpha did, its operators get on.
        unplant_events(site)
        site.play("update", odoo_cloud_instance=ME)
    return attempts


def unplant_events(site: Platform) -> None:
    """Empties the folder of events without any of the collection's code. A process that waits for a pipe goes on."""
    for entry in os.scandir(site.root / ME / "runs"):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
            continue
        if stat.S_ISFIFO(os.lstat(entry.path).st_mode):
            with contextlib.suppress(OSError):
                os.close(os.open(entry.path, os.O_WRONLY | os.O_NONBLOCK))
        os.unlink(entry.path)


def replica(bench: Bench) -> collections.abc.Iterator[Line]:
    site = up(bench)
    before = state_of(site)
    roles = site.psql("SELECT rolname, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles ORDER BY 1")
    attempts = from_the_replica(site)
    # As on a platform whose releases were in the account of attachments: it has a release, and no record of an account.
    (site.root / ME / "code" / "account.json").unlink()
    plant(site)
    try:
        attempts += through_nginx(site)
        attempts += over_what_was_planted(site, before)
        attempts += of_code(site)
    finally:
        unplant(site)
    site.site()
    attempts += in_a_run(site)
    after = site.psql("SELECT rolname, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles ORDER BY 1")
    attempts.append(Attempt("PostgreSQL: rights changed", roles != after, after[:200]))
    for what, instance in (("the other instance", OTHER), ("the own one", ME)):
        attempts.append(Attempt(f"Afterwards, {what} does not serve", not site.wait_for_login(instance=instance)))
    yield attempts_line("a program with all that a replica has, and what its runs can plant", attempts, LEAST)
    yield least(site)


def least(site: Platform) -> Line:
    """What the replica holds: the mounts that it can write, and its secrets."""
    found = inspected(f"{site.name}-{ME}-1")
    writable = [one["Destination"] for one in found["Mounts"] if one["RW"]]
    files = docker("exec", f"{site.name}-{ME}-1", "find", "/run", "-maxdepth", "2", "-type", "f").split()
    secrets = sorted(pathlib.Path(one).name for one in files if one.startswith("/run/secrets"))
    expected = ["db_password", "redis_password", "s3_access_key", "s3_secret_key"]
    trouble = [f"it can write {one}" for one in writable] + [f"it has {one}" for one in secrets if one not in expected]
    trouble += [f"it lacks {one}" for one in expected if one not in secrets]
    left = site.root / "secrets" / ME / "admin_password"
    trouble += [f"{left} is there"] if left.exists() else []
    return Line("what a serving replica holds", sentence(trouble, f"{len(secrets)} secrets that serving needs, nothing to write"),
                "the passwords of its own database, sessions and store; no folder of the machine to write", not trouble)  # fmt: skip


# Limits


def checks(found: t.Mapping[str, t.Any]) -> list[str]:
    """What the CIS benchmark of Docker would say about one container."""
    host, wrong = found["HostConfig"], []
    wrong += [] if host["Memory"] else ["no limit of memory (5.11)"]
    wrong += [] if host["MemorySwap"] == host["Memory"] else ["swap beyond its memory (5.11)"]
    wrong += [] if host["CpuShares"] else ["no weight for processors (5.12)"]
    wrong += [] if host["PidsLimit"] and host["PidsLimit"] > 0 else ["no limit of processes (5.29)"]
    wrong += [] if host["ReadonlyRootfs"] else ["it may change its image (5.13)"]
    wrong += [] if "ALL" in (host["CapDrop"] or []) else ["capabilities are kept (5.4)"]
    extra = {one.removeprefix("CAP_") for one in host["CapAdd"] or []} - {"CHOWN", "SETGID", "SETUID"}
    wrong += [f"capabilities {', '.join(sorted(extra))} (5.4)"] if extra else []
    wrong += ["it is privileged (5.5)"] if host["Privileged"] else []
    wrong += (
        []
        if any(one.startswith("no-new-privileges") for one in host["SecurityOpt"] or [])
        else ["privileges can be gained (5.26)"]
    )
    wrong += (
        ["seccomp or AppArmor is off (5.2, 5.22)"]
        if any("unconfined" in one for one in host["SecurityOpt"] or [])
        else []
    )
    spaces = {"NetworkMode": "5.10", "PidMode": "5.16", "IpcMode": "5.17", "UTSMode": "5.21", "UsernsMode": "5.31"}
    wrong += [f"{key} is the machine's ({number})" for key, number in spaces.items() if host.get(key) == "host"]
    wrong += ["it is on the engine's common network (5.30)"] if host["NetworkMode"] in ("default", "bridge") else []
    wrong += ["it has devices of the machine (5.18)"] if host["Devices"] else []
    sources = [one["Source"] for one in found["Mounts"] if one["Type"] == "bind"]
    wrong += [f"{one} is mounted (5.6, 5.32)" for one in sources if one.endswith("docker.sock") or one.count("/") < 3]
    wrong += (
        ["mounts are passed on (5.20)"]
        if any(one.get("Propagation") not in ("rprivate", "", None) for one in found["Mounts"])
        else []
    )
    policy = host["RestartPolicy"]["Name"]
    wrong += [] if policy in ("unless-stopped", "no", "on-failure") else [f"restart policy {policy} (5.15)"]
    bounded = all("size=" in (options or "") for options in (host["Tmpfs"] or {}).values())
    wrong += [] if bounded else ["a file system in memory without an end"]
    wrong += [] if host["LogConfig"]["Config"].get("max-size") else ["a log without an end"]
    return wrong


def every_container(site: Platform) -> Line:
    """Those of the platform, and one-off containers caught while they are there."""
    seen: dict[str, dict[str, t.Any]] = {}
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for name in site.containers():
                if name not in seen:
                    with contextlib.suppress(Shortfall, ValueError):
                        seen[name] = inspected(name)
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        site.play("plan")
        site.play("update", odoo_cloud_instance=OTHER, odoo_update="base")
    finally:
        stop.set()
        thread.join()
    wrong = [f"{name}: {one}" for name, found in sorted(seen.items()) for one in checks(found)]
    once = [name for name in seen if name.endswith(("-run", "-plan"))]
    wrong += [] if len(once) >= 2 else [f"one-off containers were not seen ({', '.join(once) or 'none'})"]
    return Line(
        "CIS Docker Benchmark, all containers of a platform",
        sentence(wrong, f"{len(seen)} containers, {len(once)} of them one-off, nothing failed"),
        "memory, processes, processors, privileges, namespaces, mounts, networks, restart: nothing fails", not wrong,
    )  # fmt: skip


class Users(threading.Thread):
    """One user who asks again and again over one connection, and keeps the times."""

    def __init__(self, site: Platform, instance: str, cookie: str, pause: float) -> None:
        super().__init__(daemon=True)
        self.site, self.instance, self.cookie, self.pause = site, instance, cookie, pause
        self.times: list[tuple[float, float]] = []  # when it began, seconds
        self.errors: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        context = ssl.create_default_context(cafile=str(self.site.secrets / "tls" / "ca.crt"))
        host, connection = self.site.host(self.instance), None
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": {}})
        while not self.stop.is_set():
            begin = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPSConnection(host, self.site.https_port, timeout=30, context=context)
                    plain = socket.create_connection(("127.0.0.1", self.site.https_port), timeout=30)
                    connection.sock = context.wrap_socket(plain, server_hostname=host)
                headers = {"Content-Type": "application/json", "Cookie": f"session_id={self.cookie}"}
                connection.request("POST", "/web/session/get_session_info", body, headers)
                answer = connection.getresponse()
                good = answer.status == 200 and b'"uid"' in answer.read()
                if not good:
                    self.errors.append(f"status {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(f"{type(error).__name__}: {error}")
                connection = None
            self.times.append((begin, time.monotonic() - begin))
            self.stop.wait(self.pause)


REPLICAS, ROUNDS, SECONDS = 3, 4, 12
CLIENTS = 2 * REPLICAS * SMALL["odoo_workers"]  # type: ignore[operator]


def limits(bench: Bench) -> collections.abc.Iterator[Line]:
    """Beta has one replica, alpha three: by containers alone alpha would get three times as much."""
    new = "crowd" not in bench.sites
    instances = {
        ME: {"odoo_modules": ["base"], **SMALL, "replicas": REPLICAS},
        OTHER: {"odoo_modules": ["base"], **SMALL},
    }
    site = bench.site("crowd", 3, instances=instances)
    if new:
        site.site()
    cookies = {name: site.wait_for_login(instance=name) for name in (ME, OTHER)}
    yield every_container(site)
    beta = Users(site, OTHER, cookies[OTHER], 0.1)
    beta.start()
    time.sleep(5)  # everything that is done once is done then
    alone: list[float] = []
    beside: list[float] = []
    asked = 0
    for number in range(2 * ROUNDS):
        crowd = [Users(site, ME, cookies[ME], 0) for dummy in range(CLIENTS if number % 2 else 0)]
        for one in crowd:
            one.start()
        time.sleep(1)
        begin = time.monotonic()
        time.sleep(SECONDS)
        end = time.monotonic()
        for one in crowd:
            one.stop.set()
        for one in crowd:
            one.join(30)
        asked += sum(len(one.times) for one in crowd)
        taken = [seconds for at, seconds in beta.times if begin <= at < end]
        if len(taken) < 20:
            raise Shortfall(f"beta answered {len(taken)} times in {SECONDS} s")
        (beside if crowd else alone).append(statistics.quantiles(taken, n=20)[-1])
    beta.stop.set()
    beta.join(30)
    quiet, loaded = statistics.median(alone), statistics.median(beside)
    trouble = [f"{len(beta.errors)} errors of beta: {beta.errors[0]}"] if beta.errors else []
    growth = loaded / quiet
    trouble += [f"beta's p95 grows {growth:.2f} times"] if growth > 1.5 else []
    good = f"beta's p95 {quiet * 1000:.0f} ms alone, {loaded * 1000:.0f} ms beside, {growth:.2f} times; alpha was asked {asked} times"
    yield Line(
        f"alpha with {CLIENTS} users at a time, twice its workers, beside beta with one",
        f"{sentence(trouble)} ({good})" if trouble else good, "beta's p95 grows at most 1.5 times, no error", not trouble,
    )  # fmt: skip


PARTS = {"replica": replica, "limits": limits}
SAMPLE: list[str] = []

INSTANCE = "plugins/module_utils/_inventory/instance.py"
TAKEOVER = "plugins/module_utils/_delivery/takeover.py"
CONTAINERS = "plugins/module_utils/_services/odoo_containers.py"
APPLY = "roles/container/tasks/apply.yml"
EVENTS, UNTRUSTED = "plugins/module_utils/_runs/events.py", "plugins/module_utils/_machine/untrusted.py"
LIMITS = "plugins/module_utils/_services/limits.py"
MUTANTS = {
    "password-in-replicas": Mutant.one(
        "replica", CONTAINERS, "    return mode not in (RUN, UPDATE)\n", "    return True\n"
    ),
    # The account is there, and what containers hold is its key.
    "key-of-the-releases": Mutant.one(
        "replica", INSTANCE, 'given.secret(f"{given.name}/{CODE_SECRET}")', "bucket.secret_key"
    ),
    "releases-of-anybody": Mutant.one(
        "replica", TAKEOVER, ' or self.places.manifest(pointer.release) not in manifests:', ":"
    ),
    "socket-writable": Mutant.one(
        "replica", CONTAINERS, "_bind(here.db_socket, here.db_host))", "_bind(here.db_socket, here.db_host, read_only=False))"
    ),
    "keeper-in-replicas": Mutant.one(
        "replica", CONTAINERS, "    if not _serves(mode):\n        found.append(_bind(f\"{folder}/runs\"",
        "    found.append(odoo_one_off.keeper_mount(here.keeper_secrets(instance)))\n"
        "    if not _serves(mode):\n        found.append(_bind(f\"{folder}/runs\"",
    ),
    "links-followed": Mutant(
        ("replica",),
        ((UNTRUSTED, "_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK", "_FILE = os.O_RDONLY | os.O_NONBLOCK"),),
    ),
    "pipes-awaited": Mutant.one("replica", UNTRUSTED, "os.O_NOFOLLOW | os.O_NONBLOCK |", "os.O_NOFOLLOW |"),
    "any-result": Mutant.one(
        "replica", EVENTS, "        key: reported[key] for key, kind in _RESULT.items() if isinstance(reported.get(key), kind)\n",
        "        key: value for key, value in reported.items()\n",
    ),
    "any-type": Mutant.one("replica", EVENTS, "for key, value in event.items() if _fits(key, value)}", "for key, value in event.items()}"),
    "any-character": Mutant.one(
        "replica", "plugins/module_utils/_engine/untrusted_text.py",
        'return printable(value if len(value) <= LONGEST else value[:LONGEST] + _CUT)', "return value",
    ),
    "link-is-a-folder": Mutant.one(
        "replica", UNTRUSTED, "return stat.S_ISDIR(os.lstat(path).st_mode)", "return stat.S_ISDIR(os.stat(path).st_mode)"
    ),
    "privileges": Mutant.one("replica", CONTAINERS, '        "cap_drop": ["ALL"],\n', '        "cap_add": ["SYS_ADMIN", "NET_RAW"],\n'),
    "privileges-gained": Mutant.one("replica", CONTAINERS, '        "security_opts": ["no-new-privileges"],\n', ""),
    "image-writable": Mutant.one("replica", CONTAINERS, '        "read_only": True,\n        "init"', '        "init"'),
    "processes-unlimited": Mutant.one("replica", APPLY, "container_limits.pids_limit | default(omit)", "omit"),
    "memory-unlimited": Mutant(
        ("replica",),
        ((APPLY, "container_limits.memory | default(container_item.definition.memory | default(omit), true)", "omit"),
         (APPLY, "container_limits.memory_swap | default(omit)", "omit")),
    ),
    "tmp-unlimited": Mutant.one("replica", LIMITS, "size={max(size // MIB, 16)}m", "size=90%"),
    "limits-of-runs": Mutant.one(
        "limits", "plugins/module_utils/_runs/one_off.py",
        "    host.update({name: limits[key] for key, name in _LIMITS.items() if limits.get(key)})\n", "",
    ),
    "weight-by-container": Mutant.one("limits", LIMITS, "max(shares // replicas, LEAST_SHARES)", "shares"),
}  # fmt: skip
