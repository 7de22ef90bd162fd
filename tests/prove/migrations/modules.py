# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part `modules`: the Ansible modules, by the real ansible-playbook and ansible, against real Odoo.

What the role would leave beside an instance's configuration (image, mounts, environment) is made from the lab's containers and given as
`definition`; all else is as on a machine of the platform.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import subprocess
import threading
import time
import typing as t

import psycopg2

from ..containers.lab import Database
from ..frame import ROOT, VENV, Line, Shortfall, docker, sentence
from .lab import (
    CODE_ONLY,
    FOLDER,
    OWN,
    MigrationLab,
    Release,
    contents,
    differences,
    drop_kept,
    finished,
    songs,
)  # fmt: skip

COLLECTION = "odoo_cloud.platform"
PROGRAMS = VENV / "bin"
EXIT_STEP, EXIT_ROLLED_BACK, EXIT_CONFIG = 81, 84, 65
# What of bad input is also tried for real, not only planned
REALLY_WRONG = ("present", "update", "song", "version", "database", "instance")
TRIALS = ("check", "real", "wrong", "back", "rehearsal", "files")
Result = dict[str, t.Any]


@dataclasses.dataclass
class Played:
    """One run of a program of Ansible's."""

    code: int
    text: str
    results: dict[str, Result]

    def __getitem__(self, name: str) -> Result:
        if name not in self.results:
            raise Shortfall(f"no result of {name}: {self.text.strip()[-300:]}")
        return self.results[name]


class Control:
    """The controller: ansible-playbook and ansible, with the collection of one checkout."""

    def __init__(self, lab: MigrationLab, tree: pathlib.Path) -> None:
        self.lab = lab
        self.folder = lab.work / "control"
        link = self.folder / "collections" / "ansible_collections" / "odoo_cloud" / "platform"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(tree)
        # What the role gives to containers of such runs, and to no others.
        self.keeper = lab.put("etc/keeper/db_keeper_password", lab.role_password).parent
        self.socket = docker("volume", "inspect", "-f", "{{.Mountpoint}}", f"{lab.name}-socket").strip()

    def definition(self, database: Database, release: Release, socket: bool = False, **env: str) -> dict[str, t.Any]:
        """How an instance's one-off containers run, in the words of the role `container`."""
        dummy, keywords = self.lab.of_release(database, release, **env)
        name = f"{self.lab.name}-{database.name}-run"
        values, mounts = self.lab.shape(database, "UpdateOnly", name, **keywords)
        del values["EVENTS_FILE"]
        shaped: list[dict[str, t.Any]] = []
        for mount in mounts:
            one = dict(item.partition("=")[::2] for item in mount.split(","))
            shaped.append(
                {"type": one["type"], "source": one["source"], "target": one["target"], "read_only": "readonly" in one}
            )
        if socket:
            values["DB_HOST"] = "/run/postgresql"
            shaped.append({"type": "bind", "source": self.socket, "target": "/run/postgresql", "read_only": False})
        return {
            "name": name, "image": self.lab.images[f"odoo-{database.version}"], "user": "8069:8069", "network": self.lab.name,
            "labels": dict([self.lab.label.split("=")]), "env": values, "mounts": shaped, "tmpfs": ["/tmp"], "read_only": True,
            "init": True, "cap_drop": ["ALL"], "security_opts": ["no-new-privileges"],
            "keeper": {"user": "oc_admin", "secrets": str(self.keeper)},
        }  # fmt: skip

    def with_point(self, definition: dict[str, t.Any], **env: str) -> dict[str, t.Any]:
        """The same for an instance with restore points."""
        admin = {"DB_ADMIN_USER": "oc_admin", "DB_ADMIN_PASSWORD_FILE": "/run/secrets-admin/db_keeper_password",
                 "RESTORE_DIR": "/run/odoo-cloud"}  # fmt: skip
        mount = {"type": "bind", "source": str(self.keeper), "target": "/run/secrets-admin", "read_only": True}
        return {**definition, "env": {**definition["env"], **admin, **env}, "mounts": [*definition["mounts"], mount]}

    def _run(self, program: str, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(PROGRAMS / program), *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False, timeout=600,
            env={**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
                 "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"), "ANSIBLE_LOCALHOST_WARNING": "false",
                 "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "ANSIBLE_ASYNC_DIR": str(self.folder / "async")},
        )  # fmt: skip
        return done.returncode, done.stdout

    def play(self, tasks: t.Mapping[str, tuple[str, dict[str, t.Any], dict[str, t.Any]]], *options: str) -> Played:
        """A playbook with these tasks (name: module, arguments, keywords), the result of each."""
        name = self.lab.next_name("play")
        told = self.folder / f"{name}.json"
        steps: list[dict[str, t.Any]] = []
        for label, (module, arguments, keywords) in tasks.items():
            full = module if "." in module else f"{COLLECTION}.{module}"
            steps.append({"name": label, full: arguments, "register": f"r_{label}", "ignore_errors": True, **keywords})
        gathered = ", ".join(f"'{label}': r_{label}" for label in tasks)
        steps.append(
            {"name": "keep", "ansible.builtin.copy": {"content": f"{{{{ {{{gathered}}} | to_json }}}}", "dest": str(told), "mode": "0600"},
             "check_mode": False, "diff": False}
        )  # fmt: skip
        book = self.folder / f"{name}.yml"
        head = {"hosts": "localhost", "connection": "local", "gather_facts": False,
                "vars": {"ansible_python_interpreter": str(PROGRAMS / "python")}, "tasks": steps}  # fmt: skip
        book.write_text(json.dumps([head]))
        code, text = self._run("ansible-playbook", str(book), *options)
        if not told.exists():
            raise Shortfall(f"ansible-playbook, exit {code}: {text.strip()[-400:]}")
        return Played(code, text, json.loads(told.read_text()))

    def adhoc(self, module: str, arguments: dict[str, t.Any], *options: str) -> tuple[int, str]:
        """The program `ansible` with one module."""
        return self._run(
            "ansible", "localhost", "-c", "local", "-e", f"ansible_python_interpreter={PROGRAMS / 'python'}", "-m",
            f"{COLLECTION}.{module}", "-a", json.dumps(arguments), *options,
        )  # fmt: skip


class LockWatch(threading.Thread):
    """Looks many times a second who holds an advisory lock in these databases, or the window lock of one of them."""

    def __init__(self, *databases: Database) -> None:
        super().__init__(daemon=True)
        self.databases, self.stop, self.looks = databases, threading.Event(), 0
        self.seen: set[str] = set()

    def run(self) -> None:
        names = [one.name for one in self.databases]
        with self.databases[0].lab.admin() as session:
            while not self.stop.wait(0.02):
                self.looks += 1
                self.seen |= {row[0] for row in session.rows(
                    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
                    " WHERE locktype = 'advisory' AND datname = ANY (%s)", names)}  # fmt: skip
                self.seen |= {name for one in self.databases for dummy, name in one.lock_holders()}

    def __enter__(self) -> LockWatch:
        self.start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self.stop.set()
        self.join(5)


class Trial:
    """The bars for one version of Odoo."""

    def __init__(self, run: t.Any, control: Control, version: str) -> None:
        self.lab: MigrationLab = run.lab
        self.first = version == run.versions[0]
        self.control, self.version = control, version
        self.old, self.new = self.lab.release(version, "1.0"), self.lab.release(version, "1.1")

    def of(self, database: Database, release: Release | None = None, point: dict[str, str] | None = None, socket: bool = False,
           **env: str) -> dict[str, t.Any]:  # fmt: skip
        """The arguments that all modules have in common."""
        definition = self.control.definition(database, release or self.old, socket, **env)
        if point is not None:
            definition = self.control.with_point(definition, **point)
        return {"instance": database.name, "platform": self.lab.name, "definition": definition, "timeout": 300}

    # Check mode and diff

    def check(self) -> t.Iterator[Line]:
        """The plan of each module, of a database that we know and of one that we never saw; who takes a lock is watched."""
        known, other = self.lab.project(self.version), self.lab.project(self.version)
        with self.lab.trial(known), self.lab.trial(other):
            other.rows("DELETE FROM ir_config_parameter WHERE key = 'module_auto_update.installed_checksums'")
            other.rows(
                "DROP TABLE curq_state_history, marabunta_version, odoo_cloud_module, odoo_cloud_run, odoo_cloud_step"
            )
            before = [contents(one, ()) for one in (known, other)]
            now, then = self.of(known, self.old), self.of(known, self.new)
            strange = self.of(other, self.old)
            with LockWatch(known, other) as watch:
                done = self.control.play(
                    {
                        "migration": ("odoo_migration", then, {}),
                        "nothing": ("odoo_migration", now, {}),
                        "all": ("odoo_update", {**now, "modules": ["all"]}, {}),
                        "none": ("odoo_update", {**then, "modules": ["none"]}, {}),
                        "present": ("odoo_module", {**now, "name": ["uom"]}, {}),
                        "there": ("odoo_module", {**now, "name": ["shop_base"]}, {}),
                        "latest": ("odoo_module", {**then, "name": ["shop_base"], "state": "latest"}, {}),
                        "absent": ("odoo_module", {**now, "name": ["shop_report"], "state": "absent"}, {}),
                        "song": ("anthem_song", {**now, "song": "songs.odd::small"}, {}),
                        "strange": ("odoo_update", {**strange, "modules": ["changed"]}, {}),
                    },
                    "--check", "--diff",
                )  # fmt: skip
            after = [contents(one, ()) for one in (known, other)]
            troubles = []
            for one, first_look, second_look in zip(("known", "other"), before, after):
                troubles += [f"{one}: {text}" for text in differences(first_look, second_look)]
            wanted = {"migration": True, "nothing": False, "all": True, "none": False, "present": True, "there": False, "latest": True,
                      "absent": True, "song": True, "strange": True}  # fmt: skip
            if watch.seen:
                troubles.append(f"locks were taken by {', '.join(sorted(watch.seen))}")
            troubles += self.expect(done, {name: {"changed": value} for name, value in wanted.items()})
            new = f"{self.version}.0.1.1"
            planned = done["migration"].get("modules") or {}
            if {name: planned.get(name, {}).get("to") for name in OWN} != dict.fromkeys(OWN, new):
                troubles.append(f"the plan's modules are {planned}")
            plan = done["migration"].get("plan") or {"migration": {"versions": []}}
            steps = [step for version in plan["migration"]["versions"] for step in version["steps"]]
            for line in (
                f"-shop_base: {self.version}.0.1.0",
                f"+shop_base: {new}",
                f"-shop_report: {self.version}.0.1.0",
            ):
                if line not in done.text:
                    troubles.append(f"the diff doesn't show {line!r}")
            yield Line(
                f"--check --diff of the four modules, Odoo {self.version}",
                f"{len(wanted)} plans, {len(steps)} steps in the migration's; none of {len(before[0])} and {len(before[1])} tables"
                f" differs, none was made, {watch.looks} looks saw no lock; {sentence(troubles)}",
                "the plan, versions before and after, nothing touched", not troubles and len(steps) >= 10 and watch.looks > 50,
            )  # fmt: skip

    def expect(self, done: Played, wanted: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
        """What differs from these values of results; failing counts too."""
        troubles = []
        for name, values in wanted.items():
            result = done[name]
            for key, value in {"failed": False, **values}.items():
                found = result.get(key, False if key == "failed" else None)
                if found != value:
                    why = f" ({result.get('msg')})" if result.get("failed") else ""
                    troubles.append(f"{name}: {key} is {found!r}, not {value!r}{why}"[:400])
        return troubles

    # For real

    def real(self) -> t.Iterator[Line]:
        """Each state of each module, twice; a migration in the background."""
        database = self.lab.project(self.version)
        with self.lab.trial(database):
            old, new = self.of(database, self.old), self.of(database, self.new)
            edited = self.of(database, self.lab.release(self.version, "1.0", CODE_ONLY))
            extra, report = ["uom"], ["shop_report"]
            sets = {"song": "songs.odd::sets", "kwargs": {"key": "shop.who", "value": "h\u00e9"}, "song_timeout": 60}
            both = {
                "songs": [
                    {"song": "songs.odd::small"},
                    {"song": "songs.odd::sets", "kwargs": {"key": "shop.who", "value": "2"}},
                ]
            }
            done = self.control.play(
                {
                    "none": ("odoo_update", {**old, "modules": ["none"]}, {}),
                    "present": ("odoo_module", {**old, "name": extra}, {"diff": True}),
                    "present_again": ("odoo_module", {**old, "name": extra}, {}),
                    "latest": ("odoo_module", {**edited, "name": report, "state": "latest"}, {}),
                    "latest_again": ("odoo_module", {**edited, "name": report, "state": "latest"}, {}),
                    "changed": ("odoo_update", {**old, "modules": ["changed"]}, {}),
                    "some": ("odoo_update", {**old, "modules": report}, {}),
                    "song": ("anthem_song", {**old, **sets}, {}),
                    "song_again": ("anthem_song", {**old, **sets}, {}),
                    "songs": ("anthem_song", {**old, **both}, {}),
                    "absent": ("odoo_module", {**old, "name": extra, "state": "absent"}, {"diff": True}),
                    "absent_again": ("odoo_module", {**old, "name": extra, "state": "absent"}, {}),
                }
            )  # fmt: skip
            changes = {"none": False, "present": True, "present_again": False, "latest": True, "latest_again": False, "changed": True,
                       "some": True, "song": True, "song_again": False, "songs": True, "absent": True, "absent_again": False}  # fmt: skip
            troubles = self.expect(done, {name: {"changed": value} for name, value in changes.items()})
            if not done["present"]["diff"]["after"].startswith(f"uom: {self.version}.0."):
                troubles.append(f"the diff of present is {done['present']['diff']}")
            if done["absent"]["diff"]["after"] or "-uom: " not in done.text:
                troubles.append(f"the diff of absent is {done['absent']['diff']}")
            if database.value("SELECT to_regclass('public.uom_uom') IS NOT NULL"):
                troubles.append("the table of uom is still there")
            if database.value("SELECT value FROM ir_config_parameter WHERE key = 'shop.who'") != "2":
                troubles.append("the song's argument did not arrive")
            if [step["name"] for one in done["songs"]["versions"] for step in one["steps"]] != [
                "songs.odd::small",
                "songs.odd::sets",
            ]:
                troubles.append(f"songs: {done['songs']['versions']}")
            if "step 1 of" not in done.text:
                troubles.append("the output does not name steps")
            yield Line(
                f"odoo_update, odoo_module and anthem_song in each state, each a second time, Odoo {self.version}",
                f"{len(changes)} tasks, {sum(changes.values())} with changed=true; {sentence(troubles)}",
                "changed=true only where something changed", not troubles,
            )  # fmt: skip
            begun = self.control.play(
                {
                    "begun": ("odoo_migration", new, {"async": 300, "poll": 0}),
                    "ended": ("ansible.builtin.async_status", {"jid": "{{ r_begun.ansible_job_id }}"},
                              {"until": "r_ended.finished", "retries": 300, "delay": 1}),
                    "again": ("odoo_migration", new, {}),
                    "started": ("odoo_module", {**new, "name": ["barcodes"], "wait": False}, {}),
                    "look": ("odoo_run_info", {"container": "{{ r_started.run }}", "until": "end", "timeout": 120}, {}),
                    "collected": ("odoo_module", {**new, "name": ["barcodes"], "run": "{{ r_started.run }}"}, {}),
                }
            )  # fmt: skip
            troubles = self.expect(
                begun,
                {"begun": {"finished": 0}, "ended": {"finished": 1, "changed": True, "status": "done"},
                 "again": {"changed": False, "status": "nothing"}, "started": {"changed": True, "ours": True},
                 "look": {"running": False, "exit_code": 0}, "collected": {"changed": True, "status": "done"}},
            )  # fmt: skip
            steps = [step["status"] for one in begun["ended"].get("versions") or [] for step in one["steps"]]
            if steps != ["done"] * 10:
                troubles.append(f"steps are {steps}")
            modules = begun["ended"].get("modules") or {}
            if any(
                modules.get(name) != {"from": f"{self.version}.0.1.0", "to": f"{self.version}.0.1.1"} for name in OWN
            ):
                troubles.append(f"modules are {modules}")
            if list(begun["collected"].get("modules") or {}) != ["barcodes"]:
                troubles.append(f"collected: {begun['collected'].get('modules')}")
            yield Line(
                f"odoo_migration with async and poll=0, odoo_module with wait=false, Odoo {self.version}",
                f"{len(steps)} steps in the result of async_status, a second run: {begun['again'].get('status')};"
                f" {sentence(troubles + finished(database), 'every song and script once')}",
                "the whole result, everything once, changed=false the second time", not troubles and not finished(database),
            )  # fmt: skip
            code, text = self.control.adhoc("odoo_update", new)
            planned, shown = self.control.adhoc(
                "odoo_module", {**new, "name": ["barcodes"], "state": "absent"}, "--check", "--diff"
            )
            good = code == planned == 0 and "changed: false" in text and "CHANGED" in shown and "-barcodes: " in shown
            yield Line(
                f"the program ansible: odoo_update with nothing to do, the plan of an uninstallation, Odoo {self.version}",
                f"exits {code}, {planned}" + ("" if good else f": {text[-200:]} {shown[-200:]}"),
                "not changed; changed with its diff", good,
            )  # fmt: skip

    # What is wrong

    def wrong(self) -> t.Iterator[Line]:
        """Each wrong name is told in one line with the variable, the value and the nearest name; nothing is touched."""
        database = self.lab.project(self.version)
        with self.lab.trial(database):
            now, then = self.of(database, self.old), self.of(database, self.new)
            gone = self.of(Database(self.lab, "shopp", self.version), self.old, DB_USER="oc_admin", DB_WAIT_TIMEOUT="3")
            wanted: dict[str, tuple[tuple[str, dict[str, t.Any]], tuple[str, ...]]] = {
                "present": (("odoo_module", {**now, "name": ["partner_fristname"]}), ("name", "partner_fristname", "'partner_firstname'")),
                "absent": (("odoo_module", {**now, "name": ["shop_reprot"], "state": "absent"}), ("name", "shop_reprot", "'shop_report'")),
                "latest": (("odoo_module", {**now, "name": ["shop_basee"], "state": "latest"}), ("name", "shop_basee", "'shop_base'")),
                "update": (("odoo_update", {**now, "modules": ["shop_base", "shop_slae"]}), ("modules", "shop_slae", "'shop_sale'")),
                "song": (("anthem_song", {**now, "song": "songs.odd::smal"}), ("song", "smal", "'small'")),
                "package": (("anthem_song", {**now, "song": "songs.od::small"}), ("song", "songs.od", "'odd'")),
                "kwargs": (("anthem_song", {**now, "song": "songs.odd::sets", "kwargs": {"kee": "a", "value": "b"}}),
                           ("kee", "'key'")),
                "mode": (("odoo_migration", {**then, "mode": "prdo"}), ("mode", "prdo", "'prod'")),
                "version": (("odoo_migration", {**then, "force_version": f"{self.version}.0.1.11.0"}),
                            ("force_version", f"{self.version}.0.1.11.0", f"'{self.version}.0.1.1.0'")),
                "file": (("odoo_migration", {**then, "migration_file": "/mnt/project/migratoin.yml"}),
                         ("migratoin.yml", "'migration.yml'")),
                "database": (("odoo_update", gone), ("shopp", "database")),
                "instance": (("odoo_update", {"instance": "shopp", "platform": self.lab.name}), ("instance", "shopp")),
            }  # fmt: skip
            before = contents(database, ())
            with self.lab.admin() as session:

                def there() -> set[str]:
                    rows = session.rows("SELECT datname FROM pg_database")
                    return {row[0] for row in rows if row[0].partition("--")[0] in (database.name, "shopp")}

                names = there()
                troubles = []
                planned = [name for name in wanted if name != "instance"]  # in check mode it may only not be there yet
                for chosen, options in ((planned, ("--check",)), (REALLY_WRONG, ())):
                    done = self.control.play({name: (*wanted[name][0], {}) for name in chosen}, *options)
                    for name in chosen:
                        message = str(done[name].get("msg"))
                        lacking = [word for word in wanted[name][1] if word not in message]
                        if not done[name].get("failed") or lacking or "\n" in message.strip():
                            troubles.append(f"{name} {' '.join(options)}: {', '.join(lacking)} not in {message!r}")
                if there() != names:
                    troubles.append("a database was made")
            troubles += differences(before, contents(database, ()))
            yield Line(
                f"wrong module, song, argument, mode, version, file, database, instance, Odoo {self.version}",
                f"{len(planned)} plans and {len(REALLY_WRONG)} runs refused, no database made; {sentence(troubles)}",
                "one line with variable, value and nearest name", not troubles,
            )  # fmt: skip

    # The way back

    def back(self) -> t.Iterator[Line]:
        """A failing song: rolled back by itself, or held and taken back by a person's words."""
        database = self.lab.project(self.version)
        with self.lab.trial(database):
            # Our check of rows is the superuser's; the instance's role could neither dump nor restore it.
            database.rows("DROP EVENT TRIGGER oc_proof_create; DROP SCHEMA oc_proof CASCADE")
            before = contents(database)
            fails = self.of(database, self.new, {}, OC_RAISE="song/last")
            dump = {**fails, "restore_point": "dump", "on_failure": "rollback"}
            clone = {**fails, "restore_point": "auto", "on_failure": "rollback"}
            done = self.control.play({"dump": ("odoo_migration", dump, {})})
            result, troubles = done["dump"], []
            if self.version == "14":
                # Its image has PostgreSQL's client of Debian 11, which must not dump a newer server.
                message = str(result.get("msg"))
                refused = result.get("exit_code") == EXIT_CONFIG and "pg_dump" in message and "PG_BIN" in message
                if not refused or differences(before, contents(database)):
                    troubles.append(f"dump: {result.get('exit_code')} {message}")
                done = self.control.play({"dump": ("odoo_migration", clone, {})})
                result = done["dump"]
            troubles += self.expect(
                done, {"dump": {"failed": True, "status": "rolled_back", "exit_code": EXIT_ROLLED_BACK}}
            )
            troubles += differences(before, contents(database))
            kind = (result.get("restore_point") or {}).get("kind")
            if kind != ("clone" if self.version == "14" else "dump"):
                troubles.append(f"the restore point is {kind}")
            if "asked to fail at song/last" not in json.dumps([result.get("msg"), result.get("versions")]):
                troubles.append(f"what failed is not in the result: {result.get('msg')}")
            drop_kept(database)
            yield Line(
                f"the last song fails with on_failure=rollback, restore point by {kind}, Odoo {self.version}",
                f"{result.get('status')}, exit {result.get('exit_code')}; {sentence(troubles, 'the data of before')}",
                "rolled back, nothing of the update left" + (", a dump refused beforehand" if self.version == "14" else ""), not troubles,
            )  # fmt: skip
            held = {**fails, "restore_point": "clone", "on_failure": "hold"}
            point = self.of(database, self.old, {})
            done = self.control.play({"held": ("odoo_migration", held, {}), "asked": ("odoo_rollback", point, {})})
            troubles = self.expect(
                done, {"held": {"failed": True, "exit_code": EXIT_STEP}, "asked": {"changed": False}}
            )
            words = str(done["asked"].get("confirm"))
            after = contents(database)
            if words != f"lose 0 minutes of {database.name}" or database.state() != "Failed":
                troubles.append(f"asked: {words!r}, state {database.state()}")
            tried = self.control.play(
                {"wrong": ("odoo_rollback", {**point, "confirm": f"lose 42 minutes of {database.name}"}, {}),
                 "check": ("odoo_rollback", {**point, "confirm": words}, {"check_mode": True})}
            )  # fmt: skip
            troubles += self.expect(
                tried, {"wrong": {"failed": True, "changed": False}, "check": {"changed": True, "status": "planned"}}
            )
            if words not in str(tried["wrong"].get("msg")) or differences(after, contents(database)):
                troubles.append(f"wrong words: {tried['wrong'].get('msg')}")
            right = self.control.play(
                {"right": ("odoo_rollback", {**point, "confirm": words, "reason": "a proof"}, {})}
            )
            troubles += self.expect(right, {"right": {"changed": True, "status": "rolled_back"}})
            troubles += differences(before, contents(database))
            with self.lab.admin() as session:
                kept = session.value(
                    "SELECT datname FROM pg_database WHERE datname LIKE %s", f"{database.name}--failed-%"
                )
            if database.state() != "Ready" or not kept:
                troubles.append(f"state {database.state()}, kept {kept}")
            yield Line(
                f"the last song fails and is held; odoo_rollback asked, with wrong words, with the right ones, Odoo {self.version}",
                f"{words!r} asked for, 42 minutes refused; {sentence(troubles, 'the data of before, the failed database is kept')}",
                "refused with the minutes; then the old data", not troubles,
            )  # fmt: skip
            drop_kept(database)

    def rehearsal(self) -> t.Iterator[Line]:
        """A rehearsal in a container without a network, its steps told meanwhile; the plan quotes it."""
        database = self.lab.project(self.version)
        with self.lab.trial(database):
            before = contents(database)
            new = self.of(database, self.new, socket=True)
            done = self.control.play(
                {"rehearsed": ("odoo_rehearsal", new, {}), "planned": ("odoo_migration", new, {"check_mode": True}),
                 "strict": ("odoo_rehearsal", {**new, "worst": "additive"}, {})}
            )  # fmt: skip
            troubles = self.expect(
                done,
                {
                    "rehearsed": {"status": "done", "changed": False},
                    "planned": {"changed": True},
                    "strict": {"failed": True},
                },
            )
            found = done["rehearsed"].get("rehearsal") or {}
            if found.get("class") != "breaking":
                troubles.append(f"the class is {found.get('class')}")
            told = sum(f"step {one} of 10 of" in done.text for one in range(1, 11))
            if told != 10:
                troubles.append(f"the output names {told} of 10 steps")
            if ((done["planned"].get("plan") or {}).get("rehearsal") or {}).get("class") != "breaking":
                troubles.append("the plan does not quote it")
            if "breaking" not in str(done["strict"].get("msg")):
                troubles.append(f"worst: {done['strict'].get('msg')}")
            troubles += differences(before, contents(database))
            yield Line(
                f"odoo_rehearsal in a container without a network, Odoo {self.version}",
                f"{found.get('class')}, {found.get('seconds')} s, {told} steps told;"
                f" {sentence(troubles, 'the database itself was only read')}",
                "its class, each step in the output, quoted by the plan", not troubles,
            )  # fmt: skip

    # Other kinds of steps and files

    def files(self) -> t.Iterator[Line]:
        """The folder form, two versions in one run, the kinds that the project's own file has not, translations, adopt."""
        database = self.lab.project(self.version)
        with self.lab.trial(database):
            now = {**self.of(database, self.old), "migration_file": FOLDER, "mode": "prod"}
            following = {"next": f"{self.version}.0.2.3.0"}
            done = self.control.play(
                {
                    "one": ("odoo_migration", now, {}),
                    "serie": ("odoo_migration", {**now, "allow_serie": True}, {}),
                    "again": ("odoo_migration", {**now, "allow_serie": True}, {}),
                }
            )  # fmt: skip
            troubles = self.expect(
                done,
                {"one": {"failed": True}, "serie": {"changed": True, "status": "done"}, "again": {"changed": False}},
            )
            if "allow_serie" not in str(done["one"].get("msg")):
                troubles.append(f"without allow_serie: {done['one'].get('msg')}")
            versions = [one["version"] for one in done["serie"].get("versions") or []]
            if versions != [f"{self.version}.0.2.1.0", f"{self.version}.0.2.2.0"]:
                troubles.append(f"versions {versions}")
            troubles += self.of_folder(database, "Eigen woord")
            last = self.control.play({"next": ("odoo_migration", {**now, **following}, {})})
            troubles += self.expect(last, {"next": {"changed": True, "status": "done"}})
            word = self.word(database)
            if word != "Winkelklant":
                troubles.append(f"override_translations left {word!r}")
            steps = sum(len(one["steps"]) for one in done["serie"].get("versions") or [])
            yield Line(
                f"the folder form, two versions in one run, then next with override_translations, Odoo {self.version}",
                f"{steps} steps: install, uninstall, load_csv, config_parameter, sql, songs; {sentence(troubles)}",
                "each does what it says; an own translation stays, until it is overridden", not troubles,
            )  # fmt: skip
            database.rows(
                "DROP TABLE odoo_cloud_module; DELETE FROM ir_config_parameter WHERE key = 'module_auto_update.installed_checksums'"
            )
            plan = self.lab.plan(database, self.old, MIGRATION_FILE="")
            adopted = self.lab.act(database, self.old, "UpdateOnly", "adopt", MIGRATION_FILE="")
            code = adopted.wait(100)
            later = self.lab.plan(database, self.old, MIGRATION_FILE="")
            yield Line(
                f"adopt in a database whose modules were never recorded, Odoo {self.version}",
                f"exit {code}, {len(plan['update'])} modules to update before, {len(later['update'])} after",
                "all before, none after", code == 0 and not later["update"] and set(OWN) <= set(plan["update"]),
            )  # fmt: skip

    def word(self, database: Database) -> str:
        """The Dutch word for a tag."""
        if self.version == "14":
            found = database.value(
                "SELECT value FROM ir_translation JOIN ir_model_data USING (res_id) WHERE ir_model_data.name = 'tag_shop'"
                " AND ir_translation.name = 'res.partner.category,name' AND lang = 'nl_NL'"
            )
        else:
            found = database.value(
                "SELECT c.name ->> 'nl_NL' FROM res_partner_category c JOIN ir_model_data d ON d.res_id = c.id"
                " WHERE d.module = 'shop_base' AND d.name = 'tag_shop'"
            )
        return str(found)

    def of_folder(self, database: Database, word: str) -> list[str]:
        """What is wrong after the versions of the folder."""
        troubles = []
        states = dict(database.rows("SELECT name, state FROM ir_module_module"))
        if states["barcodes"] != "installed" or states["uom"] != "uninstalled":
            troubles.append(f"barcodes {states['barcodes']}, uom {states['uom']}")
        prices = dict(database.rows("SELECT code, price FROM shop_product WHERE code LIKE 'CAF_-%%' OR code = 'own-1'"))
        if prices != {"CAF\u00c9-1": 3.25, "CAF\u00c9-2": 4.75, "own-1": 5.0}:
            troubles.append(f"prices {prices}")
        parameters = dict(database.rows("SELECT key, value FROM ir_config_parameter WHERE key LIKE 'shop.%%'"))
        if {key: parameters.get(key) for key in ("shop.loyalty", "shop.rate", "shop.legacy")} != {
            "shop.loyalty": "True", "shop.rate": "1.50", "shop.legacy": None}:  # fmt: skip
            troubles.append(f"parameters {parameters}")
        if self.word(database) != word:
            troubles.append(f"the translation is {self.word(database)!r}")
        if songs(database) != {"setup": 1, "language": 1, "own_words": 1, "without_units": 1}:
            troubles.append(f"songs {songs(database)}")
        return troubles

    def lines(self) -> list[Line]:
        found = []
        # No Odoo is loaded where names are wrong: one version tells.
        for name in TRIALS if self.first else [one for one in TRIALS if one != "wrong"]:
            begin = time.monotonic()
            try:
                found += list(getattr(self, name)())
            except (Shortfall, OSError, ValueError, LookupError, psycopg2.Error, subprocess.SubprocessError) as error:
                found.append(
                    Line(f"{name}, Odoo {self.version}", f"{type(error).__name__}: {error}", "runs", False, ran=False)
                )
            print(f"             ({name}, Odoo {self.version}: {time.monotonic() - begin:.0f} s)", flush=True)
        return found


def part_modules(run: t.Any) -> t.Iterator[Line]:
    """odoo_migration, odoo_update, odoo_module, anthem_song, odoo_rehearsal, odoo_rollback by Ansible's own programs."""
    control = Control(run.lab, run.tree)
    trials = [Trial(run, control, version) for version in run.each()]
    with concurrent.futures.ThreadPoolExecutor(len(trials)) as pool:
        for lines in pool.map(Trial.lines, trials):
            yield from lines
