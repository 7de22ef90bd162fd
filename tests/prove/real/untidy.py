# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases and projects as they are: every way to update on every recipe of `recipes`, on real Odoo and PostgreSQL.

Each way ends right, or with one clear line and nothing closed that was open; the plan said the same before. The environment variable
UNTIDY limits the recipes to some names, separated by commas, UNTIDY_WAYS the ways to update.
"""

from __future__ import annotations

import collections.abc
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import typing as t

import psycopg2

from ..containers.lab import ALL, OPEN, Database, Lab
from ..frame import RUNTIME, Line, Mutant, Shortfall, docker, parts_of, sentence
from . import recipes
from .bench import Bench
from .recipes import FORCE, SERVE, WAYS, Recipe

AT_ONCE = 3
SERVE_PY = """import subprocess, sys, time, urllib.request
child, end = subprocess.Popen(["odoo-cloud", "run"]), time.time() + 240
while time.time() < end:
    if child.poll() is not None:
        sys.exit(child.returncode)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/web/login", timeout=20) as answer:
            if b'name="login"' in answer.read():
                child.terminate()
                child.wait(30)
                sys.exit(0)
    except OSError:
        pass
    time.sleep(0.3)
child.kill()
sys.exit(99)
"""
CONF = """[options]
addons_path = /usr/lib/python3/dist-packages/odoo/addons,{folder}/addons
admin_passwd = {admin}
data_dir = /var/lib/odoo
db_maxconn = 8
http_port = {port}
limit_time_cpu = 6000
limit_time_real = 12000
list_db = False
max_cron_threads = 0
workers = 0
"""


class Field:
    """One version of Odoo: a container in which the runtime is started many times, and its releases."""

    def __init__(self, lab: Lab, version: str) -> None:
        self.lab, self.version = lab, version
        self.folder = lab.work / "untidy" / version
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / "serve.py").write_text(SERVE_PY)
        self.base = lab.installed(version, ALL)
        self.name = f"{lab.name}-untidy-{version}"
        values, mounts = lab.shape(self.base, "UpdateOnly", self.name)
        arguments = ["run", "-d", "--name", self.name, "--label", lab.label, "--network", lab.name, "--user", "8069:8069",
                     "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp", "--init",
                     "--cpu-shares", "256", "--memory", "3g"]  # fmt: skip
        for mount in (*mounts, f"type=bind,source={self.folder},target=/mnt/untidy,readonly"):
            arguments += ["--mount", mount]
        self.given = {**values, "TIMEOUT": "0.5", "DB_WAIT_TIMEOUT": "20", "MODULES": "base,oc_a,oc_d"}
        docker(*arguments, "--entrypoint", "sleep", lab.images[f"odoo-{version}"], "infinity")
        lab.boxes.add(self.name)

    def release(self, recipe: Recipe, number: int) -> pathlib.Path:
        """The folder of a recipe's release."""
        folder = self.folder / recipe.name
        shutil.copytree(self.lab.addons(), folder / "addons", ignore=shutil.ignore_patterns("__pycache__"))
        new = {"addons/oc_d/more.py": "# changed\n", "addons/oc_new/__manifest__.py": recipes.manifest(["oc_a"]),
               "addons/oc_new/__init__.py": ""}  # fmt: skip
        inside = f"/mnt/untidy/{recipe.name}"
        for path, text in {**new, **recipe.files}.items():
            place = folder / path
            if text is None:
                shutil.rmtree(place) if place.is_dir() else place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                place.symlink_to(text[3:])
            else:
                place.write_text(text, encoding="utf-8")
        versions = recipe.migration or recipes.MIGRATION_OF_D
        text = f"migration:\n  versions:\n{versions}"
        (folder / "migration.yml").write_text(self.filled(text).replace("/mnt/recipe", inside))
        (folder / "odoo.conf").write_text(CONF.format(folder=inside, admin=self.lab.role_password, port=18000 + number))
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() else 0o644)
        return folder

    def filled(self, text: str, database: str = "") -> str:
        label = "'Nix'" if self.version == "14" else "jsonb_build_object('en_US', 'Nix'), 'id'"
        text = text.replace("{order}", "" if self.version == "14" else ', "order"')
        return text.replace("SERIES", f"{self.version}.0").replace("{database}", database).replace("{label}", label)

    def execute(self, env: t.Mapping[str, str], *command: str) -> tuple[int, str, str]:
        """One start: exit code, stdout, stderr."""
        values = [word for key, value in {**self.given, **env}.items() if value for word in ("--env", f"{key}={value}")]
        done = subprocess.run(
            ["docker", "exec", *values, self.name, *command], capture_output=True, text=True, errors="replace", check=False, timeout=420
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def copy(self, recipe: Recipe, way: str) -> Database:
        """A database of a recipe."""
        copy = Database(self.lab, self.lab.next_name("u"), self.version)
        with self.lab.admin() as session:
            session.rows(f'CREATE DATABASE "{copy.name}" OWNER oc TEMPLATE "{self.base.name}" STRATEGY file_copy')
        with copy.session() as session:
            if way == FORCE and "DROP TABLE curq_state_history" not in recipe.sql:
                session.rows("INSERT INTO curq_state_history (state, run_id, host) VALUES ('Failed', 'x', 'y')")
            for statement in recipe.sql:
                session.rows(self.filled(statement, copy.name))
        return copy


def rows_of(database: Database) -> list[tuple[t.Any, ...]]:
    """The history, which a refusal doesn't touch."""
    if not database.value("SELECT to_regclass('public.curq_state_history') IS NOT NULL"):
        return []
    return database.rows("SELECT id, state FROM curq_state_history ORDER BY id")


def lacks(words: str, text: str) -> list[str]:
    """The parts of what is expected that the text doesn't have; parts are separated by &."""
    return [part for part in words.split(" & ") if part not in text]


def tried(field: Field, recipe: Recipe, way: str) -> list[str]:
    """What is wrong with one way to update on one recipe."""
    expected = recipe.expected(field.version, way)
    inside = f"/mnt/untidy/{recipe.name}"
    database = field.copy(recipe, way)
    env = {"DB_NAME": database.name, "MIGRATION_FILE": f"{inside}/migration.yml", "ODOO_RC": f"{inside}/odoo.conf",
           "ODOO_DATA_PATH": inside, **WAYS[way], **recipe.env, "RELEASE": f"{recipe.name}-{way}"}  # fmt: skip
    wrong: list[str] = []
    try:
        before = rows_of(database)
        code, plan, plan_log = field.execute(env, "odoo-cloud", "plan")
        try:
            planned = json.loads(plan) if not code else {}
        except ValueError:
            return [f"the plan is not JSON: {plan[:200]}"]
        shown = json.dumps(planned, ensure_ascii=False).replace('\\"', '"') + plan_log
        refused = bool(code) or bool(planned.get("refused"))
        if refused is not bool(expected):
            wrong.append(
                f"the plan {'refuses' if refused else 'does not refuse'}: {why(planned) or plan_log.strip()[-300:]}"
            )
        if expected and lacks(expected, shown):
            wrong.append(f"the plan lacks {lacks(expected, shown)}: {why(planned) or plan_log.strip()[-300:]}")
        if rows_of(database) != before:
            wrong.append("the plan wrote a row")
        port = next(
            line for line in (field.folder / recipe.name / "odoo.conf").read_text().splitlines() if "http_port" in line
        )
        serve = ("python3", "/mnt/untidy/serve.py", port.split()[-1])
        code, out, log = field.execute(env, *(serve if way == SERVE else ("odoo-cloud", "run")))
        (field.lab.logs / f"untidy-{field.version}-{recipe.name}-{way}.log").write_text(
            plan + plan_log + "--- run\n" + out + log
        )
        lines = [line.partition("ERROR odoo-cloud: ")[2] for line in log.splitlines() if "ERROR odoo-cloud: " in line]
        if expected:
            if not code:
                wrong.append("it succeeds")
            if len(lines) != 1:
                wrong.append(f"{len(lines)} lines of errors")
            elif lacks(expected, lines[0]):
                wrong.append(f"the line lacks {lacks(expected, lines[0])}: {lines[0][:300]}")
            elif len(lines[0]) > recipe.longest:
                wrong.append(f"the line has {len(lines[0])} characters")
            if rows_of(database) != before:
                wrong.append(f"rows were written: {rows_of(database)[len(before) :]}")
            return wrong
        if code:
            wrong.append(f"exit {code}: {(lines or [log.strip()[-300:]])[-1][:400]}")
        if database.state() not in OPEN:
            wrong.append(f"state {database.state() or 'none'}")
        left = database.rows("SELECT name, state FROM ir_module_module WHERE state LIKE 'to %%'")
        wrong += [f"{name} is {state}" for name, state in left]
        words = recipe.warned.get(field.version, recipe.warned.get("*", ""))
        if words and way in recipe.warned_ways and lacks(words, shown + out + log):
            wrong.append(f"{words!r} is not told")
        if recipe.result and way in recipe.result_ways:
            found = database.value(field.filled(recipe.result[0]))
            wrong += [f"the result is {found!r}, not {recipe.result[1]!r}"] if found != recipe.result[1] else []
        return wrong
    finally:
        if not field.lab.keep:
            field.lab.drop(database)


def why(planned: t.Mapping[str, t.Any]) -> str:
    """Why a plan is refused."""
    migration = planned.get("migration") or {}
    found = [*planned.get("refusals", ()), *(one["message"] for one in migration.get("problems", ())),
             *(one["reason"] for one in migration.get("refusals") or ())]  # fmt: skip
    return "; ".join(found)[:400]


def names_in(variable: str) -> list[str]:
    """What an environment variable names."""
    return [name for name in os.environ.get(variable, "").split(",") if name]


def chosen(bench: Bench, group: t.Sequence[Recipe], version: str) -> list[Recipe]:
    """The recipes that are tried: all, those of UNTIDY, or those that a mutant is to be noticed by."""
    names = names_in("UNTIDY")
    for name, mutant in MUTANTS.items():
        if mutant is bench.mutant:
            names = list(NOTICED_BY[name])
    return [one for one in group if version in one.versions and (not names or one.name in names)]


def of_group(bench: Bench, what: str, group: t.Sequence[Recipe]) -> collections.abc.Iterator[Line]:
    lab = bench.single()
    for version in bench.versions:
        mine = chosen(bench, group, version)
        if not mine:
            continue
        field = Field(lab, version)
        for number, recipe in enumerate(mine):
            field.release(recipe, number)
        ways = names_in("UNTIDY_WAYS") or recipes.EVERY
        jobs = [(recipe, way) for recipe in mine for way in recipe.ways if way in ways]

        def attempt(job: tuple[Recipe, str], field: Field = field, version: str = version) -> str:
            recipe, way = job
            try:
                found = tried(field, recipe, way)
            except (Shortfall, OSError, psycopg2.Error, subprocess.SubprocessError, StopIteration) as error:
                found = [f"{type(error).__name__}: {error}"]
            text = f"{recipe.name} {way}: {'; '.join(found)}" if found else ""
            if text:
                print(f"             {version} {text}", flush=True)
            return text

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            troubles = [text for text in pool.map(attempt, jobs) if text]
        docker("rm", "-f", "-v", field.name, check=False)
        lab.boxes.discard(field.name)
        refused = sum(bool(recipe.expected(version, way)) for recipe, way in jobs)
        yield Line(
            f"{what} (Odoo {version})",
            f"{len(mine)} recipes, {len(jobs)} ways to update, {refused} refused in one line and before by the plan;"
            f" {sentence(troubles, 'all as expected')}",
            "the right result, or one clear line and nothing closed that was open", not troubles,
        )  # fmt: skip


def part_untidy_addons(bench: Bench) -> collections.abc.Iterator[Line]:
    """Addons with odd names, manifests, dependencies."""
    yield from of_group(bench, "untidy addons", recipes.ADDONS)


def part_untidy_databases(bench: Bench) -> collections.abc.Iterator[Line]:
    """Databases with odd rows, owners, settings, histories."""
    yield from of_group(bench, "untidy databases", recipes.DATABASES)


def part_untidy_projects(bench: Bench) -> collections.abc.Iterator[Line]:
    """Migration files, songs, commands and variables that are odd."""
    yield from of_group(bench, "untidy projects", recipes.PROJECTS)


PARTS = parts_of(globals())
NOTICED_BY: dict[str, tuple[str, ...]] = {
    "untidy-manifests": ("stray-dash",),
    "untidy-packages": ("installed-package",),
    "untidy-loops": ("installed-loop",),
    "untidy-owners": ("database-foreign-owner",),
    "untidy-timeouts": ("database-statement-timeout",),
    "untidy-extensions": ("extension-sql", "extension-psql"),
    "untidy-one-kind": ("all-at-once",),
}
MUTANTS = {
    "untidy-manifests": Mutant(
        ("untidy-addons",),
        ((f"{RUNTIME}/addons/update_plan.py", "found = addon_tree.fatal_manifests(folders, snapshot)\n", "found: list[str] = []\n"),),
        version="19",
    ),
    "untidy-packages": Mutant(
        ("untidy-addons",), ((f"{RUNTIME}/addons/tree.py", "if not _has_package(item, self.series)", "if not item"),), version="19"
    ),
    "untidy-loops": Mutant(
        ("untidy-addons",), ((f"{RUNTIME}/addons/update_plan.py", "in_loops = set(_loops(needs))", "in_loops = set()"),), version="19"
    ),
    "untidy-owners": Mutant(
        ("untidy-databases",),
        ((f"{RUNTIME}/run/planning.py", "return [*rights.problems(self.database), *told, *found]", "return [*told, *found]"),),
        version="19",
    ),
    "untidy-timeouts": Mutant(
        ("untidy-databases",),
        ((f"{RUNTIME}/boot/child.py", 'for item in ("statement_timeout", "idle_in_transaction_session_timeout")', "for item in ()"),),
        version="14",
    ),
    "untidy-extensions": Mutant(
        ("untidy-projects",),
        ((f"{RUNTIME}/database/extensions.py", "return _CREATE.sub(changed, text) if existing else text", "return text"),), version="19",
    ),
    "untidy-one-kind": Mutant(
        ("untidy-projects",),
        ((f"{RUNTIME}/migration/work.py", "raise Wrong(self.problems, refusals)\n", "raise Wrong(self.problems)\n"),),
        version="19",
    ),
}  # fmt: skip
