# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile database: what an instance that was broken into reaches through PostgreSQL, with its own password, with what it plants in
its database for others to run, with rows that no run wrote, and with the lock."""

from __future__ import annotations

import collections.abc
import contextlib
import pathlib
import re
import threading
import time

import psycopg2

from ..blockers.tenants import RIGHTS_SQL, as_role, lock_keys
from ..frame import Line, Mutant, Shortfall, docker, last_error, sentence
from ..platforms import Platform, Played
from . import database_attempts as tries
from .bench import Attempt, Bench, attempts_line

# ruff: noqa: S608 - the names are the proof's own

ME, OTHER, ADMIN = "alpha", "beta", "odoo_cloud_admin"
TOUCHED = pathlib.Path(
    "/tmp/planted-by-alpha"
)  # what a text touches if it is run as a template; each text adds its own word
PLANTER = "who plants"  # the session that plants; what runs in it doesn't count

SETTINGS_SQL = """
SELECT coalesce(setrole::regrole::text, '-'), coalesce(d.datname, '-'), setconfig FROM pg_db_role_setting s
  LEFT JOIN pg_database d ON d.oid = s.setdatabase ORDER BY 1, 2;
SELECT datname, datdba::regrole, datallowconn, datconnlimit, datacl FROM pg_database
 WHERE datname !~ '--(before|failed|rehearsal)-' ORDER BY 1;
"""


def platform(bench: Bench) -> Platform:
    """The platform with the instances alpha and beta, of which alpha has a restore point; created with the first use."""
    new = "db" not in bench.sites
    site = bench.site(
        "db", 6, instances={name: {"odoo_modules": ["base"], "odoo_restore_point": "clone"} for name in (ME, OTHER)},
        odoo_cloud_root=f"/srv/{bench.place.name}-db",
    )  # fmt: skip
    if new:
        site.site()
        played = update(site)
        if played.code:
            raise Shortfall(f"the update that makes a restore point ended with {played.code}: {played.error}")
    return site


def update(site: Platform, **variables: object) -> Played:
    return site.playbook("update", odoo_cloud_instance=ME, odoo_update="base", **variables)


def words(site: Platform, text: str) -> str:
    return text.format(me=ME, other=OTHER, admin=ADMIN, point=point(site) if "{point}" in text else "", touched=TOUCHED)


def point(site: Platform) -> str:
    found = site.psql(f"SELECT datname FROM pg_database WHERE datname ~ '^{ME}--before-' ORDER BY oid DESC LIMIT 1")
    if not found:
        raise Shortfall(f"{ME} has no restore point")
    return found


def tried(site: Platform, what: str, database: str, statement: str) -> Attempt:
    """One statement of alpha's role. It succeeded unless the server refused it."""
    try:
        connection = as_role(site, ME, database)
    except psycopg2.OperationalError as error:
        refused = "permission denied" in str(error) or "not currently accepting connections" in str(error)
        return Attempt(what, not refused, str(error).strip())
    with contextlib.closing(connection), connection.cursor() as cursor:
        try:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else [("no error",)]
        except psycopg2.Error as error:
            return Attempt(what, False, str(error).strip())
        # a statement that finds nobody to end has ended nobody
        hit = [row for row in rows if row[0] not in (None, False)]
        return Attempt(what, bool(hit), f"{statement}: {hit[:1]}")


def well(site: Platform) -> list[str]:
    """What is wrong with the second instance and the administrator."""
    found = []
    code, shown, dummy = site.playbook("status")
    found += [f"status ended with {code}: {last_error(shown)}"] if code else []
    found += [] if re.search(rf"{OTHER}: Ready since", shown) else [f"status doesn't show {OTHER} as ready"]
    answer = site.request("/web/health", instance=OTHER)[0]
    return found + ([] if answer == 200 else [f"{OTHER} answers {answer}"])


def reach(bench: Bench) -> collections.abc.Iterator[Line]:
    site = platform(bench)
    before = site.psql(RIGHTS_SQL) + site.psql(SETTINGS_SQL)
    names = site.psql("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database")
    site.psql(tries.READY, ME, ME)
    try:
        attempts = [
            tried(site, what, words(site, database), words(site, statement))
            for what, database, statement in tries.STATEMENTS
        ]
    finally:
        site.psql(tries.READY_GONE, ME, ME)
    for role in (OTHER, f"{ME}_keeper", ADMIN, "postgres"):
        attempts.append(Attempt(f"log in as {role} with {ME}'s password", logs_in(site, role), "let in"))
    after = site.psql(RIGHTS_SQL) + site.psql(SETTINGS_SQL)
    changed = sorted(set(after.splitlines()) ^ set(before.splitlines()))
    attempts.append(Attempt("rights, owners and settings afterwards", bool(changed), "; ".join(changed)[:300]))
    kept = site.psql("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database")
    attempts.append(Attempt("databases afterwards", kept != names, f"{names} became {kept}"))
    yield attempts_line(f"{ME}'s role against {OTHER}, the administrator, the server and restore points", attempts, 85)
    troubles = well(site)
    good = f"status ends with 0, {OTHER} is ready and serves"
    yield Line("after all of that", sentence(troubles, good), good, not troubles)


def logs_in(site: Platform, role: str) -> bool:
    try:
        as_role(site, role, "postgres", f"{ME}/db_password").close()
    except psycopg2.OperationalError:
        return False
    return True


PLAYBOOKS: tuple[tuple[str, dict[str, object]], ...] = (
    ("status", {}), ("preflight", {}), ("plan", {}), ("cache", {}), ("storage", {}), ("odoo", {}), ("proxy", {}), ("site", {}),
    ("database", {}), ("rehearse", {"odoo_cloud_instance": ME}), ("move_attachments", {"odoo_cloud_instance": ME}),
    ("update", {"odoo_cloud_instance": ME, "odoo_update": "base"}), ("rollback", {"odoo_cloud_instance": ME}),
    ("force_ready", {"odoo_cloud_instance": ME, "odoo_cloud_reason": "the proof"}),
)  # fmt: skip


NEEDED = ("status", "preflight", "plan", "cache", "storage", "odoo", "proxy", "site", "database")


def plant(site: Platform) -> list[str]:
    """Plants all traps as alpha; what could not be planted, in words."""
    site.psql(words(site, tries.PLANTED), ME, ME)
    not_made = []
    for kind, statements in tries.TRAPS:
        with contextlib.closing(as_role(site, ME, ME)) as connection, connection.cursor() as cursor:
            try:
                cursor.execute(f"SET application_name = '{PLANTER}'")
                cursor.execute(words(site, statements))
            except psycopg2.Error as error:
                not_made.append(f"{kind}: {str(error).strip()}")
    return not_made


def sprung(logs: str) -> dict[str, set[tuple[str, str, str]]]:
    """The traps that were seen to run, by the name that each tells to the server's log: session's role, role, session's name."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for name, one, two, session in re.findall(r"trap ([^%]+?) ran as (\w+) and (\w+) for (.*)", logs):
        if session.strip() != PLANTER:
            found.setdefault(name, set()).add((one, two, session.strip()))
    return found


def shown_texts(outputs: str) -> list[str]:
    """The texts with a template's words that playbooks have shown, by the word that each adds."""
    return sorted(set(re.findall(rf"touch {TOUCHED}-(\w+)", outputs)))


def traps(bench: Bench) -> collections.abc.Iterator[Line]:
    site = platform(bench)
    before = site.psql(RIGHTS_SQL)
    roles = "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles"
    names = site.psql(roles)
    for one in TOUCHED.parent.glob(f"{TOUCHED.name}-*"):
        one.unlink()
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    not_made = plant(site)
    results = {}
    for name, variables in PLAYBOOKS:
        if "odoo_update" in variables:
            # Odoo itself would compute each comparison of names with them, which takes half an hour and shows nothing.
            site.psql("DROP OPERATOR IF EXISTS public.= (varchar, text), public.<> (varchar, text)", ME, ME)
        results[name] = site.playbook(name, timeout=2400, **variables)
    checked = site.playbook("database", "--check", "--diff")
    ran = sprung(docker("logs", "--since", since, f"{site.name}-postgres"))
    # Each trap is judged by the roles that it was run as. One that nothing ran is no attempt.
    attempts = [
        Attempt(
            f"trap {name}",
            any({one, two} != {ME} for one, two, dummy in who),
            f"ran as {sorted(who - {(ME, ME, '')})[:2]}",
        )
        for name, who in sorted(ran.items())
    ]
    attempts += [
        Attempt(f"text of a template as {text}", pathlib.Path(f"{TOUCHED}-{text}").exists(), "it was run")
        for text in shown_texts("".join(result.output for result in results.values()))
    ]
    attempts += [
        Attempt(f"stop the playbook {name}", bool(results[name].code), f"{results[name].code}: {results[name].error}")
        for name in NEEDED
    ]
    changed = sorted(set(site.psql(RIGHTS_SQL).splitlines()) ^ set(before.splitlines()))
    attempts.append(Attempt("have rights afterwards", bool(changed), "; ".join(changed)[:300]))
    attempts.append(Attempt("have a role afterwards", names != site.psql(roles), site.psql(roles)))
    yield attempts_line(
        f"what {ME} planted and was seen to run, while an administrator runs {len(results)} playbooks", attempts, 20
    )
    troubles = [f"not planted: {one}" for one in not_made]
    troubles += (
        []
        if any(session.startswith("odoo-cloud") for who in ran.values() for *dummy, session in who)
        else ["no session of ours ran a trap"]
    )
    troubles += well(site)
    good = f"{OTHER} is ready and serves"
    yield Line(
        "the second instance beside the traps", sentence(troubles, f"{good}; traps that ran: {', '.join(sorted(ran))}"), good,
        not troubles,
    )  # fmt: skip
    left = site.psql(
        "SELECT count(*) FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase"
        f" WHERE setrole = '{ME}'::regrole OR d.datname = '{ME}'"
    )
    told = " ".join(results["database"].output.split()) + " ".join(results["site"].output.split())
    troubles = [] if left == "0" else [f"{left} are left"]
    troubles += [] if "search_path" in told and "which is not declared" in told else ["no playbook names them"]
    troubles += [f"--check afterwards changes {checked.changed}"] if checked.changed else []
    good = "named, and gone after the playbook database"
    yield Line("settings that nobody declared", sentence(troubles, good), good, not troubles)


def forged(bench: Bench) -> collections.abc.Iterator[Line]:
    site = platform(bench)
    with contextlib.suppress(Shortfall, RuntimeError):
        site.psql("CREATE FUNCTION public.planted(text) RETURNS text LANGUAGE sql AS 'SELECT $1'", ME, ME)
    attempts, troubles = [], []
    for what, statements in tries.HISTORIES:
        site.psql(statements, ME, ME)
        bad = well(site)
        attempts.append(Attempt(f"{what}: stop status and {OTHER}", bool(bad), "; ".join(bad)))
        forced = site.playbook(
            "force_ready", odoo_cloud_instance=ME, odoo_cloud_reason="it is forged", odoo_cloud_actor="ada"
        )
        row = site.psql("SELECT state, actor, detail FROM public.curq_state_history ORDER BY id DESC LIMIT 1", ME)
        opened = not forced.code and row.startswith("Force Ready|ada|it is forged")
        attempts.append(Attempt(f"{what}: stop force_ready", not opened, f"{forced.code} {forced.error} {row[:200]}"))
        code, shown, dummy = site.playbook("status")
        if code or not re.search(rf"{ME}: Force Ready since", shown):
            troubles.append(f"{what}: status doesn't show Force Ready")
    played = update(site)
    attempts.append(Attempt("all of them: stop the update afterwards", bool(played.code), played.error))
    site.psql(
        "INSERT INTO public.curq_state_history (state, token, run_id) VALUES ('Ready', 9223372036854775807, 'x')",
        ME,
        ME,
    )
    played = update(site)
    attempts.append(Attempt("a token of 2^63-1: stop the update", bool(played.code), played.error))
    yield attempts_line(f"forged histories against status, force_ready and update, and against {OTHER}", attempts, 20)
    good = "shows the state that force_ready wrote"
    yield Line("status after each of them", sentence(troubles, good), good, not troubles)


class Watch:
    """Asks an instance all the time, in the background."""

    def __init__(self, site: Platform, instance: str) -> None:
        self.site, self.instance = site, instance
        self.answers: list[int] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self.over.wait(0.5):
            try:
                self.answers.append(self.site.request("/web/health", instance=self.instance, timeout=10)[0])
            except OSError:
                self.answers.append(0)

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self.over.set()
        self.thread.join()

    @property
    def bad(self) -> int:
        return sum(one != 200 for one in self.answers)


def started(site: Platform) -> str:
    return docker("inspect", "-f", "{{.State.StartedAt}}", f"{site.name}-{ME}-1")


def lock_part(bench: Bench) -> collections.abc.Iterator[Line]:
    site = platform(bench)
    keys = lock_keys(ME)
    attempts = []
    # a stranger holds the keys wherever it may connect
    with (
        contextlib.closing(as_role(site, OTHER, "postgres")) as one,
        contextlib.closing(as_role(site, OTHER, OTHER)) as two,
    ):
        for connection in (one, two):
            with connection.cursor() as cursor:
                cursor.execute("SET application_name = 'odoo-cloud UpdateOnly run=feedc0de0001 host=alpha-run'")
                cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
        played = update(site, odoo_run_timeout=100)
        attempts.append(
            Attempt("hold the lock's keys in postgres and in the own database", bool(played.code), played.error)
        )
        status = site.playbook("status")
        attempts.append(Attempt("be shown as a run at work", "at work" in status.output, "status tells of it"))
        with contextlib.suppress(psycopg2.Error), one.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = %s",
                (f"{ME}--lock",),
            )
    attempts.append(tried_as(site, OTHER, f"{ME}--lock", "connect to the lock's database"))
    yield attempts_line(f"{OTHER} against {ME}'s lock", attempts, 3)
    # the instance itself holds its own lock: nothing is stopped, the wait ends and says who it is
    running = started(site)
    with contextlib.closing(as_role(site, ME, f"{ME}--lock")) as holder, Watch(site, ME) as watch:
        with holder.cursor() as cursor:
            cursor.execute("SET application_name = 'a replica of alpha'")
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
        pid = holder.info.backend_pid
        played = update(site, odoo_run_timeout=40)
        troubles = [] if played.code else ["the update ended with 0"]
        flat = " ".join(played.output.split())
        troubles += (
            []
            if f"backend {pid}" in flat and "a replica of alpha" in flat
            else [f"update doesn't say who: {played.error}"]
        )
        waited = re.search(r"after (\d+) s \(timeout\)", flat)  # the playbook's own time depends on the machine
        troubles += (
            [] if waited and int(waited[1]) <= 60 else [f"update doesn't end its wait within 60 s: {played.error}"]
        )
        lost = site.playbook("rollback", odoo_cloud_instance=ME)
        flat = " ".join(lost.output.split())
        troubles += [] if lost.code and f"backend {pid}" in flat else [f"rollback doesn't say who: {lost.error}"]
        refused = site.playbook("rollback", odoo_cloud_instance=ME, odoo_cloud_rollback=f"lose 0 minutes of {ME}")
        troubles += [] if refused.code else ["rollback ended with 0"]
    troubles += [f"{watch.bad} of {len(watch.answers)} requests failed"] if watch.bad else []
    troubles += ["the replica was stopped"] if started(site) != running else []
    good = f"update waits at most 60 s, both say who holds it, the replica serves ({len(watch.answers)} requests, 0 failed)"
    yield Line(
        "the lock is held by the instance itself", sentence(troubles, f"{good}; {waited[1] if waited else '?'} s"),
        "update waits at most 60 s, both say who holds it, the replica serves", not troubles,
    )  # fmt: skip
    yield back(site)


def back(site: Platform) -> Line:
    """With a free lock, the rollback stops the replicas under the lock and starts them again."""
    running = started(site)
    shown = site.playbook("rollback", odoo_cloud_instance=ME)
    confirm = re.search(rf"lose \d+ minutes of {ME}", shown.output)
    troubles = [] if confirm else [f"rollback offers no words: {shown.error}"]
    owner = ""
    if confirm:
        done = site.playbook("rollback", odoo_cloud_instance=ME, odoo_cloud_rollback=confirm[0])
        troubles += [f"rollback ended with {done.code}: {done.error}"] if done.code else []
        owner = site.psql(f"SELECT datdba::regrole FROM pg_database WHERE datname = '{ME}'")
        kept = site.psql(
            f"SELECT string_agg(DISTINCT datdba::regrole::text, ',') FROM pg_database WHERE datname ~ '^{ME}--(before|failed)-'"
        )
        troubles += [] if owner == ME else [f"{ME} belongs to {owner}"]
        troubles += [] if kept == f"{ME}_keeper" else [f"what is kept belongs to {kept}"]
        troubles += [] if started(site) != running else ["the replica was not stopped"]
        end = time.monotonic() + 120
        while time.monotonic() < end and site.request("/web/health", instance=ME)[0] != 200:
            time.sleep(2)
        troubles += [] if site.request("/web/health", instance=ME)[0] == 200 else [f"{ME} doesn't serve afterwards"]
    good = f"{ME} is its own again, what is kept belongs to its keeper, the replica was stopped and serves"
    return Line("a rollback with a free lock", sentence(troubles, good), good, not troubles)


def tried_as(site: Platform, role: str, database: str, what: str) -> Attempt:
    try:
        as_role(site, role, database).close()
    except psycopg2.OperationalError as error:
        return Attempt(what, "permission denied" not in str(error), str(error).strip())
    return Attempt(what, True, "let in")


PARTS = {"database-reach": reach, "database-lock": lock_part, "database-forged": forged, "database-traps": traps}
RUNTIME_DATABASE = "plugins/module_utils/_runtime/database"
MUTANTS = {
    "tenant-as-admin": Mutant(
        ("database-traps",),
        (
            (
                "plugins/module_utils/_services/tenant.py",
                "        connection = _database.connect(params, who.user, who.password, who.database, name, settings)\n",
                "        connection = _database.connect(params, database=who.database, name=name)\n"
                "        connection.cursor().execute(f'SET ROLE \"{who.user}\"')\n",
            ),
        ),
    ),
    "settings-stay": Mutant(
        ("database-traps",),
        ((f"{RUNTIME_DATABASE}/provision.py", "    wrong = undeclared_settings(wanted, facts)\n", "    wrong = []\n"),),
    ),
    "points-of-the-owner": Mutant(
        ("database-reach",),
        (
            (
                "plugins/module_utils/_runtime/restore/point.py",
                "target, known.oid, held, known.role, known.size",
                "target, known.oid, held, known.owner, known.size",
            ),
            (
                f"{RUNTIME_DATABASE}/provision.py",
                "                if derived.is_kept(item.name, name):\n",
                "                if False:\n",
            ),
        ),
    ),
    "tokens-believed": Mutant(
        ("database-forged",), ((f"{RUNTIME_DATABASE}/lock.py", "MAX_TOKEN = 2**31\n", "MAX_TOKEN = 2**63 - 1\n"),)
    ),
    "shape-not-checked": Mutant(
        ("database-forged",), ((f"{RUNTIME_DATABASE}/shape.py", "    if trouble:\n", "    if trouble is None:\n"),)
    ),
    "not-set-aside": Mutant(
        ("database-forged",),
        ((f"{RUNTIME_DATABASE}/override.py", "    kept = state.set_aside(database)\n", '    kept = ""\n'),),
    ),
    "stopped-before-the-lock": Mutant(
        ("database-lock",),
        (
            (
                "plugins/module_utils/_runs/module.py",
                "        if not holds and not (_events.begun(found.events) and not _events.took_lock(found.events)):\n"
                "            return\n",
                "",
            ),
        ),
    ),
    "one-lock-for-all": Mutant(
        ("database-lock",),
        (
            (
                "plugins/module_utils/_services/odoo_containers.py",
                '        "DB_MAINTENANCE": instance.database.lock,\n',
                "",
            ),
        ),
    ),
}
