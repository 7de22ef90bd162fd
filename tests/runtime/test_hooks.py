# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import threading
import time

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import LockLost
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, pg
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run import hooks


@pytest.fixture
def hook(settings, tmp_path):
    def make(text):
        path = tmp_path / "hooks" / "post-update.d" / "10-test"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return hooks.find(settings(), "post-update")[0]

    return make


@pytest.fixture
def window(settings, database, tmp_path):
    """Lock and environment as in a window."""
    database.server.demand_password(database.owner)
    found = settings(MODE="UpdateOnly")
    name = pg.application_name("UpdateOnly", "0123456789ab", "h")
    control = pg.connect(found, "postgres", name)
    guard = lock.Lock(control, database.name)
    assert guard.acquire()
    passfile = tmp_path / "pgpass"
    passfile.write_text(pg.passfile_line(found.db_user, found.db_password))
    passfile.chmod(0o600)
    env = hooks.environment(
        {"PATH": os.environ["PATH"], "PGPASSFILE": str(passfile)}, found, "post-update", "0123456789ab", name
    )
    yield guard, env
    control.close()


def test_a_hook_reaches_the_database_as_its_owner_and_carries_the_run(hook, window, database):
    guard, env = window
    lines = hooks.run(
        hook("psql -XqAt -c \"SELECT current_database(), current_user, current_setting('application_name')\""),
        env,
        guard.held,
    )
    assert lines == [f"{database.name}|{database.owner}|odoo-cloud UpdateOnly run=0123456789ab host=h"]


def test_a_hook_ends_when_the_lock_s_backend_is_terminated(hook, window, database, server, tmp_path):
    guard, env = window
    database.execute("CREATE TABLE public.marks (x int)")
    database.execute(f'ALTER TABLE public.marks OWNER TO "{database.owner}"')

    def terminate():
        limit = time.monotonic() + 20
        while not database.execute("SELECT x FROM public.marks") and time.monotonic() < limit:
            time.sleep(0.05)
        server.execute("SELECT pg_terminate_backend(%s)", (guard.pid,))

    thread = threading.Thread(target=terminate)
    thread.start()
    with pytest.raises(LockLost, match="while hook .*10-test was running"):
        hooks.run(
            hook(
                "trap '' TERM INT HUP\n"
                'psql -Xq -c "INSERT INTO public.marks VALUES (1)"\n'
                # one statement of its own per turn, in a process that outlives the script if nobody ends it
                '( for turn in $(seq 60); do sleep 0.2; psql -Xq -c "INSERT INTO public.marks VALUES (2)"; done ) &\n'
                "wait"
            ),
            env,
            guard.held,
        )
    thread.join()
    before = database.execute("SELECT count(*) FROM public.marks")
    time.sleep(0.6)
    assert database.execute("SELECT count(*) FROM public.marks") == before


def test_a_takeover_ends_what_a_hook_does_in_the_database(hook, window, connect, database):
    guard, env = window

    def take_over():
        control = connect()
        limit = time.monotonic() + 20
        while time.monotonic() < limit and len(lock.sessions(control, database.name, "0123456789ab")) < 2:
            time.sleep(0.05)
        assert lock.end_sessions(control, database.name, "0123456789ab") == 2

    thread = threading.Thread(target=take_over)
    thread.start()
    with pytest.raises(LockLost):
        hooks.run(hook('psql -Xq -c "SELECT pg_sleep(60)"; sleep 60'), env, guard.held)
    thread.join()
