# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Tests against a real Redis, that of the environment. Skipped if ODOO_SESSION_REDIS is off."""

import contextlib
import json
import os
import socket
import time

from odoo.addons.odoo_cloud_compat import compat, settings
from odoo.addons.odoo_cloud_compat.testing import environ, log_in
from odoo.tests.common import HttpCase, tagged
from odoo.tools import mute_logger

from .. import connection, factory, hooks
from ..store import RedisSessionStore, SessionStoreUnavailable


@tagged("post_install", "-at_install")
class TestSessionRedis(HttpCase):
    def setUp(self):
        super().setUp()
        if not settings.is_true("ODOO_SESSION_REDIS"):
            self.skipTest("ODOO_SESSION_REDIS is off")
        self.store = compat.session_store()
        self.client = self.store.redis

    def _sid(self):
        return self.session.sid

    def _me(self):
        """The user that Odoo reports for this session."""
        return self.url_open(
            "/web/session/get_session_info",
            data=json.dumps({"jsonrpc": "2.0", "method": "call", "params": {}}),
            headers={"Content-Type": "application/json"},
        )

    def test_store_is_in_place(self):
        self.assertIsInstance(self.store, RedisSessionStore)

    def test_wrong_settings_end_the_process(self):
        """Odoo itself would only log the error, and continue with files."""
        wrong = {"ODOO_SESSION_REDIS_SENTINEL_HOST": "a", "ODOO_SESSION_REDIS_SENTINEL_MASTER_NAME": None}
        compat.set_session_store(self.store.file_store)
        try:
            with environ(**wrong), mute_logger(hooks.__name__), self.assertRaises(SystemExit) as caught:
                hooks.post_load()
        finally:
            compat.set_session_store(self.store)
        self.assertEqual(caught.exception.code, 78)

    def test_login_lives_in_redis(self):
        log_in(self)
        me = self._me().json()
        self.assertEqual(me["result"]["username"], "admin")
        key = self.store.build_key(self._sid())
        data = json.loads(self.client.get(key))
        self.assertEqual(data["login"], "admin")
        self.assertAlmostEqual(self.client.ttl(key), self.store.expiration, delta=60)

    def test_anonymous_lives_shorter(self):
        session = self._new()
        left = self.client.ttl(self.store.build_key(session.sid))
        self.assertAlmostEqual(left, self.store.expiration_anonymous, delta=60)
        session["expiration"] = 1
        self.store.save(session)
        self.assertLessEqual(self.client.ttl(self.store.build_key(session.sid)), 1)

    def test_logout_deletes(self):
        log_in(self)
        sid = self._sid()
        self.assertTrue(self.client.exists(self.store.build_key(sid)))
        self.url_open("/web/session/logout")
        self.assertFalse(self.client.exists(self.store.build_key(sid)))

    def test_time_is_prolonged_by_use(self):
        session = self._new(uid=2, login="x")
        key = self.store.build_key(session.sid)
        self.client.expire(key, 100)
        self.store.get(session.sid)
        self.assertAlmostEqual(self.client.ttl(key), self.store.expiration, delta=60)
        self.client.persist(key)  # as a crash between SET and EXPIRE left it
        self.store.get(session.sid)
        self.assertAlmostEqual(self.client.ttl(key), self.store.expiration, delta=60)

    def _new(self, store=None, **values):
        store = store or self.store
        session = store.new()
        for name, value in values.items():
            session[name] = value
        store.save(session)
        self.addCleanup(self.store.delete, session)
        return session

    def test_file_session_is_taken_over_once(self):
        files = self.store.file_store
        log_in(self)
        session = self.store.get(self._sid())
        self.store.delete(session)
        files.save(session)
        name = files.get_session_filename(session.sid)
        self.assertTrue(os.path.exists(name))
        self.assertEqual(self._me().json()["result"]["username"], "admin")
        self.assertFalse(os.path.exists(name))
        self.assertTrue(self.client.exists(self.store.build_key(session.sid)))

    def test_files_are_taken_over_at_start(self):
        files = self.store.file_store
        sids = []
        for number in range(1000):
            session = files.new()
            session["uid"] = session["number"] = number + 1
            files.save(session)
            sids.append(session.sid)
        old = files.new()
        old["uid"] = 1
        files.save(old)
        os.utime(files.get_session_filename(old.sid), (1, 1))
        self.addCleanup(files.delete, old)
        self.assertEqual(self.store.import_files(60), 1000)
        pipe = self.client.pipeline(transaction=False)
        for number, sid in enumerate(sids):
            self.assertEqual(self.store.get(sid)["number"], number + 1)
            self.assertFalse(os.path.exists(files.get_session_filename(sid)))
            pipe.delete(self.store.build_key(sid))
        pipe.execute()
        self.assertNotEqual(self.store.get(old.sid).sid, old.sid)

    def test_file_that_stays_is_not_taken_over(self):
        class Stubborn(type(self.store.file_store)):
            def delete(self, session):
                pass

        files = Stubborn(self.store.path, session_class=self.store.session_class, renew_missing=True)
        store = factory.make_store(files)
        session = files.new()
        session["uid"] = 2
        files.save(session)
        self.addCleanup(os.unlink, files.get_session_filename(session.sid))
        self.assertNotEqual(store.get(session.sid).sid, session.sid)
        self.assertFalse(self.client.exists(self.store.build_key(session.sid)))

    @contextlib.contextmanager
    def _away(self):
        """Nothing listens at the address of Redis."""
        good = self.store.redis
        where = connection.load(dict(os.environ, ODOO_SESSION_REDIS_HOST="127.0.0.1", ODOO_SESSION_REDIS_PORT="1"))
        self.store.redis = connection.connect(where)
        try:
            with mute_logger("odoo.addons.session_redis.store"):
                yield
        finally:
            self.store.redis = good
            self.store._down_until = 0

    def test_away_is_503_and_heals(self):
        log_in(self)
        begin = time.monotonic()
        with self._away():
            for path in ("/web/login", "/web"):
                answer = self.url_open(path)
                self.assertEqual(answer.status_code, 503, path)
                self.assertEqual(answer.headers["Retry-After"], "2")
            self.assertEqual(self._me().status_code, 503)
        self.assertLess(time.monotonic() - begin, 2)
        self.assertEqual(self._me().json()["result"]["username"], "admin")

    def test_away_while_a_request_is_worked_on(self):
        """Also 503 if the session was read and can't be written."""
        log_in(self)

        def away(session, *args):
            raise SessionStoreUnavailable()

        self.store.save = away
        try:
            self.assertEqual(self.url_open("/web/session/logout", allow_redirects=False).status_code, 503)
        finally:
            del self.store.save

    def test_silent_server_costs_seconds_only(self):
        """A server that accepts the connection and sends nothing."""
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(50)
            where = connection.load(
                dict(
                    os.environ,
                    ODOO_SESSION_REDIS_HOST="127.0.0.1",
                    ODOO_SESSION_REDIS_PORT=str(silent.getsockname()[1]),
                    ODOO_SESSION_REDIS_TIMEOUT="0.3",
                )
            )
            store = factory.make_store(self.store.file_store, where)
            begin = time.monotonic()
            with mute_logger("odoo.addons.session_redis.store"):
                for _turn in range(20):
                    with self.assertRaises(SessionStoreUnavailable):
                        store.get(self.store.generate_key())
            self.assertLess(time.monotonic() - begin, 2)


@tagged("post_install", "-at_install")
class TestDevices(HttpCase):
    """18 and later ask the store about devices; 19 rotates."""

    def setUp(self):
        super().setUp()
        if not settings.is_true("ODOO_SESSION_REDIS"):
            self.skipTest("ODOO_SESSION_REDIS is off")
        if not compat.DEVICE_SESSIONS:
            self.skipTest("no devices in this version of Odoo")
        self.store = compat.session_store()

    def _new(self):
        session = self.store.new()
        session["uid"] = 2
        self.store.save(session)
        self.addCleanup(self.store.delete, session)
        return session

    def test_missing(self):
        session, gone = self._new(), self._new()
        self.store.delete(gone)
        self.assertEqual(self.store.get_missing_session_identifiers([session.sid[:42], gone.sid[:42]]), {gone.sid[:42]})

    def test_delete_from_identifiers(self):
        session, other = self._new(), self._new()
        with self.assertRaises(ValueError):
            self.store.delete_from_identifiers("*")
        self.store.delete_from_identifiers([session.sid[:42]])
        self.assertNotEqual(self.store.get(session.sid).sid, session.sid)
        self.assertEqual(self.store.get(other.sid).sid, other.sid)

    def test_rotation(self):
        if not hasattr(type(self.store), "delete_old_sessions") or compat.SERIES < 19:
            self.skipTest("no rotation in this version of Odoo")
        log_in(self)
        session = self.store.get(self.opener.cookies["session_id"])
        first = session.sid
        session["create_time"] = time.time() - 4 * 3600
        self.store.save(session)
        for _turn in range(3):
            self.assertEqual(
                self.url_open(
                    "/web/session/modules", data="{}", headers={"Content-Type": "application/json"}
                ).status_code,
                200,
            )
        second = self.opener.cookies["session_id"]
        self.assertNotEqual(first, second)
        self.assertEqual(first[:42], second[:42])
        self.assertEqual(self.store.get(first)["next_sid"], second)  # for requests that are still in progress
        session = self.store.get(second)
        session["create_time"] -= 121
        self.store.save(session)
        self.url_open("/web/session/modules", data="{}", headers={"Content-Type": "application/json"})
        self.assertEqual(self.opener.cookies["session_id"], second)
        self.assertNotIn("gc_previous_sessions", self.store.get(second))
        self.assertNotEqual(self.store.get(first).sid, first)
