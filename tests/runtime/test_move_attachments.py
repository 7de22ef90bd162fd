# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mover of attachments against a real PostgreSQL and a store that speaks S3, without Odoo: order, locks, open transactions."""

from __future__ import annotations

import hashlib
import pathlib
import threading
import time

import psycopg2
import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.attachments import journal, mover, options
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.attachments.audit import audit
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.attachments.session import MOVER_KEY, Session
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import (
    ConfigError,
    Held,
    PlatformRefused,
    WaitTimeout,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import lock, state
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.store import objects as object_store

TABLES = """
CREATE TABLE ir_module_module (name varchar, state varchar, latest_version varchar);
INSERT INTO ir_module_module VALUES ('base', 'installed', '19.0.1.3'), ('attachment_s3', 'installed', '19.0.1.0.0');
CREATE TABLE ir_config_parameter (id serial, key varchar UNIQUE, value text, create_date timestamp, write_date timestamp);
CREATE TABLE ir_attachment (id serial PRIMARY KEY, name varchar, type varchar DEFAULT 'binary', store_fname varchar, db_datas bytea,
    checksum varchar(40), file_size int, mimetype varchar);
CREATE SEQUENCE base_cache_signaling;
CREATE TABLE orm_signaling_default (id serial PRIMARY KEY);
"""


class Place:
    """One database with its filestore, and what is said to the mover."""

    def __init__(self, database, connect, settings, tmp_path):
        self.name, self.owner, self.connect = database.name, database.owner, connect
        made = settings()
        self.settings = made
        self.data = pathlib.Path(made.data_dir)
        self.folder = self.data / "filestore" / database.name
        self.env = {
            "MODE": "RunOnly", "ODOO_VERSION": "19", "ODOO_RC": made.odoo_rc, "DB_HOST": made.db_host, "DB_PORT": str(made.db_port),
            "DB_NAME": database.name, "DB_USER": database.owner, "DB_PASSWORD": database.password, "DATA_DIR": made.data_dir,
            "DB_WAIT_TIMEOUT": "5",
        }  # fmt: skip
        self.session = connect(database.name, user=database.owner)
        self.rows(TABLES)

    def rows(self, statement, *values):
        with self.session.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def add(self, data, mimetype="application/pdf", to="file", checksum=None):
        checksum = checksum or hashlib.sha1(data).hexdigest()
        fname = f"{checksum[:2]}/{checksum}" if to == "file" else None
        if fname:
            (self.folder / fname).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / fname).write_bytes(data)
        return self.rows(
            "INSERT INTO ir_attachment (store_fname, db_datas, checksum, file_size, mimetype) VALUES (%s, %s, %s, %s, %s) RETURNING id",
            fname, None if fname else psycopg2.Binary(data), checksum, len(data), mimetype,
        )[0][0]  # fmt: skip

    def files(self):
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())

    def run(self, *words, **env):
        given = options.parse_options(words)
        with Session({**self.env, **env}, given) as session:
            return mover.move(session) if given.action == "move" else audit(session)


@pytest.fixture
def place(database, connect, settings, tmp_path):
    return Place(database, connect, settings, tmp_path)


def test_there_and_back(place):
    numbers = [place.add(f"content {n % 7}".encode()) for n in range(20)]
    truth = place.rows("SELECT id, checksum FROM ir_attachment ORDER BY id")
    plan, code = place.run("move", "--to", "db", "--dry-run")
    assert (plan["plan"], code) == ({"file -> db": {"attachments": 20, "bytes": 180}}, 0)
    assert not place.rows("SELECT to_regclass('odoo_cloud_attachment') IS NOT NULL")[0][0]
    found, code = place.run("move", "--to", "db", "--batch", "3")
    assert (found["moved"], found["deleted"], code) == ({"file -> db": 20}, 7, 0)
    assert place.files() == []
    again, code = place.run("move", "--to", "db")
    assert (again["changed"], again["attachments"]) == (False, 0)
    found, code = place.run("move", "--to", "file")
    assert (found["moved"], code) == ({"db -> file": 20}, 0)
    assert place.rows("SELECT id, checksum FROM ir_attachment ORDER BY id") == truth
    assert place.rows("SELECT count(*) FROM ir_attachment WHERE db_datas IS NOT NULL") == [(0,)]
    assert len(place.files()) == 7
    assert len(numbers) == 20
    assert place.rows("SELECT count(*) FROM odoo_cloud_attachment") == [(0,)]


def test_what_an_open_transaction_sees_stays(place, connect):
    place.add(b"old")
    reader = connect(place.name, user=place.owner)
    reader.autocommit = False
    reader.set_session(isolation_level="REPEATABLE READ")
    with reader.cursor() as cursor:
        cursor.execute("SELECT store_fname FROM ir_attachment")
        fname = cursor.fetchone()[0]
        found, code = place.run("move", "--to", "db", "--drain", "1")
        assert (found["attachments"], found["deleted"], found["leftovers"]["delete"], code) == (1, 0, 1, 0)
        cursor.execute("SELECT store_fname FROM ir_attachment")
        assert cursor.fetchone()[0] == fname
    assert (place.folder / fname).read_bytes() == b"old"
    reader.rollback()
    found, code = place.run("move", "--to", "db")
    assert (found["changed"], found["deleted"], place.files()) == (True, 1, [])


def test_nothing_is_moved_or_deleted_while_a_run_works(place, connect):
    place.add(b"content")
    control = connect("postgres")
    window = lock.Lock(control, place.name)
    assert window.acquire()
    results = []
    thread = threading.Thread(target=lambda: results.append(place.run("move", "--to", "db")))
    thread.start()
    time.sleep(2)
    assert place.rows("SELECT count(*) FROM ir_attachment WHERE store_fname IS NULL") == [(0,)]
    # A clone or a restore needs every session out of the database.
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'odoo-cloud attachments%%'"
    )
    assert place.rows(others, place.name) == [(0,)]
    window.release()
    thread.join(30)
    assert results[0][0]["moved"] == {"file -> db": 1}


def test_a_database_that_is_not_open_is_left_alone(place):
    place.add(b"content")
    place.rows(state.CREATE_SQL)
    place.rows("INSERT INTO curq_state_history (state, run_id) VALUES ('Updating', 'x')")
    with pytest.raises(WaitTimeout, match="is not open for 1 s: state 'Updating'"):
        place.run("move", "--to", "db", TIMEOUT="0.02")
    assert len(place.files()) == 1
    place.rows("INSERT INTO curq_state_history (state, run_id) VALUES ('Ready', 'x')")
    assert place.run("move", "--to", "db")[0]["attachments"] == 1


def test_one_mover_at_a_time(place):
    place.add(b"content")
    place.rows("SELECT pg_advisory_lock(%s, %s)", lock.NAMESPACE, MOVER_KEY)
    with pytest.raises(Held, match="being moved or repaired already"):
        place.run("move", "--to", "db")


def test_corrupt_and_missing_stay_and_are_told(place):
    good, bad, gone = place.add(b"good"), place.add(b"bad", checksum="c" * 40), place.add(b"gone")
    (place.folder / hashlib.sha1(b"gone").hexdigest()[:2] / hashlib.sha1(b"gone").hexdigest()).unlink()
    found, code = place.run("move", "--to", "db")
    assert (found["attachments"], code) == (1, mover.EXIT_ATTACHMENTS)
    assert ([one["id"] for one in found["corrupt"]], [one["id"] for one in found["missing"]]) == ([bad], [gone])
    assert place.rows("SELECT id FROM ir_attachment WHERE store_fname IS NULL") == [(good,)]
    assert place.files() == ["c" * 40]
    # The same content is in a row of the database: it is taken from there.
    place.add(b"gone", to="db")
    found, code = place.run("move", "--to", "db")
    assert (found["healed"], len(found["missing"])) == (1, 0)


def test_a_content_is_not_deleted_while_another_row_names_it(place):
    place.add(b"same", "text/plain")
    other = place.add(b"same", "image/png")
    place.rows("UPDATE ir_attachment SET type = 'url' WHERE id = %s", other)  # not moved, but it names the file
    place.run("move", "--to", "db")
    assert len(place.files()) == 1


def test_what_a_killed_run_wrote_down_is_finished(place):
    place.add(b"content")
    place.run("move", "--to", "db")
    left = place.folder / "ab" / ("ab" + "0" * 38)
    left.parent.mkdir()
    left.write_bytes(b"uploaded in vain")
    place.rows("INSERT INTO odoo_cloud_attachment (fname, kind) VALUES (%s, 'upload')", "ab/" + left.name)
    found, code = place.run("move", "--to", "db", "--dry-run")
    assert (found["changed"], left.exists()) == (True, True)
    place.run("move", "--to", "db")
    assert not left.exists()


def test_deletions_and_uploads_at_the_same_time(place, connect):
    """Deletions of other objects don't wait for each other; of the same one the second asks again, an upload is left alone."""
    x, y, gone = "s3://bucket/x", "s3://bucket/y", []
    first, second = (connect(place.name, user=place.owner) for dummy in range(2))
    for connection in (first, second):
        connection.autocommit = False

    def settled(connection, *fnames, delete=gone.extend):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            return object_store.settle(cursor, fnames, delete)

    during = []
    assert settled(first, x, delete=lambda dummy: during.append(settled(second, x, y))).deleted == (x,)
    assert (during[0].again, during[0].busy, during[0].deleted, gone) == ((x,), (), (y,), [y])
    second.rollback()
    assert settled(second, x).again == (x,)
    first.rollback()
    second.rollback()
    assert settled(second, x).deleted == (x,)
    second.rollback()
    # Uploads: of this object, and very many.
    for numbers, found in (
        ([object_store.lock_number(x)], object_store.Settled(busy=(x,))),
        (list(object_store.LOCK_ALL), object_store.Settled(kept=(x,))),
    ):
        with first.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock_shared(%s, number) FROM unnest(%s::int[]) AS number",
                (object_store.LOCK_CLASS, numbers),
            )
        assert settled(second, x) == found
        first.rollback()
        second.rollback()


def test_location_is_set_and_told(place):
    place.add(b"content")
    found, dummy = place.run("move", "--to", "db", "--set-location")
    assert (found["location"], found["location_changed"]) == ("db", True)
    assert place.rows("SELECT value FROM ir_config_parameter WHERE key = 'ir_attachment.location'") == [("db",)]
    assert place.rows(
        "SELECT (SELECT last_value FROM base_cache_signaling), (SELECT count(*) FROM orm_signaling_default)"
    ) == [(1, 1)]
    assert place.run("move", "--to", "db", "--set-location")[0]["changed"] is False


def test_refused_before_anything_is_touched(place):
    with pytest.raises(ConfigError, match="DISABLE_ATTACHMENT_STORAGE is on"):
        place.run("move", "--to", "s3", DISABLE_ATTACHMENT_STORAGE="1")
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID is not set"):
        place.run("move", "--to", "s3", AWS_BUCKETNAME="b")
    place.rows("UPDATE ir_module_module SET state = 'uninstalled' WHERE name = 'attachment_s3'")
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_BUCKETNAME": "bucket"}
    with pytest.raises(ConfigError, match="module attachment_s3 is not installed"):
        place.run("move", "--to", "s3", **keys)
    place.rows("INSERT INTO ir_config_parameter (key, value) VALUES ('ir_attachment.location', 'azure')")
    with pytest.raises(ConfigError, match="ir_attachment.location is 'azure': must be one of"):
        place.run("move")


def test_a_copy_does_not_touch_the_bucket_of_production(place):
    env = {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_BUCKETNAME": "acme-odoo-prod", "RUNNING_ENV": "labs-next",
    }  # fmt: skip
    for words in (["move", "--to", "file"], ["move", "--to", "s3", "--dry-run"], ["audit", "--repair"]):
        with pytest.raises(PlatformRefused, match="only prod may write to a bucket that begins with"):
            place.run(*words, **env)
    assert place.run("move", "--to", "file", **{**env, "AWS_BUCKETNAME": "acme-odoo-labs-next"})[1] == 0


def test_a_place_that_the_rules_refuse_is_told_before(place, capsys):
    place.add(b"content")
    env = {"RUNNING_ENV": "prod", "ODOO_CLOUD_PLATFORM_KIND": "exoscale"}
    for words in (["--dry-run"], []):
        place.run("move", "--to", "db", "--set-location", *words, **env)
        told = capsys.readouterr().err
        assert (
            "the next start will refuse the database: ir_attachment.location is 'db': in prod attachments of kind 'exoscale'"
            in told
        )
        assert "replicas without this disk" not in told
    place.run("move", "--to", "file", **env)
    assert "replicas without this disk can't show what is moved to local files" in capsys.readouterr().err
    place.run("move", "--to", "db", "--set-location", **{**env, "RUNNING_ENV": "test"})
    assert "WARNING" not in capsys.readouterr().err


def test_audit_and_repair(place):
    place.add(b"there")
    gone = place.add(b"gone")
    checksum = hashlib.sha1(b"gone").hexdigest()
    (place.folder / checksum[:2] / checksum).unlink()
    orphan = place.folder / "aa" / ("aa" + "1" * 38)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"nobody's")
    found, code = place.run("audit")
    assert (found["good"], code, found["counts"]["missing"], found["counts"]["orphans"]["file"]) == (False, 90, 1, 1)
    assert found["missing"][0]["id"] == gone
    found, code = place.run("audit", "--repair", "--dry-run", "--grace", "0")
    assert (found["changed"], found["repair"]["delete"], orphan.exists()) == (True, {"file": 1}, True)
    place.run("audit", "--repair")  # it is too young
    assert orphan.exists()
    place.add(b"gone", to="db")
    found, code = place.run("audit", "--repair", "--grace", "0")
    assert (found["good"], code, found["repair"]["brought_back"], orphan.exists()) == (True, 0, [gone], False)
    assert (place.folder / checksum[:2] / checksum).read_bytes() == b"gone"


def test_a_place_full_of_orphans_is_not_emptied(place):
    place.add(b"there")
    for number in range(20):
        name = hashlib.sha1(str(number).encode()).hexdigest()
        (place.folder / name[:2]).mkdir(exist_ok=True)
        (place.folder / name[:2] / name).write_bytes(b"x")
    found, dummy = place.run("audit", "--repair", "--grace", "0")
    assert len(place.files()) == 21
    assert "20 of 21 are orphans, more than 50 %" in found["kept"][0]
    place.run("audit", "--repair", "--grace", "0", "--orphan-limit", "100")
    assert len(place.files()) == 1


@pytest.fixture
def store(monkeypatch):
    """A store that speaks S3, and the variables that name it."""
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    dummy, port = server.get_host_and_port()
    values = {
        "AWS_HOST": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_BUCKETNAME": "acme-{db}",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    yield values
    server.stop()


def test_to_a_store_and_back(place, store):
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.store import s3

    for number in range(5):
        place.add(f"pdf {number}".encode())
    small = place.add(b"picture", "image/png")
    assert place.run("move", "--to", "s3", "--verify", "read", **store)[0]["moved"] == {
        "file -> s3": 5,
        "file -> db": 1,
    }
    bucket = f"acme-{place.name}"
    keys = {found.key for found in s3.listing(bucket)}
    assert {row[0] for row in place.rows("SELECT store_fname FROM ir_attachment WHERE id <> %s", small)} == {
        f"s3://{bucket}/{key}" for key in keys
    }
    # Another database's bucket is read, and never written or deleted in; its own objects are copied when that is asked for.
    other = {**store, "AWS_BUCKETNAME": "copy"}
    assert place.run("move", "--to", "s3", **other)[0]["attachments"] == 0
    assert place.run("move", "--to", "s3", "--foreign", **other)[0]["moved"] == {"s3 -> s3": 5}
    assert {found.key for found in s3.listing(bucket)} == keys == {found.key for found in s3.listing("copy")}
    # An object that its owner uploads just now is left.
    fname = f"s3://copy/{sorted(keys)[0]}"
    place.rows("SELECT pg_advisory_lock_shared(%s, %s)", object_store.LOCK_CLASS, object_store.lock_number(fname))
    found, dummy = place.run("move", "--to", "file", "--drain", "0", **other)
    assert (found["leftovers"]["delete"], [one.key for one in s3.listing("copy")]) == (1, [sorted(keys)[0]])
    place.rows("SELECT pg_advisory_unlock_all()")
    assert place.run("move", "--to", "file", **other)[0]["deleted"] == 1
    assert [*s3.listing("copy")] == []


def test_an_upload_that_only_others_name_is_looked_at_once_more(place, connect, store, monkeypatch):
    """Their row may go before our locks end, and who deletes it then leaves the object to us."""
    from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.store import s3

    number = place.add(b"content")
    fname = f"s3://acme-{place.name}/{hashlib.sha1(b'content').hexdigest()}"
    other = connect(place.name, user=place.owner)
    other.autocommit = False
    name, forget, found = mover.Mover.name, journal.Journal.forget, []

    def changed_meanwhile(self, cursor, groups):
        place.rows("UPDATE ir_attachment SET checksum = 'other' WHERE id = %s", number)
        place.rows("INSERT INTO ir_attachment (name, store_fname) VALUES ('theirs', %s)", fname)
        return name(self, cursor, groups)

    def deleted_at_last(self, cursor, kind, fnames):
        forget(self, cursor, kind, fnames)
        if kind == journal.UPLOAD and not found:
            place.rows("DELETE FROM ir_attachment WHERE name = 'theirs'")
            with other.cursor() as theirs:
                found.append(object_store.settle(theirs, [fname], pytest.fail))
            other.rollback()
            place.rows("DELETE FROM ir_attachment")

    monkeypatch.setattr(mover.Mover, "name", changed_meanwhile)
    monkeypatch.setattr(journal.Journal, "forget", deleted_at_last)
    place.run("move", "--to", "s3", **store)
    assert found == [object_store.Settled(busy=(fname,))]
    assert [*s3.listing(f"acme-{place.name}")] == []


def test_a_connection_that_breaks_is_made_anew(place, connect):
    for number in range(60):
        place.add(f"content {number}".encode())
    control, results = connect("postgres"), []
    moved = "SELECT count(*) FROM ir_attachment WHERE store_fname IS NULL"
    thread = threading.Thread(target=lambda: results.append(place.run("move", "--to", "db", "--batch", "1")))
    thread.start()
    ended = 0
    with control.cursor() as cursor:
        while thread.is_alive() and ended < 2:
            if place.rows(moved)[0][0] > 10 * (ended + 1):
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = %s AND application_name LIKE 'odoo-cloud attachments%%'", (place.name,),
                )  # fmt: skip
                ended += bool(cursor.fetchone()[0])
    thread.join(60)
    assert ended
    assert (place.rows(moved), place.files(), results[0][1]) == ([(60,)], [], 0)
