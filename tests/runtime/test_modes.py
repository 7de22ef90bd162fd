# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modes, lock and window with a real PostgreSQL and real processes; Odoo is the stand-in in fake_odoo/."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils import _runtime
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import password
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import administrator

PACKAGE = _runtime.__name__
HERE = os.path.dirname(os.path.realpath(__file__))
# The entrypoint as it is, but for giving up root (a test's folders belong to who runs it) and for the place of the passfile,
# of which a container has one and several tests at once have several.
LAUNCH = (
    f"import os, sys; from {PACKAGE} import cli; from {PACKAGE}.database import pg; from {PACKAGE}.common import startup;"
    " startup.become_odoo = lambda folder: None;"
    " pg.private_folder = lambda: os.environ['DATA_DIR']; raise SystemExit(cli.main(sys.argv[1:]))"
)
RUNNING: list[subprocess.Popen] = []

COUNT = """
import os, time
def migrate(cr, version):
    cr.execute("CREATE TABLE IF NOT EXISTS counter (what text)")
    cr.execute("INSERT INTO counter VALUES ('{name} {version} {stage}')")
    time.sleep(float(os.environ.get("FAKE_SLEEP") or 0))
    while os.environ.get("FAKE_STAYS") and not os.path.exists(os.environ["FAKE_STAYS"]):
        time.sleep(0.02)
"""


def write_addons(folder, version="1.0", fail=""):
    """shop <- till, with a migration script of each stage that counts itself."""
    for name, depends in (("shop", "base"), ("till", "shop")):
        path = folder / name
        path.mkdir(parents=True, exist_ok=True)
        (path / "__manifest__.py").write_text(f"{{'name': '{name}', 'version': '{version}', 'depends': ['{depends}']}}")
        if version == "1.0":
            continue
        scripts = path / "migrations" / version
        scripts.mkdir(parents=True, exist_ok=True)
        for stage in ("pre", "post", "end"):
            text = COUNT.format(name=name, version=version, stage=stage)
            (scripts / f"{stage}-count.py").write_text(text + ("    raise ValueError('no')\n" if fail == name else ""))


class Place:
    """A database and a folder of addons, and actors on them."""

    def __init__(self, database, settings, tmp_path):
        self.database, self.path = database, tmp_path
        known = settings()
        (tmp_path / "password").write_text(known.db_password)
        self.address = {
            "DB_HOST": known.db_host,
            "DB_PORT": str(known.db_port),
            "DB_NAME": known.db_name,
            "DB_USER": known.db_user,
            "DB_PASSWORD_FILE": str(tmp_path / "password"),
        }
        self.addons = tmp_path / "addons"
        self.hooks = tmp_path / "hooks"
        write_addons(self.addons)
        (tmp_path / "odoo.conf").write_text(f"[options]\naddons_path = {self.addons}\n")

    def env(self, mode, **extra):
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MODE": mode,
            "ODOO_VERSION": "14",
            "ODOO_RC": str(self.path / "odoo.conf"),
            "ODOO_BIN": os.path.join(HERE, "fake_odoo", "odoo-bin"),
            **self.address,
            "DB_WAIT_TIMEOUT": "10",
            "DATA_DIR": str(self.path / "data"),
            "HOOKS_DIR": str(self.hooks),
            "SCRIPTS_DIR": str(self.path / "scripts"),
            "HTTP_PORT": "1",  # nobody may listen there: the page is tested elsewhere
            "MODULES": "till",
            "ADMIN_PASSWORD": "not the default one",
            "RELEASE": "r1",
            "FAKE_ODOO_ENDS": "1",
            **{name: str(value) for name, value in extra.items()},
        }

    def start(self, mode, *arguments, **extra):
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *arguments],
            env=self.env(mode, **extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
        )
        RUNNING.append(process)
        return process

    def run(self, mode, *arguments, expect=0, **extra):
        process = self.start(mode, *arguments, **extra)
        output = process.communicate(timeout=60)[0]
        assert process.returncode == expect, f"{process.returncode}: {output}"
        return output

    def sql(self, statement, *values):
        connection = self.database.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def states(self):
        return [row[0] for row in self.sql("SELECT state FROM curq_state_history ORDER BY id")]

    def counted(self):
        if not self.sql("SELECT to_regclass('counter')")[0][0]:
            return []
        return sorted(row[0] for row in self.sql("SELECT what FROM counter"))

    def version(self, name):
        return self.sql("SELECT state, latest_version FROM ir_module_module WHERE name = %s", name)[0]

    def until(self, condition, what, seconds=60):
        limit = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < limit, f"not within {seconds} s: {what}"
            time.sleep(0.02)

    def hook(self, kind, text, name="10-hook"):
        path = self.hooks / f"{kind}.d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n" + text + "\n")
        path.chmod(0o755)


@pytest.fixture
def place(database, settings, tmp_path):
    yield Place(database, settings, tmp_path)
    while RUNNING:
        process = RUNNING.pop()
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def ready(place):
    place.run("InstallOnly")
    return place


ALL = sorted(f"{name} 2.0 {stage}" for name in ("shop", "till") for stage in ("pre", "post", "end"))

# Every row must come from a session whose run holds the lock just then.
TRAP = """
CREATE TABLE outside (run_id varchar, state varchar);
CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted
      AND l.objsubid = 2 AND strpos(a.application_name, 'run=' || NEW.run_id) > 0) THEN
    INSERT INTO outside VALUES (NEW.run_id, NEW.state);
  END IF; RETURN NEW; END $$;
CREATE TRIGGER trap BEFORE INSERT ON curq_state_history FOR EACH ROW EXECUTE FUNCTION trap();
"""


def test_twenty_at_once_initialise_once(place):
    actors = [place.start("InstallAndRun", REPLICA=f"r{number}") for number in range(20)]
    outputs = [actor.communicate(timeout=90)[0] for actor in actors]
    assert [actor.returncode for actor in actors] == [0] * 20, outputs
    assert place.states() == ["Creating", "Ready"]
    assert all("fake Odoo serves" in output for output in outputs)
    assert place.version("till") == ("installed", "14.0.1.0")


def test_twenty_at_once_update_once(ready):
    ready.sql(TRAP)
    write_addons(ready.addons, "2.0")
    actors = [ready.start("UpdateAndRun", REPLICA=f"r{number}") for number in range(20)]
    outputs = [actor.communicate(timeout=90)[0] for actor in actors]
    assert [actor.returncode for actor in actors] == [0] * 20, outputs
    assert ready.counted() == ALL
    assert ready.states() == ["Creating", "Ready", "Updating", "Ready"]
    assert ready.sql("SELECT * FROM outside") == []


def test_update_modes_update_what_changed_and_then_nothing(ready):
    assert "ends here" in ready.run("UpdateOnly")
    assert ready.states() == ["Creating", "Ready"]
    write_addons(ready.addons, "2.0")
    plan = json.loads(ready.run("UpdateOnly", "plan"))
    assert plan["changed"] is True
    assert plan["update"] == ["shop", "till"]
    assert ready.states() == ["Creating", "Ready"], "a plan touches nothing"
    ready.run("UpdateOnly")
    ready.run("UpdateOnly")
    assert ready.counted() == ALL
    assert ready.states() == ["Creating", "Ready", "Updating", "Ready"]
    assert ready.version("till") == ("installed", "14.0.2.0")
    assert json.loads(ready.run("UpdateOnly", "plan"))["changed"] is False


def test_a_release_in_which_nothing_changed_is_noted_once(ready):
    ready.run("UpdateOnly", RELEASE="r2")
    ready.run("UpdateAndRun", RELEASE="r2")
    assert ready.sql("SELECT release, detail FROM curq_state_history ORDER BY id DESC LIMIT 1") == [
        ("r2", "nothing to change in this release")
    ]
    assert len(ready.states()) == 3


def test_a_forced_row_is_not_a_run_of_its_release(ready):
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly", RELEASE="r2", FAKE_SLEEP="5")
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    actor.kill()
    actor.communicate()
    ready.run("ForceReadyState", RELEASE="r2", REASON="now")
    write_addons(ready.addons, "1.0")
    ready.sql("UPDATE odoo_cloud_module SET pending = NULL")
    ready.run("UpdateOnly", RELEASE="r2")
    assert ready.sql("SELECT release, result FROM curq_state_history ORDER BY id DESC LIMIT 1") == [("r2", "ok")]


@pytest.mark.parametrize("moment", range(8))
@pytest.mark.parametrize("rescuer", ["UpdateOnly", "RunOnly"])
def test_killed_anywhere_it_is_finished_by_the_next(ready, moment, rescuer):
    """SIGKILL while each of the scripts is at work, or while Odoo comes up; every script's effect is there once."""
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly", FAKE_SLEEP="0.12")
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    time.sleep(0.13 * moment)
    actor.kill()
    actor.communicate()
    output = ready.run(rescuer, FAKE_SLEEP="0")
    assert ready.counted() == ALL, output
    assert ready.states()[-1] == "Ready"
    assert ready.version("shop") == ready.version("till") == ("installed", "14.0.2.0")


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.3, 0.4])
def test_a_first_installation_killed_anywhere_is_finished(place, seconds):
    actor = place.start("InstallOnly")
    time.sleep(0.1 + seconds)
    actor.kill()
    actor.communicate()
    place.run("InstallAndRun")
    assert place.states()[-1] == "Ready"
    assert place.version("till") == ("installed", "14.0.1.0")
    assert place.sql("SELECT count(*) FROM ir_module_module WHERE state LIKE 'to %%'") == [(0,)]


def test_killed_in_a_hook_before_any_module_the_update_is_not_forgotten(ready):
    ready.hook("pre-update", "sleep 5")
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly")
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    actor.kill()
    actor.communicate()
    ready.hook("pre-update", "true")
    ready.run("RunOnly")
    assert ready.counted() == ALL


def test_who_takes_over_must_be_able_to_finish(ready):
    """A replica of another release neither ends a frozen run nor opens what it left."""
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly", FAKE_SLEEP="4", RELEASE="r2")
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    os.kill(actor.pid, signal.SIGSTOP)
    waiter = ready.start("RunOnly", HOLDER_TIMEOUT="0.5", RELEASE="r1")
    time.sleep(3)
    assert ready.states()[2:] == ["Updating"]
    waiter.kill()
    output = ready.run("RunOnly", HOLDER_TIMEOUT="0.5", RELEASE="r2")
    assert "no sign of life" in output
    assert ready.counted() == ALL
    assert set(ready.sql("SELECT release FROM curq_state_history WHERE id > 2")) == {("r2",)}


def test_end_scripts_of_an_interrupted_update_run_although_the_next_one_is_newer(ready):
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly", FAKE_SLEEP="0.4")
    ready.until(lambda: ready.version("shop") == ("installed", "14.0.2.0"), "shop is done")
    actor.kill()
    actor.communicate()
    write_addons(ready.addons, "3.0")
    ready.run("UpdateOnly")
    assert ready.counted() == sorted(ALL + [item.replace("2.0", "3.0") for item in ALL])


def test_another_release_does_not_resume_but_an_update_does(ready):
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly", FAKE_SLEEP="5")
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    actor.kill()
    actor.communicate()
    output = ready.run("RunOnly", RELEASE="r0", TIMEOUT="0.03", expect=75)
    assert "MODE=UpdateOnly finishes it" in output
    assert ready.counted() == []
    ready.run("UpdateOnly", RELEASE="r0")
    assert ready.counted() == ALL


def test_a_failed_update_stays_closed_until_somebody_acts(ready):
    write_addons(ready.addons, "2.0", fail="till")
    output = ready.run("UpdateOnly", expect=72)
    assert "ValueError: no" in output
    assert ready.states()[-1] == "Failed"
    assert ready.version("shop") == ("installed", "14.0.2.0")
    output = ready.run("RunOnly", TIMEOUT="0.03", expect=75)
    assert "force_ready opens it as it is" in output
    write_addons(ready.addons, "2.0")
    ready.run("UpdateAndRun")
    assert ready.counted() == ALL, "shop's scripts did not run again, and its end script was not lost"


def static_files(place, text):
    (place.addons / "web" / "static").mkdir(parents=True, exist_ok=True)
    (place.addons / "web" / "__manifest__.py").write_text("{'name': 'web', 'installable': False}")
    (place.addons / "web" / "static" / "app.js").write_text(text)


def test_static_files_are_copied_at_the_end_of_a_run_that_went_well(ready, tmp_path):
    out, served = tmp_path / "static", tmp_path / "static" / ready.address["DB_NAME"] / "current/web/static/app.js"
    static_files(ready, "first")
    ready.run("UpdateOnly", STATIC_DIR=out)
    assert served.read_text() == "first"
    static_files(ready, "the second")
    write_addons(ready.addons, "2.0", fail="till")
    ready.run("UpdateOnly", STATIC_DIR=out, expect=72)
    assert served.read_text() == "first", "those of the code before, which goes on to serve"
    write_addons(ready.addons, "2.0")
    ready.run("UpdateOnly", STATIC_DIR=out)
    assert served.read_text() == "the second"


def test_a_folder_for_static_files_that_can_not_be_written_is_told_before_anything_is_done(ready, tmp_path):
    (tmp_path / "static").write_text("no folder")
    write_addons(ready.addons, "2.0")
    output = ready.run("UpdateOnly", STATIC_DIR=tmp_path / "static", expect=73)
    assert f"STATIC_DIR is '{tmp_path}/static': Not a directory" in output
    assert ready.states() == ["Creating", "Ready"]


def test_static_files_are_copied_without_a_database(place, tmp_path):
    static_files(place, "first")
    place.address["DB_HOST"] = "nowhere.invalid"
    out = tmp_path / "static"
    assert json.loads(place.run("UpdateOnly", "static", "--check", STATIC_DIR=out))["changed"] is True
    assert not out.exists()
    for changed in (True, False):
        found = place.run("UpdateOnly", "static", STATIC_DIR=out).splitlines()
        assert json.loads("\n".join(line for line in found if "odoo-cloud:" not in line))["changed"] is changed
    assert "STATIC_DIR is '': must name the folder" in place.run("UpdateOnly", "static", expect=78)
    assert "'--now': static takes --check or none" in place.run(
        "UpdateOnly", "static", "--now", STATIC_DIR=out, expect=64
    )


def test_a_live_run_is_never_reset_and_never_forced(ready):
    write_addons(ready.addons, "2.0")
    over = ready.path / "over"
    actor = ready.start("UpdateOnly", FAKE_STAYS=str(over))
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    waiter = ready.start("RunOnly", TIMEOUT="0.01")  # 0.6 s
    for mode in ("UpdateOnly", "ForceRunOnly", "ForceUpdateOnly", "ForceReadyState"):
        assert "its lock is held by odoo-cloud UpdateOnly" in ready.run(mode, expect=74)
    over.touch()
    assert actor.wait(60) == 0
    assert waiter.wait(60) == 0, waiter.communicate()
    assert ready.states() == ["Creating", "Ready", "Updating", "Ready"]
    assert ready.counted() == ALL


def test_the_locks_session_ended_in_mid_update_aborts_with_a_code_of_its_own(ready):
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly", FAKE_SLEEP="2")
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    assert ready.sql(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND a.application_name LIKE 'odoo-cloud UpdateOnly%%'"
    ) == [(True,)]
    output = actor.communicate(timeout=30)[0]
    assert actor.returncode == 71, output
    assert ready.counted() == []
    ready.run("UpdateOnly")
    assert ready.counted() == ALL


@pytest.mark.parametrize("frozen", ["everything", "the runtime only"])
def test_a_frozen_actor_is_taken_over_and_changes_nothing_when_it_wakes(ready, frozen):
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly", FAKE_SLEEP="1.2" if frozen == "everything" else "4")
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    time.sleep(0.4)
    with open(f"/proc/{actor.pid}/task/{actor.pid}/children", encoding="ascii") as handle:
        children = [int(pid) for pid in handle.read().split()]
    os.kill(actor.pid, signal.SIGSTOP)
    for pid in children if frozen == "everything" else ():
        os.kill(pid, signal.SIGSTOP)
    output = ready.run("UpdateOnly", WAIT="True", HOLDER_TIMEOUT="1.5")
    assert "no sign of life" in output
    assert ready.counted() == ALL
    picture = (
        "SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM (SELECT m::text AS t FROM ir_module_module m"
        " UNION ALL SELECT h::text FROM curq_state_history h UNION ALL SELECT c::text FROM counter c"
        " UNION ALL SELECT o::text FROM odoo_cloud_module o) x"
    )
    before = ready.sql(picture)
    for pid in (*children, actor.pid):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue
    output = actor.communicate(timeout=30)[0]
    assert actor.returncode == 71, output
    assert ready.sql(picture) == before
    assert ready.counted() == ALL


def test_a_left_over_upgrade_is_not_run_by_a_plain_start(ready):
    write_addons(ready.addons, "2.0")
    ready.sql("UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'shop'")
    output = ready.run("RunOnly")
    assert "half-done state: shop" in output
    assert ready.counted() == []
    assert ready.version("shop") == ("to upgrade", "14.0.1.0")
    ready.run("UpdateOnly")
    assert ready.counted() == ALL


def test_hooks_run_inside_the_window_in_order(place):
    for kind in ("pre-init", "pre-update", "post-update", "pre-start"):
        place.hook(kind, f'echo "{kind} $MODE" >> {place.path}/hooks.log')
        (place.path / "scripts" / "run.sh").write_text(f"echo run.sh >> {place.path}/hooks.log\n")
    log = place.path / "hooks.log"
    place.run("InstallAndRun")
    assert log.read_text().splitlines() == [
        "pre-init InstallAndRun",
        "post-update InstallAndRun",
        "run.sh",
        "pre-start InstallAndRun",
    ]
    assert place.states() == ["Creating", "Maintenance", "Ready"]
    log.unlink()
    place.run("RunOnly")
    assert log.read_text().splitlines() == ["pre-start RunOnly"]
    log.unlink()
    place.run("UpdateOnly")
    assert not log.exists(), "nothing changed"
    write_addons(place.addons, "2.0")
    place.run("UpdateOnly")
    assert log.read_text().splitlines() == ["pre-update UpdateOnly", "post-update UpdateOnly", "run.sh"]
    log.unlink()
    place.hook("post-update", f"echo new >> {place.path}/hooks.log")
    place.run("UpdateOnly")
    assert log.read_text().splitlines() == ["pre-update UpdateOnly", "new", "run.sh"], (
        "a changed hook runs, without a module"
    )


@pytest.mark.parametrize("kind", ["pre-init", "pre-update", "post-update", "pre-start"])
def test_a_failing_hook_fails_the_window_and_is_named(place, kind):
    if kind != "pre-init":
        place.run("InstallOnly")
        write_addons(place.addons, "2.0")
    place.hook(kind, "echo it is broken; exit 3")
    mode = {"pre-init": "InstallOnly", "pre-start": "RunOnly"}.get(kind, "UpdateOnly")
    output = place.run(mode, expect=67)
    assert f"{kind}.d/10-hook" in output
    assert "ended with code 3: it is broken" in output
    assert place.states()[-1] == "Failed"
    assert f"{kind}.d/10-hook" in place.sql("SELECT detail FROM curq_state_history ORDER BY id DESC LIMIT 1")[0][0]
    place.hook(kind, "true")
    place.run("InstallOnly" if kind == "pre-init" else "UpdateOnly")
    assert place.states()[-1] == "Ready"
    assert place.counted() == ([] if kind == "pre-init" else ALL)


def test_a_hook_may_take_the_other_tools_keys(ready):
    """They are let go while hooks run: click-odoo-update in a hook would wait for ever otherwise."""
    probe = (
        "import os, psycopg2; c = psycopg2.connect('').cursor(); c.execute('SET lock_timeout = 2000');"
        "c.execute('SELECT pg_advisory_lock(7141416871301361999), pg_advisory_lock(%s)' %"
        " int(__import__('hashlib').sha1(('click-odoo-update/' + os.environ['PGDATABASE']).encode()).hexdigest()[:14], 16))"
    )
    for kind in ("pre-update", "post-update"):
        ready.hook(kind, f'exec {sys.executable} -c "{probe}"')
    write_addons(ready.addons, "2.0")
    ready.run("UpdateOnly", PYTHONPATH=os.pathsep.join(sys.path))
    assert ready.counted() == ALL


@pytest.mark.parametrize("key", ["7141416871301361999", "click"])
def test_other_tools_at_work_are_waited_for(ready, key):
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database.lock import click_odoo_key

    number = click_odoo_key(ready.address["DB_NAME"]) if key == "click" else int(key)
    write_addons(ready.addons, "2.0")
    other = ready.database.connect()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (number,))
        actor = ready.start("UpdateOnly")
        ready.until(lambda: len(ready.states()) > 2, "Updating")
        time.sleep(0.6)
        assert ready.counted() == []
        cursor.execute("SELECT pg_advisory_unlock(%s)", (number,))
    other.close()
    output = actor.communicate(timeout=30)[0]
    assert actor.returncode == 0, output
    assert "waiting for " in output
    assert ready.counted() == ALL


@pytest.mark.parametrize("shown", [True, False])
def test_a_run_that_stands_in_for_the_replicas_shows_the_page(ready, shown):
    write_addons(ready.addons, "2.0")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    other = ready.database.connect()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7141416871301361999)")  # so that it stays at work
        actor = ready.start("UpdateOnly", HTTP_PORT=port, WAITING_PAGE=shown)
        ready.until(lambda: len(ready.states()) > 2, "Updating")
        request = urllib.request.Request(f"http://127.0.0.1:{port}/web/health")
        with pytest.raises(urllib.error.URLError) as answer:
            urllib.request.urlopen(request, timeout=5)
        assert (getattr(answer.value, "code", None) == 503) == shown
        if shown:
            assert json.loads(answer.value.read())["state"] == "Updating"
        cursor.execute("SELECT pg_advisory_unlock(7141416871301361999)")
    other.close()
    output = actor.communicate(timeout=30)[0]
    assert actor.returncode == 0, output


class Waiting:
    """An update that has to be told when it may begin, with its events and the port of its page."""

    def __init__(self, place, seconds=60, name="events"):
        self.events_file = place.path / f"{name}.ndjson"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.actor = place.start(
            "UpdateOnly",
            WAIT=True,
            GO_AHEAD_TIMEOUT=seconds,
            EVENTS_FILE=self.events_file,
            WAITING_PAGE=True,
            HTTP_PORT=self.port,
        )

    def events(self):
        if not self.events_file.exists():
            return []
        return [json.loads(line) for line in self.events_file.read_text().splitlines()]

    def kinds(self):
        return [one["event"] for one in self.events()]

    def page(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, expect=0):
        output = self.actor.communicate(timeout=30)[0]
        assert self.actor.returncode == expect, output
        return output


def test_nothing_is_changed_before_the_go_ahead(ready):
    write_addons(ready.addons, "2.0")
    before = ready.states()
    run = Waiting(ready)
    ready.until(lambda: "lock_taken" in run.kinds(), "lock_taken")
    time.sleep(0.5)
    assert ready.states() == before and ready.counted() == [] and not run.page()
    run.actor.send_signal(signal.SIGUSR1)
    run.end()
    kinds = run.kinds()
    assert kinds.index("run_started") < kinds.index("lock_taken") < kinds.index("go_ahead") < kinds.index("plan")
    assert ready.counted() == ALL


def test_without_a_go_ahead_it_gives_the_lock_back(ready):
    write_addons(ready.addons, "2.0")
    before = ready.states()
    assert "no signal within 1 s that the replicas are stopped" in Waiting(ready, 1).end(expect=86)
    assert ready.states() == before and ready.counted() == []
    ready.run("UpdateOnly")
    assert ready.counted() == ALL


def test_with_nothing_to_do_nobody_is_asked(ready):
    run = Waiting(ready)
    run.end()
    assert run.kinds() == ["run_started", "run_ended"]


def test_an_interrupted_update_waits_for_the_go_ahead_too(ready):
    write_addons(ready.addons, "2.0", fail="till")
    ready.run("UpdateOnly", expect=72)
    write_addons(ready.addons, "2.0")
    run = Waiting(ready)
    ready.until(lambda: "lock_taken" in run.kinds(), "lock_taken")
    assert ready.states()[-1] == "Failed"
    run.actor.send_signal(signal.SIGUSR1)
    run.end()
    assert run.kinds().count("lock_taken") == 1 and ready.states()[-1] == "Ready"


def test_whoever_is_in_the_way_is_named(ready):
    write_addons(ready.addons, "2.0")
    first = Waiting(ready, name="first")
    ready.until(lambda: "lock_taken" in first.kinds(), "lock_taken")
    run = Waiting(ready, name="second")
    ready.until(lambda: "lock_awaited" in run.kinds(), "lock_awaited")
    time.sleep(1.5)
    told = [one for one in run.events() if one["event"] == "lock_awaited"]
    assert len(told) == 1 and f"run={first.events()[0]['run_id']} " in told[0]["holder"] and not run.page()
    other = ready.database.connect()
    with other.cursor() as cursor:  # then another tool, for which no replica is stopped either
        cursor.execute("SELECT pg_advisory_lock(7141416871301361999)")
        first.actor.terminate()
        ready.until(lambda: run.kinds().count("lock_awaited") == 2, "the other tool")
        assert run.events()[-1]["holder"] == "marabunta" and "lock_taken" not in run.kinds()
        cursor.execute("SELECT pg_advisory_unlock(7141416871301361999)")
    other.close()
    ready.until(lambda: "lock_taken" in run.kinds(), "lock_taken")
    run.actor.send_signal(signal.SIGUSR1)
    run.end()
    assert ready.counted() == ALL


def test_the_signal_is_no_end_in_any_moment(ready):
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly")
    ready.until(lambda: len(ready.states()) > 2 or actor.poll() is not None, "Updating")
    actor.send_signal(signal.SIGUSR1)
    output = actor.communicate(timeout=30)[0]
    assert actor.returncode == 0, output


def test_force_modes_say_who_and_why(ready):
    write_addons(ready.addons, "2.0", fail="till")
    ready.run("UpdateOnly", expect=72)
    ready.run("ForceReadyState", REASON="shop must open", ACTOR="ada")
    assert ready.sql("SELECT state, actor, result FROM curq_state_history ORDER BY id DESC LIMIT 1") == [
        ("Force Ready", "ada", "forced")
    ]
    assert ready.sql("SELECT detail FROM curq_state_history ORDER BY id DESC LIMIT 1")[0][0].startswith(
        "shop must open; before:"
    )
    ready.run("RunOnly")
    count = len(ready.states())
    ready.run("ForceReadyState", REASON="again")
    assert len(ready.states()) == count, "it is open already"
    write_addons(ready.addons, "2.0")
    ready.run("ForceUpdateOnly", REASON="repaired")
    assert ready.counted() == ALL


def test_the_originals_table_is_adopted_and_its_queries_read_right(ready):
    ready.sql("DROP TABLE curq_state_history")
    ready.sql(
        "CREATE TABLE curq_state_history (id SERIAL PRIMARY KEY, state VARCHAR(255),"
        " write_date TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP)"
    )
    ready.sql("CREATE INDEX write_date_idx ON curq_state_history (write_date)")
    ready.sql("INSERT INTO curq_state_history (state) VALUES ('Creating'), ('Ready')")
    write_addons(ready.addons, "2.0")
    ready.run("RunOnly")
    assert ready.sql("SELECT count(*) FROM information_schema.columns WHERE table_name = 'curq_state_history'") == [
        (3,)
    ]
    ready.run("UpdateOnly")
    assert ready.sql("SELECT state FROM curq_state_history ORDER BY write_date DESC LIMIT 1") == [("Ready",)]
    ready.sql("INSERT INTO curq_state_history (state) VALUES ('Updating')")
    ready.run("RunOnly", TIMEOUT="0.03", expect=79)
    assert ready.states()[-2:] == ["Updating", "Reset"]
    ready.run("RunOnly")


def test_without_a_table_it_is_adopted_without_force(ready):
    ready.sql("DROP TABLE curq_state_history, odoo_cloud_module")
    ready.run("RunOnly")
    assert ready.sql("SELECT state, detail FROM curq_state_history") == [("Ready", "adopted")]


def test_a_copy_is_not_blocked_by_the_originals_run(ready, tmp_path_factory):
    write_addons(ready.addons, "2.0")
    actor = ready.start("UpdateOnly", FAKE_SLEEP="5")
    ready.until(lambda: len(ready.states()) > 2, "Updating")
    actor.kill()
    actor.communicate()
    ready.sql("UPDATE curq_state_history SET database_identity = '1/1' WHERE database_identity IS NOT NULL")
    output = ready.run("RunOnly", TIMEOUT="0.02", expect=79)
    assert "was copied here with another database" in output
    ready.run("UpdateOnly")
    assert ready.counted() == ALL


@pytest.mark.parametrize("mode", ["InstallOnly", "UpdateOnly", "ForceRunOnly"])
def test_list_db_is_for_run_only(place, mode):
    assert "LIST_DB is 'True'" in place.run(mode, LIST_DB="True", expect=78)


def test_list_db_opens_no_gate(place):
    assert "their state is not checked" in place.run("RunOnly", LIST_DB="True")
    assert place.sql("SELECT to_regclass('curq_state_history')") == [(None,)]


def test_a_missing_database_is_never_made_by_update_modes(place):
    for mode in ("UpdateOnly", "RunOnly", "ForceReadyState"):
        output = place.run(mode, DB_NAME="nowhere", DB_WAIT_TIMEOUT="0.5", expect=68)
        assert "there is no such database" in output


def test_an_empty_database_is_not_for_update_modes(place):
    assert "MODE=InstallOnly initialises it" in place.run("UpdateOnly", expect=65)


def test_nothing_to_do_does_not_import_odoo(ready, tmp_path):
    """A package `odoo` that tells when it is imported, in front of everything."""
    trap = tmp_path / "trap" / "odoo"
    trap.mkdir(parents=True)
    (trap / "__init__.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()\n")
    ready.run("UpdateOnly", PYTHONPATH=os.pathsep.join([str(trap.parent), *sys.path]))
    assert not (tmp_path / "imported").exists()


def test_init_makes_role_and_database_and_installs_as_that_role(place, server, name):
    server.execute(f"CREATE ROLE {name}_boss LOGIN CREATEDB CREATEROLE PASSWORD 'boss'")
    own = {"DB_USER": f"{name}_boss", "DB_PASSWORD_FILE": "", "DB_PASSWORD": "boss", "DB_NAME": f"{name}_new",
           "DB_CLIENT_USER": f"{name}_own", "DB_CLIENT_PASSWORD": "own"}  # fmt: skip
    assert "there is no database to initialise" in place.run("Init", LIST_DB="True", **own)
    actors = [place.start("Init", REPLICA=f"r{number}", **own) for number in range(5)]
    outputs = [actor.communicate(timeout=60)[0] for actor in actors]
    assert [actor.returncode for actor in actors] == [0] * 5, outputs
    owners = server.execute(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'", database=f"{name}_new"
    )
    assert owners == [(f"{name}_own",)]
    states = server.execute("SELECT state FROM curq_state_history ORDER BY id", database=f"{name}_new")
    assert states == [("Creating",), ("Ready",)]
    assert server.execute("SELECT has_database_privilege('public', %s, 'CONNECT')", (f"{name}_new",)) == [(False,)]
    client = {"DB_USER": f"{name}_own", "DB_PASSWORD_FILE": "", "DB_PASSWORD": "own", "DB_NAME": f"{name}_new"}
    assert "fake Odoo serves" in place.run("RunOnly", **client)
    server.execute("INSERT INTO curq_state_history (state) VALUES ('Updating')", database=f"{name}_new")
    place.run("Init", **own)  # it is there, whatever its state


def test_install_modes_make_a_missing_database_if_they_may(place, server, name):
    with_rights = {"DB_NAME": f"{name}_two"}
    output = place.run("InstallOnly", DB_WAIT_TIMEOUT="0.3", expect=68, **with_rights)
    assert "there is no such database" in output
    server.execute(f"ALTER ROLE {name} CREATEDB")
    place.run("InstallAndRun", **with_rights)
    assert server.execute("SELECT state FROM curq_state_history ORDER BY id", database=f"{name}_two") == [
        ("Creating",),
        ("Ready",),
    ]


def test_a_half_made_database_that_cannot_be_finished_is_installed_again_only_when_allowed(place):
    place.run("InstallOnly")
    place.sql("DELETE FROM curq_state_history WHERE state = 'Ready'")  # as a kill just before the last module leaves it
    place.sql("UPDATE ir_module_module SET state = 'to install' WHERE name = 'till'")
    place.sql("ALTER TABLE ir_module_module ADD CHECK (name <> 'till' OR state <> 'installed')")
    place.sql("CREATE TABLE rubbish (id int)")
    for _attempt in range(2):
        assert "violates check constraint" in place.run("InstallOnly", expect=70)
    place.run("InstallOnly", REBUILD_UNFINISHED="True")
    assert place.sql("SELECT to_regclass('rubbish')") == [(None,)]
    assert place.version("till") == ("installed", "14.0.1.0")
    assert place.states()[0] == "Creating", "the history is kept"
    assert place.states()[-1] == "Ready"
    place.sql("CREATE TABLE precious (id int)")
    place.run("InstallOnly", REBUILD_UNFINISHED="True")
    assert place.sql("SELECT to_regclass('precious')") != [(None,)], "a database that was open is never emptied"


def admin(place):
    """Login and password of the administrator, as they are stored."""
    return place.sql("SELECT login, password FROM res_users WHERE id = 1")[0]


def parameters(place):
    """Without click-odoo-update's record."""
    found = dict(place.sql("SELECT key, value FROM ir_config_parameter"))
    return {key: value for key, value in found.items() if not key.startswith("module_auto_update")}


SETTLED = {"BASE_URL": "https://shop.example.com", "LANGUAGE": "nl_NL", "ADMIN_PASSWORD": "of the administrator"}


def settled(place):
    login, stored = admin(place)
    assert login == "admin"
    assert password.matches("of the administrator", stored)
    assert parameters(place) == {
        "web.base.url": "https://shop.example.com",
        "web.base.url.freeze": "True",
        "report.url": "http://127.0.0.1:1",
    }
    assert place.sql("SELECT active FROM res_lang WHERE code = 'nl_NL'") == [(True,)]
    assert place.states()[-1] == "Ready"
    assert place.version("till") == ("installed", "14.0.1.0")


@pytest.mark.parametrize("rescuer", ["InstallOnly", "UpdateOnly", "UpdateAndRun", "ForceUpdateOnly"])
def test_a_first_installation_that_failed_with_base_installed_is_finished_as_one(place, rescuer):
    place.hook("post-update", "exit 3")
    place.run("InstallOnly", expect=67, **SETTLED)
    place.sql("UPDATE res_users SET password = 'admin'")  # as a run that failed before it came to that
    place.sql("DELETE FROM ir_config_parameter")
    place.sql("UPDATE res_lang SET active = false WHERE code = 'nl_NL'")
    for mode in ("ForceReadyState", "ForceRunOnly"):
        assert "MODE=InstallOnly finishes it" in place.run(mode, expect=65, **SETTLED)
    place.run("RunOnly", TIMEOUT="0.01", expect=75, **SETTLED)
    place.hook("post-update", "true")
    plan = json.loads(place.run(rescuer, "plan", **SETTLED))
    assert (plan["changed"], plan["reason"]) == (True, "its first installation has not ended")
    place.run(rescuer, **SETTLED)
    settled(place)
    assert "Updating" not in place.states()


def test_what_changed_since_an_earlier_attempt_is_updated_by_the_first_installation(place):
    place.hook("post-update", "exit 3")
    place.run("InstallOnly", expect=67)
    write_addons(place.addons, "2.0")
    place.hook("post-update", "true")
    place.run("InstallOnly")
    assert place.counted() == ALL
    assert place.version("till") == ("installed", "14.0.2.0")


def test_a_language_that_odoo_does_not_know_fails_the_installation(place):
    output = place.run("InstallOnly", expect=70, LANGUAGE="nl")
    assert "LANGUAGE is 'nl': it was not loaded; Odoo knows no such language, but nl_NL" in output
    place.run("InstallOnly", **SETTLED)
    settled(place)


def test_a_database_that_another_tool_began_is_never_installed_anew(ready):
    """onesteinbv/odoo-docker writes Creating when it adopts a database, which may be somebody's production."""
    before = admin(ready)
    ready.sql("TRUNCATE curq_state_history")
    ready.sql("INSERT INTO curq_state_history (state, write_date) VALUES ('Creating', now() - interval '1 day')")
    write_addons(ready.addons, "2.0", fail="till")
    ready.run("UpdateOnly", expect=72, **SETTLED)
    output = ready.run("InstallOnly", expect=65, **SETTLED)
    assert "MODE=UpdateOnly tries again" in output
    write_addons(ready.addons, "2.0")
    ready.run("UpdateOnly", **SETTLED)
    assert admin(ready) == before
    assert "Creating" not in ready.states()[1:]


@pytest.mark.parametrize("rounds", [0, 25_000])
@pytest.mark.parametrize("adopted", [False, True])
def test_nobody_is_served_with_odoos_default_password(ready, rounds, adopted):
    ready.sql("UPDATE res_users SET password = %s", password.password_hash("admin", rounds) if rounds else "admin")
    if adopted:
        ready.sql("DROP TABLE curq_state_history")
    for mode in ("RunOnly", "InstallAndRun", "UpdateAndRun", "ForceRunOnly"):
        output = ready.run(mode, expect=65, ADMIN_PASSWORD="")
        assert (
            "user 'admin' still has Odoo's default password, which everybody knows; give ADMIN_PASSWORD_FILE" in output
        )
        assert "fake Odoo serves" not in output
    output = ready.run("RunOnly", ADMIN_PASSWORD="a good one")
    assert "user 'admin' had Odoo's default password; it has that of ADMIN_PASSWORD now" in output
    assert "fake Odoo serves" in output
    assert password.matches("a good one", admin(ready)[1])
    before = admin(ready)
    output = ready.run("RunOnly", ADMIN_PASSWORD="another one")
    assert admin(ready) == before, "a password that somebody chose is never changed"
    assert "default password" not in output


def test_other_users_called_admin_are_looked_at_too(ready):
    ready.sql("INSERT INTO res_users (login, password) VALUES ('admin', 'admin')")
    ready.run("RunOnly", expect=65, ADMIN_PASSWORD="")
    for change in ("active = false", "active = true, share = true", "share = false, login = 'adam'"):
        ready.sql(f"UPDATE res_users SET {change} WHERE id > 1")  # noqa: S608
        ready.run("RunOnly", ADMIN_PASSWORD="")
    ready.sql("UPDATE res_users SET login = 'boss', password = 'admin' WHERE id = 1")
    assert "user 'boss' still has" in ready.run("RunOnly", expect=65, ADMIN_PASSWORD="")


def test_a_password_that_was_found_good_is_not_hashed_again(ready):
    assert ready.sql("SELECT name FROM odoo_cloud_checked") == [("administrator",)], "the installation knows it"
    ready.sql("UPDATE res_users SET password = %s", password.password_hash("chosen by her", 1000))
    ready.run("RunOnly", ADMIN_PASSWORD="")
    # What was noted is believed, also of a hash that would be refused if it was computed again.
    ready.sql("UPDATE res_users SET password = %s", password.password_hash("admin", 1000))
    connection = ready.database.connect()
    with connection, connection.cursor() as cursor:
        administrator.remember(cursor, administrator.suspects(cursor))
    connection.close()
    ready.run("RunOnly", ADMIN_PASSWORD="")
    ready.sql("DELETE FROM odoo_cloud_checked")
    ready.run("RunOnly", expect=65, ADMIN_PASSWORD="")


def test_a_first_installation_that_serves_needs_a_password(place):
    output = place.run("InstallAndRun", expect=65, ADMIN_PASSWORD="")
    assert "ADMIN_PASSWORD_FILE is not set" in output
    assert not place.sql("SELECT to_regclass('ir_module_module')")[0][0]
    assert "no container serves the database like that" in place.run("InstallOnly", ADMIN_PASSWORD="")
    assert "default password" in place.run("RunOnly", expect=65, ADMIN_PASSWORD="")


def add(place, name, depends, **more):
    path = place.addons / name
    path.mkdir()
    (path / "__manifest__.py").write_text(repr({"name": name, "version": "1.0", "depends": depends, **more}))


def test_an_auto_install_module_without_what_it_needs_is_left_alone(place):
    add(place, "auto", ["base", "absent"], auto_install=True)
    add(place, "auto_next", ["auto"], auto_install=True)
    output = place.run("InstallOnly")
    assert "WARNING odoo-cloud: module 'auto' needs 'absent', whose code is in none of the addons folders" in output
    assert place.version("auto") == place.version("auto_next") == ("uninstalled", None)
    assert place.states() == ["Creating", "Ready"]
    # as an older run left it, in whatever state the database is
    mark = "UPDATE ir_module_module SET state = 'to install' WHERE name LIKE 'auto%%'"
    for mode, history in (
        ("UpdateOnly", None),
        ("InstallOnly", None),
        ("ForceUpdateOnly", "Failed"),
        ("UpdateOnly", "Failed"),
        ("UpdateAndRun", "DROP"),
    ):
        place.sql(mark)
        if history == "DROP":
            place.sql("DROP TABLE curq_state_history")
        elif history:
            place.sql("INSERT INTO curq_state_history (state, run_id) VALUES (%s, 'x')", history)
        assert "module 'auto' needs 'absent'" in place.run(mode), (mode, history)
        assert place.version("auto") == place.version("auto_next") == ("uninstalled", None)
        assert place.states()[-1] in ("Ready", "Force Ready")
    place.sql(mark)
    place.sql("DROP TABLE curq_state_history")
    assert "Odoo runs no cron until MODE=UpdateOnly" in place.run("RunOnly")
    assert "'absent'" in place.run("InstallOnly", expect=78, MODULES="auto")


def test_a_module_whose_code_is_gone_fails_only_who_asks_for_it(ready):
    add(ready, "extra", ["base"])
    ready.run("InstallOnly", MODULES="till,extra")
    shutil.rmtree(ready.addons / "shop")
    for mode, update in (
        ("UpdateOnly", "all"),
        ("UpdateOnly", "extra"),
        ("UpdateAndRun", "all"),
        ("ForceUpdateOnly", "extra"),
    ):
        output = ready.run(mode, UPDATE=update, MODULES="extra")
        assert "the code of module 'shop' is in none of the addons folders" in output, (mode, update)
        assert "module 'till' needs 'shop'" in output
        assert ready.states()[-1] in ("Ready", "Force Ready")
        assert ready.version("shop") == ready.version("till") == ("installed", "14.0.1.0")
    rows = len(ready.states())
    for name in ("shop", "till"):
        assert "UPDATE is" in ready.run("UpdateOnly", UPDATE=name, expect=78)
    assert len(ready.states()) == rows, "nothing was begun"


def test_a_first_installation_killed_at_its_very_end_is_settled(place):
    """All is installed and nothing settled: only what is left is done."""
    place.run("InstallOnly", **SETTLED)
    place.sql("DELETE FROM curq_state_history WHERE state = 'Ready'")
    place.sql("UPDATE res_users SET password = 'admin'")
    place.sql("DELETE FROM ir_config_parameter")
    output = place.run("RunOnly", **SETTLED)
    assert "fake Odoo serves" in output
    settled(place)


def test_files_that_a_killed_first_installation_left_on_the_disk_are_moved(place):
    """The module that moves them at the end of an update is updated once more, though nothing else is left to do."""
    add(place, "cloud_platform_s3", ["base"])
    place.hook("post-update", "exit 3")
    place.run("InstallOnly", expect=67, MODULES="cloud_platform_s3")
    place.sql("CREATE TABLE ir_attachment (type varchar, store_fname varchar)")
    place.sql("INSERT INTO ir_attachment VALUES ('binary', 's3://bucket/key')")
    place.sql("INSERT INTO ir_config_parameter (key, value) VALUES ('cloud.platform.kind', 's3')")
    assert "module cloud_platform_s3: from" not in place.run("InstallOnly", expect=67, MODULES="cloud_platform_s3")
    place.sql("INSERT INTO ir_attachment VALUES ('binary', 'ab/abcdef')")
    place.hook("post-update", "true")
    assert "module cloud_platform_s3: from 14.0.1.0 to 14.0.1.0" in place.run(
        "InstallOnly", MODULES="cloud_platform_s3"
    )
