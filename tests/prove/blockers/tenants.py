# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two instances on one server: what one of them can do to the server, to the other one's data and to its lock."""

from __future__ import annotations

import collections.abc
import hashlib
import re
import time

import psycopg2

from ..containers.lab import NAMESPACE
from ..frame import Line, Mutant, Shortfall, docker, last_error, recap, sentence
from ..platforms import Platform
from .bench import Bench

RIGHTS_SQL = """
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls FROM pg_roles ORDER BY 1;
SELECT roleid::regrole, member::regrole, grantor::regrole, admin_option FROM pg_auth_members ORDER BY 1, 2, 3;
"""

# What alpha puts into its database. Each step alone, because the first one that is refused would end the function. It tells
# the server's log who it ran as, so that it is known to have run at all.
PLANT_SQL = """
CREATE FUNCTION public.planted(given text) RETURNS varchar LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'RESET ROLE', 'RESET SESSION AUTHORIZATION', 'CREATE ROLE intruder LOGIN SUPERUSER', 'CREATE ROLE intruder LOGIN',
        'GRANT beta TO alpha', 'GRANT odoo_cloud_admin TO alpha', 'ALTER ROLE alpha SUPERUSER', 'ALTER ROLE alpha CREATEROLE',
        'ALTER ROLE alpha CREATEDB'
    ] LOOP
        BEGIN EXECUTE statement; EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP;
    RAISE LOG 'planted ran as % for %', session_user, current_setting('application_name');
    RETURN given;
END $$;
CREATE FUNCTION public.same(varchar, text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN RETURN public.planted($1) OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = public.same);
CREATE POLICY planted ON public.ir_module_module
    USING (CASE WHEN name OPERATOR(pg_catalog.=) 'base' THEN public.planted(name) IS NOT NULL ELSE true END);
ALTER TABLE public.ir_module_module ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.ir_module_module FORCE ROW LEVEL SECURITY;
ALTER ROLE alpha SET search_path = public, pg_catalog;
ALTER DATABASE alpha SET search_path = public, pg_catalog;
"""
# in the place of a table that every playbook reads
VIEW_SQL = """
ALTER TABLE public.curq_state_history RENAME TO kept_history;
CREATE VIEW public.curq_state_history AS SELECT id, public.planted(state) AS state, write_date, actor, host, run_id, mode, release,
    detail, result, token, database_identity, heartbeat, phase, fingerprint FROM public.kept_history;
"""
VIEW_CLEAN_SQL = """
DROP VIEW public.curq_state_history;
ALTER TABLE public.kept_history RENAME TO curq_state_history;
"""
CLEAN_SQL = """
SET search_path = pg_catalog;
ALTER ROLE alpha RESET search_path;
ALTER DATABASE alpha RESET search_path;
ALTER TABLE public.ir_module_module NO FORCE ROW LEVEL SECURITY;
ALTER TABLE public.ir_module_module DISABLE ROW LEVEL SECURITY;
DROP POLICY planted ON public.ir_module_module;
DROP OPERATOR public.= (varchar, text);
DROP FUNCTION public.same(varchar, text);
DROP FUNCTION public.planted(text);
"""


def two(bench: Bench) -> Platform:
    """The platform with the instances alpha and beta, created with the first use."""
    new = "two" not in bench.sites
    site = bench.site(
        "two", 2, instances={name: {"odoo_modules": ["base"]} for name in ("alpha", "beta")},
        odoo_cloud_root=f"/srv/{bench.place.name}-two",
    )  # fmt: skip
    if new:
        site.site()
    return site


def as_role(site: Platform, role: str, database: str, secret: str = "") -> psycopg2.extensions.connection:
    """A session of an instance's role with its own password, or of any role with the one in the file `secret` of the secrets."""
    connection = psycopg2.connect(
        host=str(site.root / "postgres" / "socket"), user=role, dbname=database, connect_timeout=10,
        password=(site.secrets / (secret or f"{role}/db_password")).read_text().strip(),
    )  # fmt: skip
    connection.autocommit = True
    return connection


def lock_keys(instance: str) -> tuple[int, int]:
    """The two numbers of an instance's lock, as PostgreSQL takes them: with a sign."""
    return NAMESPACE - 2**32, int.from_bytes(hashlib.sha256(instance.encode()).digest()[:4], "big", signed=True)


def refused(site: Platform, role: str, database: str) -> bool:
    """Whether the role can't connect to the database because it has no right to."""
    try:
        as_role(site, role, database).close()
    except psycopg2.OperationalError as error:
        return "permission denied for database" in str(error)
    return False


def planted(bench: Bench) -> collections.abc.Iterator[Line]:
    site = two(bench)
    before = site.psql(RIGHTS_SQL)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    site.psql(PLANT_SQL, "alpha", "alpha")
    try:
        results = {name: site.playbook(name) for name in ("status", "site")}
        ran = runs(site, since)
        site.psql(VIEW_SQL, "alpha", "alpha")
        try:
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            unusable = {name: site.playbook(name) for name in ("status", "site")}
            viewed = runs(site, since)
        finally:
            site.psql(VIEW_CLEAN_SQL, "alpha", "alpha")
        after = site.psql(RIGHTS_SQL)
        apart = refused(site, "alpha", "beta")
    finally:
        site.psql(CLEAN_SQL, "alpha", "alpha")
    troubles = [
        f"{name} ended with {code}: {last_error(output)}" for name, (code, output, dummy) in results.items() if code
    ]
    shown = results["status"].output
    troubles += [
        f"status doesn't show {name}" for name in ("alpha", "beta") if not re.search(rf"{name}: Ready since", shown)
    ]
    troubles += [f"changed: {line}" for line in sorted(set(after.splitlines()) ^ set(before.splitlines()))]
    troubles += [] if apart else ["alpha connects to beta's database"]
    troubles += [] if ran else ["what was planted never ran in a session of Ansible"]
    troubles += [f"it ran as {role}" for role in sorted(set(ran + viewed) - {"alpha"})]
    good = f"run {len(ran)} times by status and site, always as alpha; no right gained, beta's data not reached"
    yield Line(
        "policy, operator and settings planted by an instance's owner", sentence(troubles, good),
        "run by status and site as alpha only, no right gained, beta's data not reached", not troubles,
    )  # fmt: skip
    troubles = [
        f"{name} doesn't say what is wrong and the cure: {played.error}"
        for name, played in unusable.items()
        if not re.search(
            r"table public\.curq_state_history can.{1,5}t be used: it is a view; the playbook force_ready",
            flat(played.output),
        )
    ]
    troubles += [f"status ended with {unusable['status'].code}"] if unusable["status"].code else []
    troubles += [] if re.search(r"beta: Ready since", unusable["status"].output) else ["status doesn't show beta"]
    troubles += [] if unusable["site"].code else ["site ended with 0"]
    troubles += [f"site fails for beta: {unusable['site'].error}"] if "beta:" in unusable["site"].error else []
    troubles += [f"what the view computes was run {len(viewed)} times"] if viewed else []
    good = "status and site name it with its cure and don't read it, beta goes on"
    yield Line("a view in the place of the history", sentence(troubles, good), good, not troubles)


def runs(site: Platform, since: str) -> list[str]:
    """The roles that ran in sessions of Ansible what was planted."""
    return re.findall(
        r"planted ran as (\S+) for odoo-cloud ansible", docker("logs", "--since", since, f"{site.name}-postgres")
    )


def flat(output: str) -> str:
    return " ".join(output.split())


def memberships(bench: Bench) -> collections.abc.Iterator[Line]:
    site = two(bench)
    before = site.psql(RIGHTS_SQL)
    # one by the administrator, as what was planted did it; the others by the superuser, by hand
    site.psql("GRANT beta TO alpha", user="odoo_cloud_admin")
    site.psql("CREATE ROLE guest; GRANT alpha TO guest; GRANT pg_read_all_data TO alpha_keeper")
    try:
        granted = site.psql(RIGHTS_SQL)
        check = site.playbook("database", "--check", "--diff")
        same = site.psql(RIGHTS_SQL) == granted
        run, again = site.playbook("database"), site.playbook("database")
    finally:
        site.psql("DROP ROLE guest")
    after = site.psql(RIGHTS_SQL)
    if granted == before:
        raise Shortfall("nothing was granted")
    troubles = [
        f"{name} ended with {code}: {last_error(output)}"
        for name, (code, output, dummy) in (("--check", check), ("database", run), ("once more", again))
        if code
    ]
    troubles += [] if same else ["--check changed rights"]
    for member, role in (("alpha", "beta"), ("guest", "alpha"), ("alpha_keeper", "pg_read_all_data")):
        said = f"role '{member}' was a member of role '{role}'"
        troubles += [
            f"{name} doesn't say that {said}"
            for name, output in (("--check", check[1]), ("database", run[1]))
            if said not in " ".join(output.split())
        ]
    troubles += [f"still there or lost: {line}" for line in sorted(set(after.splitlines()) ^ set(before.splitlines()))]
    changed = recap(again[1]).get("changed", 0)
    troubles += [f"the run after it changes {changed}"] if changed else []
    good = "3 told by --check and by the run, gone after it, nothing to change afterwards"
    yield Line("memberships that nobody declared", sentence(troubles, good), good, not troubles)


def stranger(bench: Bench) -> collections.abc.Iterator[Line]:
    site = two(bench)
    troubles = [] if refused(site, "beta", "alpha--lock") else ["beta is not kept out of alpha's lock database"]
    holder = as_role(site, "beta", "postgres")
    try:
        with holder.cursor() as cursor:
            cursor.execute("SET application_name = 'odoo-cloud UpdateOnly run=feedc0de0001 host=alpha-run'")
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", lock_keys("alpha"))
            if cursor.fetchone() != (True,):
                raise Shortfall("beta does not get the key of alpha's lock in postgres")
        rows = int(site.psql("SELECT count(*) FROM public.curq_state_history", "alpha"))
        code, output, seconds = site.playbook(
            "update", odoo_cloud_instance="alpha", odoo_update="logging_json", odoo_run_timeout=100, timeout=500
        )
        code_status, shown, dummy = site.playbook("status")
        more = int(site.psql("SELECT count(*) FROM public.curq_state_history", "alpha")) - rows
        last = site.psql("SELECT state FROM public.curq_state_history ORDER BY id DESC LIMIT 1", "alpha")
        with holder.cursor() as cursor:  # held to the end
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            held = cursor.fetchone() == (1,)
    finally:
        holder.close()
    troubles += [f"update ended with {code}: {last_error(output)}"] if code else []
    troubles += [f"alpha's state is {last}, {more} rows were written"] if last != "Ready" or more < 2 else []
    troubles += [] if held else ["beta's session was ended"]
    troubles += ["status tells of beta's session"] if code_status or "at work" in shown else []
    serves = site.request("/web/health", instance="alpha")[0]
    troubles += [] if serves == 200 else [f"alpha answers {serves}"]
    good = f"beta can't connect to alpha's lock database; alpha updated in {seconds:.0f} s and serves"
    yield Line(
        "a stranger holds the key of the lock", sentence(troubles, good), "the update goes through", not troubles
    )


PARTS = {"planted": planted, "memberships": memberships, "stranger-lock": stranger}
MUTANTS = {
    "admin-opens": Mutant(
        ("planted",),
        (
            (
                "plugins/module_utils/_services/tenant.py",
                "        connection = _database.connect(params, who.user, who.password, who.database, name, settings)\n",
                "        connection = _database.connect(params, database=who.database, name=name)\n"
                "        connection.cursor().execute(f'SET ROLE \"{who.user}\"')\n",
            ),
        ),
    ),
    "memberships-stay": Mutant(
        ("memberships",),
        (
            (
                "plugins/module_utils/_runtime/database/provision.py",
                "    for one in undeclared(wanted, facts):\n",
                "    for one in []:\n",
            ),
        ),
    ),
    "lock-of-all": Mutant(
        ("stranger-lock",),
        (
            (
                "plugins/module_utils/_services/odoo_containers.py",
                '        "DB_MAINTENANCE": instance.database.lock,\n',
                "",
            ),
        ),
    ),
}
SAMPLE: list[str] = []
