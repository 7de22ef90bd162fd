# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import Held, LockLost
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, pg


@pytest.fixture
def guards(name, connect):
    """Three runs that want the lock of the same database."""
    return [lock.Lock(connect(name=pg.application_name("UpdateOnly", f"{n}", f"h{n}")), name) for n in range(3)]


def test_one_at_a_time(guards):
    one, two, three = guards
    assert one.acquire()
    assert one.held()
    assert not two.acquire()
    assert not two.held()
    with pytest.raises(LockLost):
        two.check("anything")
    one.release()
    assert not one.held()
    assert three.acquire()


def test_only_one_of_many_at_once_gets_it(name, connect):
    guards = [lock.Lock(connect(), name) for _number in range(20)]
    start = threading.Barrier(len(guards))
    won = []

    def run(guard):
        start.wait()
        if guard.acquire():
            won.append(guard)

    threads = [threading.Thread(target=run, args=(guard,)) for guard in guards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [guard.held() for guard in guards].count(True) == 1


def test_other_databases_have_other_locks(name, connect):
    one, two = lock.Lock(connect(), name), lock.Lock(connect(), f"{name}_other")
    assert one.acquire()
    assert two.acquire()


def test_holder_is_named(guards, server, connect):
    one, two, _three = guards
    assert lock.holder(two.connection, one.database) is None
    assert one.acquire()
    held = lock.holder(two.connection, one.database)
    assert held.pid == one.pid == one.connection.info.backend_pid
    assert held.parsed() == {"what": "UpdateOnly", "run_id": "0", "host": "h0"}
    assert 0 <= held.age < 60
    assert str(held).startswith("odoo-cloud UpdateOnly run=0 host=h0 (backend ")


def test_holder_is_seen_from_a_role_without_rights(guards, database):
    assert guards[0].acquire()
    mine = database.connect()
    try:
        assert lock.holder(mine, guards[0].database).pid == guards[0].pid
    finally:
        mine.close()


def test_keys_are_the_documented_ones(guards, server):
    assert guards[0].acquire()
    first, second = lock.lock_keys(guards[0].database)
    rows = server.execute(
        "SELECT classid::int8, objid::int8, objsubid FROM pg_locks WHERE locktype = 'advisory' AND pid = %s",
        (guards[0].pid,),
    )
    assert rows == [(lock.unsigned(first), lock.unsigned(second), 2)]


def test_a_one_key_lock_with_the_same_number_is_not_ours(name, connect):
    other, guard = connect(), lock.Lock(connect(), name)
    first, second = guard.keys
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock((%s::int8 << 32) | %s::int8)", (first, lock.unsigned(second)))
    assert lock.holder(guard.connection, name) is None
    assert guard.acquire()


def test_a_terminated_backend_frees_it_at_once(guards, server):
    one, two, _three = guards
    assert one.acquire()
    server.execute("SELECT pg_terminate_backend(%s, 5000)" if _fourteen(server) else _TERMINATE, (one.pid,))
    assert two.acquire()
    assert not one.held()
    with pytest.raises(LockLost, match="was lost before: writing Ready"):
        one.check("writing Ready")
    one.release()  # says nothing


_TERMINATE = "SELECT pg_terminate_backend(%s), pg_sleep(0.2)"


def _fourteen(server):
    return server.execute("SELECT current_setting('server_version_num')::int >= 140000")[0][0]


HOLDER = """
import sys, time
import psycopg2
connection = psycopg2.connect(host=sys.argv[1], port=sys.argv[2], user="postgres", dbname="postgres")
connection.autocommit = True
connection.cursor().execute("SELECT pg_advisory_lock(%s, %s)", (int(sys.argv[3]), int(sys.argv[4])))
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_its_process_frees_it_at_once(guards, server, number):
    guard = guards[0]
    keys = [str(key) for key in guard.keys]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(server.folder), str(server.port), *keys], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"held\n"
        assert not guard.acquire()
        process.send_signal(number)
        process.wait()
        with guard.connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")  # waits for it, and so measures it
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", guard.keys)
        assert guard.held()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_all_sessions_of_a_run_end_and_no_others(name, connect, database):
    mine = [connect(name=pg.application_name("UpdateOnly", "abc", "h")) for _number in range(3)]
    beside = database.connect(pg.application_name("hook", "abc", "h"))
    others = [connect(name=pg.application_name("UpdateOnly", run, "h")) for run in ("abcd", "xabc", "ab")]
    control = connect()
    try:
        assert lock.end_sessions(control, database.name, "abc") == 4
        assert lock.sessions(control, database.name, "abc") == []
        for connection in (*mine, beside):
            with pytest.raises(connection.Error):
                connection.cursor().execute("SELECT 1")
        for connection in others:
            connection.cursor().execute("SELECT 1")
        assert lock.end_sessions(control, database.name, "abc") == 0
    finally:
        beside.close()


def test_a_role_without_the_right_cannot_end_a_run(connect, database):
    connect(name=pg.application_name("UpdateOnly", "abc", "h"))
    mine = database.connect()
    try:
        with pytest.raises(Held, match="run abc cannot be ended"):
            lock.end_sessions(mine, database.name, "abc")
    finally:
        mine.close()


def test_keys_of_other_tools(database, name):
    ours, theirs = database.connect(), database.connect()
    keys = lock.OtherTools(ours, name)
    try:
        with theirs.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (lock.click_odoo_key(name),))
            assert keys.acquire() == "click-odoo-update"
            cursor.execute("SELECT pg_advisory_unlock(%s)", (lock.click_odoo_key(name),))
            assert keys.acquire() == ""
            # marabunta takes its own in a transaction
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock.marabunta_key(),))
            assert cursor.fetchone() == (False,)
            keys.release()
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock.marabunta_key(),))
            assert cursor.fetchone() == (True,)
    finally:
        ours.close()
        theirs.close()


@pytest.fixture
def stranger(server, database):
    """Connects as a role that has nothing to do with the database, with the name of a run of it."""
    server.execute(f'CREATE ROLE "{database.name}_stranger" LOGIN CREATEDB')

    def come(place="postgres"):
        connection = server.connect(
            place, f"{database.name}_stranger", name=pg.application_name("UpdateOnly", "abc", "h")
        )
        made.append(connection)
        return connection

    made = []
    yield come
    for connection in made:
        connection.close()


@pytest.fixture
def lock_database(server, database):
    name = f"{database.name}--lock"
    server.execute(f'CREATE DATABASE "{name}"')
    return name


def owners(connect, database, place, run="1"):
    session = connect(place, database.owner, database.password, pg.application_name("UpdateOnly", run, "h"))
    return lock.Lock(session, database.name)


def take(connection, name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", lock.lock_keys(name))


def test_a_stranger_elsewhere_is_not_believed(connect, database, stranger, lock_database):
    take(stranger(), database.name)
    guard = owners(connect, database, lock_database)
    assert lock.holder(guard.connection, database.name) is None
    assert lock.stranger(guard.connection, database.name) == ""
    assert guard.acquire() and guard.held()
    assert lock.holder(connect(), database.name).pid == guard.pid


def test_a_stranger_in_our_way_is_named_and_no_holder(connect, database, stranger):
    intruder = stranger()
    take(intruder, database.name)
    guard = owners(connect, database, "postgres")
    assert not guard.acquire()
    assert lock.holder(guard.connection, database.name) is None
    said = f"its lock is held by a session that isn't entitled to it: role '{database.name}_stranger', odoo-cloud UpdateOnly"
    assert lock.stranger(guard.connection, database.name).startswith(said)
    assert lock.held_by(guard.connection, database.name).startswith(said)
    assert f"pg_terminate_backend({intruder.info.backend_pid})" in said + lock.stranger(guard.connection, database.name)


@pytest.mark.parametrize("who", ["owner", "member", "superuser"])
def test_an_entitled_holder_elsewhere_excludes_us(server, connect, database, lock_database, who):
    role = f"{database.name}_{who}"
    server.execute(f'CREATE ROLE "{role}" LOGIN')
    if who == "member":
        server.execute(f'GRANT "{database.owner}" TO "{role}"')
    old = connect("postgres", {"owner": database.owner, "member": role, "superuser": "postgres"}[who])
    take(old, database.name)  # a runtime of before, which knows no lock database
    guard = owners(connect, database, lock_database)
    assert not guard.acquire()
    with guard.connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,), "what was taken is let go"
    assert lock.holder(guard.connection, database.name).pid == old.info.backend_pid
    old.close()
    for _attempt in range(100):
        if guard.acquire():
            break
        time.sleep(0.05)
    assert guard.held()


def test_two_maintenance_databases_never_let_both_in(connect, database, lock_database):
    """Both may step back, and then try again; at least the later one to look sees the other."""
    pair = [owners(connect, database, place) for place in ("postgres", lock_database)]
    both = won = 0
    for _turn in range(100):
        start = threading.Barrier(2)
        got = [False, False]

        def run(number, start=start, got=got):
            start.wait()
            got[number] = pair[number].acquire()

        threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        both += all(got)
        won += any(got)
        for guard, mine in zip(pair, got):
            if mine:
                guard.release()
    assert both == 0
    assert won > 0


def test_the_owner_of_the_lock_database_is_entitled(server, connect, database, stranger, lock_database):
    """The administrator need not be a member of the instance's role."""
    server.execute(f'ALTER DATABASE "{lock_database}" OWNER TO "{database.name}_stranger"')
    admin = stranger(lock_database)
    take(admin, database.name)
    assert lock.holder(connect(lock_database), database.name).pid == admin.info.backend_pid
    assert lock.holder(connect(), database.name) is None


def test_before_the_database_is_there_its_lock_is_of_who_can_create_it(server, connect, database, stranger):
    server.execute(f'CREATE ROLE "{database.name}_nobody" LOGIN')
    nobody = connect("postgres", f"{database.name}_nobody")
    take(nobody, f"{database.name}_new")
    assert lock.holder(connect(), f"{database.name}_new") is None
    nobody.close()
    take(stranger(), f"{database.name}_newer")
    assert lock.holder(connect(), f"{database.name}_newer") is not None


def test_the_mark_of_a_maker_who_is_alive(connect, database, stranger):
    take(stranger(), database.name + lock.ALIVE)
    assert lock.holder(connect(), database.name + lock.ALIVE) is None
    mine = owners(connect, database, "postgres")
    take(mine.connection, f"{database.name}x")
    assert lock.holder(connect(), database.name) is None


def test_sessions_of_a_stranger_are_none_of_the_runs(connect, database, stranger):
    mine, theirs = owners(connect, database, "postgres", "abc"), stranger()
    control = connect("postgres", database.owner, database.password)
    assert lock.sessions(control, database.name, "abc") == [(mine.pid, "odoo-cloud UpdateOnly run=abc host=h")]
    assert lock.end_sessions(control, database.name, "abc") == 1
    theirs.cursor().execute("SELECT 1")
