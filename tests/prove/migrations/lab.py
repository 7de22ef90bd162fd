# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single containers as for the proof of the state, with a whole project (`project/`) on them.

A *release* of the project is a folder of its own: its addons at that version, two OCA addons from their wheels, songs, CSV files and
migration files that know the versions up to it. It is mounted at /mnt/project, its addons at /mnt/extra-addons.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import shutil
import subprocess
import typing as t
import zipfile

from ..containers.lab import STAGES, Box, Database, Lab
from ..containers.wheels import WHEELS, fetch
from ..frame import Shortfall, docker, readable, until

PROJECT = pathlib.Path(__file__).resolve().parent / "project"
OWN = ("shop_base", "shop_sale", "shop_report")  # in the order of their dependencies
OCA = {
    "14": {"partner_firstname": "odoo14-addon-partner-firstname<14.1",
           "date_range": "odoo14-addon-date-range<14.1"},
    "19": {"partner_firstname": "odoo-addon-partner-firstname>=19,<20",
           "date_range": "odoo-addon-date-range>=19,<20"},
}  # fmt: skip
FILE = "/mnt/project/migration.yml"
FOLDER = "/mnt/project/migrations"
# As a spreadsheet of Windows writes it
PRICES = "id;code;price\r\n__setup__.price_1;CAF\u00c9-1;3.25\r\n__setup__.price_2;CAF\u00c9-2;4.75\r\n"
SONGS = ("old_labels", "codes", "categories", "prices", "customers", "last")
# Edits that make other releases: (old text, new text) of a file.
CODE_ONLY = {
    "addons/shop_report/models.py": ("order.number * order.product_id.price", "order.product_id.price * order.number")
}
ADDITIVE = {
    "addons/shop_base/models.py": (
        "    price = fields.Float()\n",
        "    price = fields.Float()\n    weight = fields.Float()\n",
    )
}
# How another tool is called in a container: the database's address as libpq has it, and in Odoo's own file.
TOOL_SETUP = """#!/bin/sh
set -eu
sed "/^.options.$/a db_name = ${DB_NAME:-$PGDATABASE}" /etc/odoo/odoo.conf > /tmp/odoo.conf
# `odoo-cloud COMMAND` has given these under their own names; `docker exec` has not.
export PGHOST="${DB_HOST:-$PGHOST}" PGUSER="${DB_USER:-$PGUSER}" PGDATABASE="${DB_NAME:-$PGDATABASE}" PGSSLMODE=disable
PGPASSWORD="$(cat /run/secrets/db_password)"
export PGPASSWORD ODOO_RC=/tmp/odoo.conf ODOO_DATA_PATH=/mnt/project HOME=/tmp PATH="/mnt/project/bin:$PATH"
export PYTHONPATH=/mnt/project:/opt/tools TZ=UTC
exec "$@"
"""


class Release:
    """One release of the project, for one version of Odoo."""

    def __init__(
        self, projects: pathlib.Path, series: str, number: str, edits: t.Mapping[str, tuple[str, str]]
    ) -> None:
        """projects: the folder of all releases. series: Odoo's. number: of the release. edits: see CODE_ONLY."""
        self.series, self.number = series, number
        more = f"-{abs(hash(tuple(sorted(edits.items()))))}" if edits else ""
        self.folder = projects / f"{series}-{number}{more}"
        if not self.folder.exists():
            self._make(edits)

    def _make(self, edits: t.Mapping[str, tuple[str, str]]) -> None:
        folder, new = self.folder, self.number != "1.0"
        shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
        script = (folder / "count.py").read_text()
        (folder / "songs" / "count.py").write_text(script)
        (folder / "count.py").unlink()
        for name in OWN:
            addon = folder / "addons" / name
            migrations = addon / "migrations"
            if new:
                manifest = addon / "__manifest__.py"
                manifest.write_text(manifest.read_text().replace('"version": "1.0"', '"version": "1.1"'))
                for stage in STAGES:
                    (migrations / "1.1").mkdir(parents=True, exist_ok=True)
                    (migrations / "1.1" / f"{stage}-count.py").write_text(script)
            else:
                shutil.rmtree(migrations, ignore_errors=True)
            models = addon / "models.py"
            other = "# since 1.1" if not new else "# until 1.0"
            models.write_text("".join(line for line in models.read_text().splitlines(True) if other not in line))
        for name, wanted in OCA[self.series].items():
            for wheel in fetch(WHEELS / self.series / name, [wanted]).glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    for item in archive.namelist():
                        inside = item.removeprefix("odoo/addons/")
                        if inside != item and inside.startswith(f"{name}/") and not item.endswith("/"):
                            target = folder / "addons" / inside
                            target.parent.mkdir(parents=True, exist_ok=True)
                            target.write_bytes(archive.read(item))
        for path in folder.glob("*.yml"):
            text = path.read_text()
            for mark in ("1.1", "1.2"):
                if mark > self.number:
                    text = text.partition(f"    # release {mark}\n")[0]
            path.write_text(text.replace("SERIES", f"{self.series}.0"))
        for path in (folder / "migrations").glob("SERIES*"):
            path.rename(path.with_name(path.name.replace("SERIES", f"{self.series}.0")))
        (folder / "data" / "prices.txt").write_bytes(PRICES.encode("cp1252"))
        # What pip makes of anthem's entry point; marabunta calls programs by their names.
        (folder / "bin").mkdir()
        (folder / "bin" / "anthem").write_text(
            "#!/usr/bin/python3\nimport sys\nfrom anthem.cli import main\nsys.exit(main())\n"
        )
        (folder / "bin" / "tool").write_text(TOOL_SETUP)
        for name, (old, after) in edits.items():
            path = folder / name
            if path.read_text().count(old) != 1:
                raise Shortfall(f"{old!r} is not once in {name}")
            path.write_text(path.read_text().replace(old, after))
        readable(folder)

    @property
    def addons(self) -> pathlib.Path:
        return self.folder / "addons"

    def line_of(self, text: str, name: str = "migration.yml") -> int:
        lines = (self.folder / name).read_text().splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)


class Outcome:
    """A container's run: exit code, events, log."""

    def __init__(self, box: Box, events: pathlib.Path) -> None:
        self.box, self.path = box, events

    def events(self, *kinds: str) -> list[dict[str, t.Any]]:
        try:
            lines = self.path.read_text().splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # the last one of a run that was killed
        return [item for item in found if not kinds or item["event"] in kinds]

    def wait(self, seconds: float = 240) -> int:
        return self.box.wait(seconds)

    def wait_for_place(self, place: str, seconds: float = 240) -> None:
        def there() -> bool:
            if f"oc-place {place}\n" in self.box.logs():
                return True
            if self.box.code() is not None:
                raise Shortfall(f"{self.box.name} ended before {place}: {self.box.last_line()}")
            return False

        until(there, seconds, f"{place} was not reached", 0.2)

    def error(self) -> str:
        ended = self.events("run_ended")
        return str(ended[-1].get("error", "")) if ended else self.box.last_line()


class MigrationLab(Lab):
    """The lab with the project."""

    def start(self, versions: t.Collection[str]) -> None:
        super().start(versions)
        self.runs = self.work / "runs"  # events of runs
        self.runs.mkdir()
        self.runs.chmod(0o777)
        with self.admin() as session:
            session.rows("GRANT oc TO oc_admin")

    def release(self, series: str, number: str, edits: t.Mapping[str, tuple[str, str]] | None = None) -> Release:
        with self.lock:
            return Release(self.work / "project", series, number, edits or {})

    def project(self, version: str) -> Database:
        """A copy of a database that release 1.0 was installed into, its version `setup` done."""
        key = (version, "project")
        with self.lock:
            known = self.templates.get(key)
        if known is None:
            known = self.empty(version)
            first = self.release(version, "1.0")
            for mode in ("InstallOnly", "UpdateOnly"):
                done = self.act(known, first, mode)
                code = done.wait(1200)  # a busy machine has taken 12 minutes
                self.keep_log(done.box)
                if code:
                    raise Shortfall(f"release 1.0 on Odoo {version}: exit {code}: {done.box.last_line()}")
                done.box.remove()
            with self.lock:
                self.templates[key] = known
        copy = Database(self, self.next_name("p"), version)
        self.copy(known, copy)
        return copy

    def copy(self, known: Database, copy: Database) -> None:
        with self.admin() as session:
            session.rows(f'CREATE DATABASE "{copy.name}" OWNER oc TEMPLATE "{known.name}" STRATEGY file_copy')
        self.files(f"if [ -d {known.name} ]; then cp -al {known.name} {copy.name}; fi")

    def of_release(
        self, database: Database, release: Release, mounts: t.Sequence[str] = (), **env: str
    ) -> tuple[str, dict[str, t.Any]]:
        """Its file of events, and what a container needs beside its name and mode."""
        events = f"{database.name}-{self.next_name('e')}.ndjson"
        keywords = {
            "MODULES": ",".join(OWN),
            "EVENTS_FILE": f"/run/odoo-cloud/{events}",
            "MIGRATION_FILE": FILE,
            "ODOO_DATA_PATH": "/mnt/project",
            "RELEASE": release.folder.name,
            "addons": release.addons,
            "mounts": [f"type=bind,source={release.folder},target=/mnt/project,readonly",
                       f"type=bind,source={self.runs},target=/run/odoo-cloud", *mounts],
            **env,
        }  # fmt: skip
        return events, keywords

    def prepared(
        self,
        database: Database,
        release: Release,
        mode: str,
        *command: str,
        options: t.Sequence[str] = (),
        network: str = "",
        **more: t.Any,
    ) -> Outcome:
        """A container with a release, not started yet."""
        events, keywords = self.of_release(database, release, **more)
        box = self.create(database, mode, *command, options=options, network=network, **keywords)
        return Outcome(box, self.runs / events)

    def act(
        self, database: Database, release: Release, mode: str = "UpdateOnly", *command: str, **keywords: t.Any
    ) -> Outcome:
        """The same, started."""
        done = self.prepared(database, release, mode, *command, **keywords)
        docker("start", done.box.name)
        return done

    def plan(self, database: Database, release: Release, **env: str) -> dict[str, t.Any]:
        """What `odoo-cloud plan` prints."""
        done = self.act(database, release, "UpdateOnly", "plan", **env)
        code = done.wait(120)
        shown = subprocess.run(["docker", "logs", done.box.name], capture_output=True, text=True, check=False)
        try:
            found = json.loads(shown.stdout)
        except ValueError:
            raise Shortfall(f"plan, exit {code}: {shown.stderr.strip()[-300:]}") from None
        done.box.remove()
        return t.cast(dict[str, t.Any], found)


def songs(database: Database) -> dict[str, int]:
    """How often each song's effect was committed."""
    return {stage: number for (module, dummy, stage), number in database.counts().items() if module == "song"}


def scripts(database: Database) -> dict[tuple[str, str], int]:
    """How often each migration script's."""
    return {(module, stage): number for (module, dummy, stage), number in database.counts().items() if module != "song"}


def drop_kept(database: Database) -> None:
    """Copies that a run made of it."""
    with database.lab.admin() as session:
        for (name,) in session.rows(
            "SELECT datname FROM pg_database WHERE datname LIKE %s ESCAPE '!'", f"{database.name}--%"
        ):
            session.rows(f'ALTER DATABASE "{name}" IS_TEMPLATE false')
            session.rows(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


OURS = ("curq_state_history", "odoo_cloud_run", "odoo_cloud_rollback", "odoo_cloud_rehearsal", "bus_presence")


def contents(database: Database, leave_out: t.Collection[str] = OURS) -> dict[str, str]:
    """A checksum of each table's rows, but of the record of runs."""
    with database.session() as session:
        names = [row[0] for row in session.rows(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1")]  # fmt: skip
        sums = "SELECT md5(coalesce(string_agg(r::text, '|' ORDER BY r::text), '')) FROM \"{}\" r"
        return {name: str(session.value(sums.format(name))) for name in names if name not in leave_out}


def differences(before: t.Mapping[str, str], after: t.Mapping[str, str], allowed: t.Collection[str] = ()) -> list[str]:
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name) and name not in allowed)
    return [f"rows differ in {', '.join(names)}"] if names else []


def hold_lock(session: t.Any, database: Database) -> None:
    """The window lock, by somebody who seems to be at work."""
    session.rows("SET application_name = 'odoo-cloud UpdateOnly run=stilllives host=proof'")
    first, second = (
        int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big", signed=True)
        for text in ("odoo-cloud", database.name)
    )
    session.rows("SELECT pg_advisory_lock(%s, %s)", first, second)


def number(version: str, release: str) -> str:
    return f"{version}.0.{release}.0"


def finished(database: Database, wanted: t.Iterable[str] = SONGS) -> list[str]:
    """What is wrong in a database in which release 1.1 must have been done, each piece once."""
    troubles = []
    done = songs(database)
    for name in ("setup", *wanted):
        if done.get(name, 0) != 1:
            troubles.append(f"song {name}: {done.get(name, 0)} times")
    counted = scripts(database)
    for module in OWN:
        for stage in STAGES:
            times = counted.get((module, stage), 0)
            if times != 1:
                troubles.append(f"{module} {stage}: {times} times")
    versions = dict(database.rows("SELECT name, latest_version FROM ir_module_module WHERE state = 'installed'"))
    troubles += [f"{name} is {versions.get(name)}" for name in OWN if versions.get(name) != f"{database.version}.0.1.1"]
    left = [row[0] for row in database.rows("SELECT name FROM ir_module_module WHERE state LIKE 'to %%'")]
    if left:
        troubles.append(f"left to do: {','.join(left)}")
    if not database.value(
        "SELECT date_done IS NOT NULL FROM marabunta_version WHERE number = %s", number(database.version, "1.1")
    ):
        troubles.append("the version is not recorded as done")
    if database.state() != "Ready":
        troubles.append(f"state {database.state()}")
    wrong = [row[0] for row in database.rows("SELECT step_id FROM odoo_cloud_step WHERE status <> 'done'")]
    if wrong:
        troubles.append(f"steps not done: {','.join(wrong)}")
    # What the steps that count no row did, done once: prices doubled, numbers one more.
    if database.rows("SELECT price FROM shop_product WHERE code = 'OWN-1'") != [(8.0,)]:
        troubles.append("the price is not doubled once")
    if database.value("SELECT sum(number) FROM shop_order") != 20:
        troubles.append("orders are not one more each")
    if database.value("SELECT count(*) FROM res_partner WHERE ref LIKE 'C0%%'") != 20:
        troubles.append("not 20 customers")
    return troubles
