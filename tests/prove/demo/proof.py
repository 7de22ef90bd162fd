# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the bars of `make demo` on this machine.

It works on a platform of its own with images of its own; in a sample with those of the demo. A demo beside it is not touched, only
stopped for a moment with the engine in the part `reboot`.

The parts `repair` and `secrets`, which the sample has, can be run on a platform that stands already (--on INVENTORY); it stays.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import typing as t

from .. import frame
from ..benchmarks import static
from ..frame import IMAGES, PLATFORM_LABEL, ROOT, Line, Mutant, Proof, Shortfall, docker, last_error, parts_of
from ..platforms import Platform
from ..processes import ProcessList

FRESH_SECONDS = 360
SECOND_SECONDS = 20
REPLICAS = 10
STATIC_RATIO = 10

MUTANTS = {
    "stale-configuration": Mutant.one(
        "repair", "plugins/module_utils/_engine/comparison.py", "config_time > max(", "False and config_time > max("
    ),
    "blind-passwords": Mutant.one(
        "repair", "plugins/module_utils/_runtime/database/provision.py", "name in wrong_passwords:", "False:"
    ),
    "no-lock": Mutant.one(
        "ten", "plugins/module_utils/_runtime/database/lock.py", "return bool(cursor.fetchone()[0])", "return True"
    ),
    "secret-in-environment": Mutant.one(
        "secrets",
        "plugins/module_utils/_services/odoo_containers.py",
        '        "DB_HOST": ',
        '        "DB_PASSWORD": instance.database.password,\n        "DB_HOST": ',
    ),
    "secret-in-output": Mutant.one(
        "secrets",
        "plugins/modules/files.py",
        '"secret_content": {"type": "str", "no_log": True}',
        '"secret_content": {"type": "str", "no_log": False}',
    ),
    "no-restart": Mutant.one("reboot", "roles/container/tasks/apply.yml", "default('unless-stopped')", "default('no')"),
    "static-by-odoo": Mutant.one(
        "static",
        "plugins/module_utils/_inventory/instance.py",
        'f"{STATIC_DIR}/{given.name}/current"',
        'f"{STATIC_DIR}/{given.name}/nowhere"',
    ),
    "serves-half-updated": Mutant.one(
        "modules",
        "plugins/module_utils/_services/odoo_containers.py",
        "if instance.name not in without",
        "if True",
    ),
    "serves-while-modules-change": Mutant.one(
        "modules", "roles/odoo/tasks/change.yml", "{{ [] if __odoo_run.live or", "{{ [] if true or"
    ),
    "always-changed": Mutant.one(
        "second", "plugins/modules/files.py", "if before == after and not rewrite:", "if False:"
    ),
    "check-writes": Mutant.one("empty", "plugins/modules/files.py", "if not check_mode:", "if True:"),
}


class Run(frame.Run):
    """On one platform like the demo: its own, or one that stands already and stays."""

    platform: Platform

    def open(self) -> None:
        if self.options.on:
            self.platform = Platform.standing(self.place, self.options.on, self.tree)
        else:
            images = IMAGES if self.sample else self.place.name
            self.platform = Platform(self.place, tree=self.tree, odoo_version=self.versions[0], image_name=images)

    def up(self) -> Platform:
        """The platform at rest; its own is brought up if it isn't there."""
        if not self.platform.stays:
            self.platform.site()
        return self.platform


# The parts


def part_fresh(run: Run) -> t.Iterator[Line]:
    """Everything removed, then the commands of a new user."""
    platform = run.platform
    platform.remove()
    with tempfile.TemporaryDirectory(dir=run.place.work) as folder:
        begin = time.monotonic()
        subprocess.run(["tools/venv.sh", f"{folder}/venv", "requirements/runtime.txt"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        environment = time.monotonic() - begin
    seconds = platform.site().seconds
    begin = time.monotonic()
    platform.wait_for_login(30)
    login = time.monotonic() - begin
    total = environment + seconds + login
    yield Line(
        "nothing there to a working login (the engine was installed already)",
        f"{total:.0f} s: environment {environment:.0f}, playbook {seconds:.0f}, login {login:.1f}",
        f"<= {FRESH_SECONDS} s",
        total <= FRESH_SECONDS,
    )
    refused = not platform.log_in("admin")
    yield Line("admin/admin is refused", "refused" if refused else "accepted", "refused", refused)


def part_second(run: Run) -> t.Iterator[Line]:
    """The same once more. A machine that is busy with something else gets three tries; the line says how many it took."""
    platform = run.up()
    limit = SECOND_SECONDS * run.slack
    tries: list[float] = []
    changed: list[int] = []
    while not tries or (min(tries) > limit and len(tries) < 3):
        done = platform.site()
        tries.append(done.seconds)
        changed.append(done.changed)
    yield Line(
        "second run",
        f"changed={', '.join(map(str, changed))} in {min(tries):.1f} s" + (f" (the fastest of {len(tries)})" if len(tries) > 1 else ""),
        f"changed=0 in <= {limit} s", set(changed) == {0} and min(tries) <= limit,
    )  # fmt: skip


def part_check(run: Run) -> t.Iterator[Line]:
    """Check mode right after a run."""
    done = run.up().site("--check", "--diff")
    diffs = len(re.findall(r"^(--- before|\+\+\+ after)", done.output, re.MULTILINE))
    yield Line(
        "--check --diff right after", f"changed={done.changed}, {diffs} differences in {done.seconds:.1f} s",
        "changed=0, no difference", done.changed == 0 and diffs == 0,
    )  # fmt: skip


def part_empty(run: Run) -> t.Iterator[Line]:
    """Check mode where there is nothing, not even an engine."""
    nothing = Platform(run.place, "nothing", 1, run.tree, odoo_version=run.versions[0])
    done = nothing.playbook("site", "--check", "--diff", environment={"DOCKER_HOST": "unix:///nonexistent/docker.sock"})
    touched = [str(path) for path in (nothing.root, nothing.secrets) if path.exists()]
    names = ("postgres", "redis-demo", "report-demo", "swift", "nginx", "demo-1", "demo-2")
    tells = (
        all(f"{nothing.name}-{one}" in done.output for one in names) and "Instance demo, InstallOnly: " in done.output
    )
    yield Line(
        "--check on an empty machine (no engine)",
        f"exit {done.code}, would change {done.changed}, names every container and the installation: {'yes' if tells else 'no'}, "
        f"touched: {', '.join(touched) or 'nothing'} in {done.seconds:.1f} s"
        + (f"; {done.error}" if done.code else ""),
        "runs through, tells, touches nothing",
        done.code == 0 and done.changed >= 5 and tells and not touched,
    )


# Tasks that report a change when one thing is repaired.
CONTAINER_MADE = ("Run the container",)
ROLLED = (
    "Take the replica out of nginx and wait for its running requests",
    "Run the container",
    "Put the replica back into nginx",
)
FILE_WRITTEN = ("Write configuration and secrets to the machine", *ROLLED, *ROLLED)


def part_repair(run: Run) -> t.Iterator[Line]:
    """Damage one thing; the next run repairs exactly that. In a sample all at once; `make prove-house` has more of them."""
    platform = run.up()
    conf = platform.root / "demo" / "config" / "odoo.conf"
    before = conf.read_text()
    replicas = [f"{platform.name}-demo-1", f"{platform.name}-demo-2"]
    remove = [lambda: docker("rm", "-f", f"{platform.name}-redis-demo")]
    edit = [lambda: conf.write_text(before.replace("list_db = False", "list_db = True"))]
    alter = [lambda: platform.psql("ALTER ROLE demo PASSWORD 'changed-by-hand'")]

    def repaired(
        what: str, damages: t.Sequence[t.Callable[[], t.Any]], tasks: t.Sequence[str], others: int, restarted: list[str]
    ) -> Line:
        """The line of one repair. tasks: that must report a change. others: how many more may."""
        started = {name: started_at(name) for name in platform.containers()}
        for damage in damages:
            damage()
        changed = platform.tasks_changed()
        again = sorted(name for name in platform.containers() if started_at(name) != started.get(name))
        found = sorted(task for dummy, task in changed)
        for task in tasks:
            found.remove(task) if task in found else found.append(f"not: {task}")
        platform.wait_for_login(30)
        return Line(
            what, f"{said(changed)}; started again: {', '.join(again) or 'nothing'}", "just that is repaired",
            len(found) == others and again == restarted and conf.read_text() == before,
        )  # fmt: skip

    redis = f"{platform.name}-redis-demo"
    if run.sample:
        yield repaired(
            "a container removed, a configuration file edited, a role's password changed by hand", [*remove, *edit, *alter],
            (*CONTAINER_MADE, *FILE_WRITTEN), 1, [*replicas, redis],
        )  # fmt: skip
    else:
        yield repaired("a container removed", remove, CONTAINER_MADE, 0, [redis])
        yield repaired("a configuration file edited", edit, FILE_WRITTEN, 0, replicas)
        yield repaired("a role's password changed by hand", alter, (), 1, [])
    left = platform.tasks_changed()
    yield Line("nothing left to repair", said(left), "nothing", not left)


def running(names: list[str]) -> list[str]:
    """Those of the containers that run."""
    return [
        name for name in names if docker("inspect", "-f", "{{.State.Running}}", name, check=False).strip() == "true"
    ]


class Watch:
    """Whether replicas served at any moment at which the database's state was blocking, seen from outside."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.moments = self.wrong = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._stop.wait(0.3):
            before = latest_state(self.platform)
            if before in ("Updating", "Maintenance", "Failed"):
                serving = running(replicas_of(self.platform))
                if latest_state(self.platform) == before:
                    self.moments += 1
                    self.wrong += bool(serving)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self._stop.set()
        self._thread.join()


def replicas_of(platform: Platform) -> list[str]:
    return [f"{platform.name}-demo-1", f"{platform.name}-demo-2"]


def demo_sql(platform: Platform, query: str) -> str:
    """What a query in the demo's database gives, empty when there is none."""
    return docker(
        "exec", f"{platform.name}-postgres", "psql", "-U", "postgres", "-h", "/run/postgresql", "-d", "demo", "-Atc", query, check=False,
    ).strip()  # fmt: skip


def latest_state(platform: Platform) -> str:
    """The state of the demo's database."""
    return demo_sql(platform, "SELECT state FROM curq_state_history ORDER BY id DESC LIMIT 1")


def part_modules(run: Run) -> t.Iterator[Line]:
    """Modules of a database in use: one more, one that isn't there, an update that fails, a playbook that is killed."""
    platform = run.up()
    once, names = f"{platform.name}-demo-run", replicas_of(platform)
    with Watch(platform) as watch:
        seconds = platform.site(odoo_modules=["base", "contacts"]).seconds
    platform.wait_for_login(30)
    again = platform.site(odoo_modules=["base", "contacts"])
    left = [name for name in platform.containers() if name.endswith(("-run", "-plan"))]
    yield Line(
        "a module added to odoo_modules",
        f"installed in {seconds:.0f} s, replicas ran at {watch.wrong} of {watch.moments} moments of it, "
        f"second run changed={again.changed}, left over: {', '.join(left) or 'nothing'}",
        "stopped while it changes, changed=0, nothing left over",
        watch.moments > 0 and not watch.wrong and again.changed == 0 and not left and latest_state(platform) == "Ready",
    )  # fmt: skip

    started = {name: started_at(name) for name in names}
    code, output, dummy = platform.playbook("site", odoo_modules=["base", "contacts", "no_such_module"])
    same = started == {name: started_at(name) for name in names}
    named = "no_such_module is in none of the addons folders" in output
    yield Line(
        "a module that isn't there", f"exit {code}, named: {'yes' if named else 'no'}, "
        f"replicas {'serve on' if same else 'were restarted'}", "refused, named, replicas serve on",
        code != 0 and named and same and bool(platform.log_in()),
    )  # fmt: skip

    hook = platform.root / "hooks" / "post-update.d" / "10-check"
    hook.parent.mkdir(parents=True, exist_ok=True)
    hook.write_text("#!/bin/sh\necho invoice 42 has no journal >&2\nexit 3\n")
    hook.chmod(0o755)
    wanted = {
        "odoo_modules": ["base", "contacts", "calendar"],
        "odoo_hooks_dir": str(hook.parents[1]),
        "odoo_wait_timeout": 60,
        # Whoever looks into the database meanwhile, as this does, keeps the runtime from going back by itself.
        "odoo_on_failure": "hold",
    }
    with Watch(platform) as watch:
        code, output, dummy = platform.playbook("site", **wanted)
    up = running(names)
    named = "ended with exit code 67" in output and "invoice 42 has no journal" in output
    yield Line(
        "an update that fails", f"exit {code}, state {latest_state(platform)}, reason named: {'yes' if named else 'no'}, running: "
        f"{', '.join(up) or 'no replica'}", "fails with the reason, no replica on the half-done database",
        code != 0 and named and not up and not watch.wrong and latest_state(platform) == "Failed",
    )  # fmt: skip

    hook.write_text("#!/bin/sh\nsleep 20\n")
    command = platform.start("site", **wanted)
    limit = time.monotonic() + 300
    while latest_state(platform) != "Maintenance" and time.monotonic() < limit and command.poll() is None:
        time.sleep(0.3)
    os.killpg(command.pid, signal.SIGKILL)
    command.wait()
    alive = bool(running([once]))
    platform.site(**wanted)
    again = platform.site(**wanted)
    platform.wait_for_login(30)
    tries = demo_sql(
        platform,
        "SELECT count(*) FROM curq_state_history WHERE state = 'Updating'"
        " AND id > (SELECT max(id) FROM curq_state_history WHERE state = 'Failed')",
    )
    yield Line(
        "the playbook killed in the middle of the next try",
        f"its container goes on: {'yes' if alive else 'no'}; next run waits for it: {tries} update; then "
        f"changed={again.changed}, state {latest_state(platform)}",
        "1 update, Ready, changed=0",
        alive and tries == "1" and latest_state(platform) == "Ready" and again.changed == 0,
    )
    shutil.rmtree(hook.parents[1])


def said(changed: list[tuple[str, str]]) -> str:
    """Changed tasks as a sentence."""
    return ", ".join(f"{task} ({host})" for host, task in changed) or "nothing"


def started_at(name: str) -> str:
    """When a container was started, empty when it isn't there."""
    return docker("inspect", "-f", "{{.State.StartedAt}}", name, check=False).strip()


def part_reboot(run: Run) -> t.Iterator[Line]:
    """Engine killed, /run emptied, engine started again; no Ansible."""
    platform = run.up()
    if os.path.isdir("/run/systemd/system"):
        subprocess.run(["systemctl", "stop", "docker.socket", "docker.service"], check=True)
    else:
        subprocess.run(["pkill", "-TERM", "-x", "dockerd"], check=True)
        for dummy in range(120):
            if subprocess.run(["pgrep", "-x", "dockerd"], stdout=subprocess.DEVNULL, check=False).returncode:
                break
            time.sleep(0.5)
        subprocess.run(["pkill", "-KILL", "-f", "containerd"], check=False)
    with open("/proc/self/mounts", encoding="utf-8") as handle:
        mounts = [line.split()[1] for line in handle]
    for mount in sorted(mounts, reverse=True):
        if mount.startswith("/run/docker/"):
            subprocess.run(["umount", mount], check=True)
    kept = pathlib.Path(tempfile.mkdtemp(prefix="oc-prove-run."))
    for entry in pathlib.Path("/run").iterdir():
        if not os.path.ismount(entry) and entry.name != "systemd":
            shutil.move(str(entry), str(kept / entry.name))
    begin = time.monotonic()
    try:
        if os.path.isdir("/run/systemd/system"):
            subprocess.run(["systemctl", "start", "docker.service"], check=True)
        else:
            subprocess.run(["/usr/local/sbin/odoo-cloud-engine", "start"], check=True, stdout=subprocess.DEVNULL)
        try:
            platform.wait_for_login(180)
            serves, figure = True, f"login after {time.monotonic() - begin:.0f} s"
        except Shortfall as trouble:
            serves, figure = False, str(trouble)
        yield Line("engine stopped, /run emptied, engine started: serves without Ansible", figure, "serves", serves)
    finally:
        for entry in kept.iterdir():
            if (
                "docker" not in entry.name
                and "containerd" not in entry.name
                and not (pathlib.Path("/run") / entry.name).exists()
            ):
                shutil.move(str(entry), f"/run/{entry.name}")
        shutil.rmtree(kept, ignore_errors=True)


def part_ten(run: Run) -> t.Iterator[Line]:
    """Ten replicas started at the same instant on an empty database."""
    platform = run.up()
    secrets, config = platform.root / "secrets" / "demo", platform.root / "ten"
    platform.psql("DROP DATABASE IF EXISTS ten WITH (FORCE)")
    platform.psql("CREATE DATABASE ten OWNER demo TEMPLATE template0 ENCODING 'UTF8'")
    config.mkdir(exist_ok=True)
    text = (platform.root / "demo" / "config" / "odoo.conf").read_text()
    (config / "odoo.conf").write_text(re.sub(r"^(db_name = |dbfilter = \^)demo", r"\1ten", text, flags=re.MULTILINE))
    env = json.loads(docker("inspect", "-f", "{{json .Config.Env}}", f"{platform.name}-demo-1"))
    env = [one for one in env if one.split("=")[0] not in ("MODE", "DB_NAME", "INSTANCE", "REPLICA")]
    env.append("MODE=InstallAndRun")  # the demo's replicas are in RunOnly
    image = docker("inspect", "-f", "{{.Image}}", f"{platform.name}-demo-1").strip()
    names = [f"{platform.name}-ten-{number}" for number in range(1, REPLICAS + 1)]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        for name in names:
            docker(
                "create", "--name", name, "--label", f"{PLATFORM_LABEL}={platform.name}", "--network", platform.network(), "--init",
                "--user", "8069:8069",
                "--mount", f"type=bind,source={config},target=/etc/odoo,readonly",
                "--mount", f"type=bind,source={secrets},target=/run/secrets,readonly",
                "--mount", f"type=bind,source={platform.root}/postgres/socket,target=/run/postgresql",
                *[part for one in [*env, "DB_NAME=ten", "INSTANCE=ten", f"REPLICA={name}"] for part in ("--env", one)],
                "--health-cmd", "/usr/local/bin/odoo-cloud health", "--health-interval", "5s", "--health-start-period", "600s", image,
            )  # fmt: skip
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(REPLICAS) as pool:
            list(pool.map(lambda name: docker("start", name), names))
        healthy: set[str] = set()
        while len(healthy) < REPLICAS and time.monotonic() - begin < 400:
            time.sleep(2)
            shown = docker("inspect", "-f", "{{.Name}} {{.State.Health.Status}} {{.RestartCount}}", *names)
            healthy = {line.split()[0] for line in shown.splitlines() if line.split()[1:] == ["healthy", "0"]}
        seconds = time.monotonic() - begin
        states = docker(
            "exec", f"{platform.name}-postgres", "psql", "-U", "postgres", "-h", "/run/postgresql", "-d", "ten", "-Atc",
            "SELECT state FROM curq_state_history ORDER BY id",
        ).split("\n")[:-1]  # fmt: skip
        logs = "\n".join(docker("logs", name) for name in names)
        logs += docker("logs", "--since", since, f"{platform.name}-postgres")
        errors = [line for line in logs.splitlines() if re.search(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|Traceback", line)]
        yield Line(
            f"{REPLICAS} replicas at the same instant on an empty database",
            f"{len(healthy)} serve after {seconds:.0f} s, states {' '.join(states)}, {len(errors)} errors logged"
            + (f", first: {errors[0][:160]}" if errors else ""),
            "one initialisation, ten that serve, no error",
            len(healthy) == REPLICAS and states.count("Creating") == 1 and states.count("Ready") == 1 and not errors,
        )
    finally:
        docker("rm", "-f", *names, check=False)
        docker("exec", f"{platform.name}-postgres", "psql", "-U", "postgres", "-h", "/run/postgresql", "-d", "postgres", "-c",
               "DROP DATABASE IF EXISTS ten WITH (FORCE)", check=False)  # fmt: skip
        shutil.rmtree(config, ignore_errors=True)


def generated_secrets(folder: pathlib.Path) -> dict[str, str]:
    """Every generated secret by name; of a private key a line of its text."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        text = path.read_text().strip()
        if "PRIVATE KEY" in text:
            found[str(path.relative_to(folder))] = text.splitlines()[1]
        elif "\n" not in text and "CERTIFICATE" not in text:
            found[str(path.relative_to(folder))] = text
    return found


def part_secrets(run: Run) -> t.Iterator[Line]:
    """All generated secrets looked for in everything that people and tools see."""
    platform = run.up()
    for path in [*(platform.root / "secrets").rglob("*")]:
        if path.is_file():
            path.write_text("damaged")
    platform.psql("ALTER ROLE demo PASSWORD 'changed-by-hand'")
    with ProcessList() as seen:
        output = platform.site("-vvv", "--diff").output
        platform.wait_for_login(60)
    places = {"-vvv --diff output of a run that writes every secret": output}
    names = platform.containers()
    places["docker inspect"] = docker("inspect", *names)
    places["image history"] = "".join(
        docker("history", "--no-trunc", image) + docker("inspect", image)
        for image in sorted({docker("inspect", "-f", "{{.Image}}", name).strip() for name in names})
    )
    places["container logs"] = "".join(docker("logs", name) for name in names)
    places["process list and environments, during the run and after it"] = "\n".join(seen.texts)
    secrets = generated_secrets(platform.secrets)
    found = [f"{name} in {place}" for place, text in places.items() for name, value in secrets.items() if value in text]
    yield Line(
        f"{len(secrets)} generated secrets in {', '.join(places)}", ", ".join(found) or "none found", "none",
        not found and len(secrets) >= 8,
    )  # fmt: skip


def part_static(run: Run) -> t.Iterator[Line]:
    """Static files through nginx against Odoo's own rate."""
    platform = run.up()
    version = run.versions[0]
    pid = int(docker("inspect", "-f", "{{.State.Pid}}", f"{platform.name}-demo-1"))
    proxy = f"https://{platform.host()}:{platform.https_port}"
    figures = static.measured(static.Load(proxy=proxy, host=platform.host(), odoo_pid=pid))
    needed = STATIC_RATIO if int(version) >= 15 else 0
    yield static.line(figures, f"static files, Odoo {version}", needed)


def part_molecule(run: Run) -> t.Iterator[Line]:
    """The molecule scenario with both Odoo versions."""
    for version in ("19", "14"):
        begin = time.monotonic()
        done = subprocess.run(["make", "molecule", f"ODOO_VERSION={version}"], cwd=run.tree, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False,
                              env={**os.environ, "ODOO_VERSION": version})  # fmt: skip
        (run.place.logs / f"molecule-{version}.log").write_text(done.stdout)
        yield Line(f"molecule scenario, Odoo {version}", f"exit {done.returncode} in {time.monotonic() - begin:.0f} s"
                   + ("" if done.returncode == 0 else "; " + last_error(done.stdout)), "passes", done.returncode == 0)  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--on", type=pathlib.Path, metavar="INVENTORY",
        help="run on the platform that was made from this inventory; it stays, and a part that fails leaves its damage",
    )  # fmt: skip


PROOF = Proof(
    "demo", __doc__, Run, parts_of(globals()), port=9500, mutants=MUTANTS, sample=("repair", "secrets"), versions=("19",), options=options
)  # fmt: skip
