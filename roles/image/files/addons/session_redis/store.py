# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The session store. Plain Python: Odoo's own store is mixed in by `factory` (it provides rotation
and session ids)."""

import json
import logging
import os
import re
import time
from datetime import date, datetime

import redis
from werkzeug.exceptions import ServiceUnavailable

_logger = logging.getLogger(__name__)

IDENTIFIER = 42  # characters of a session id that don't change when it is rotated
CHUNK = 500
INDEX_SECONDS = 60  # for so long an index outlives its session
# For so long after a failure requests fail at once; longer if the failure itself took time.
REFUSED_SECONDS = 1.0
SILENT_SECONDS = 5.0
_IDENTIFIER_RE = re.compile(r"[A-Za-z0-9_-]{42}\Z")


class SessionStoreUnavailable(ServiceUnavailable):
    """Redis is away: 503 for any kind of request (JSON-RPC would answer 200)."""

    description = "The session store does not answer. Please try again in a moment."

    @property
    def error_response(self):
        """The answer for Odoo 16 and later; 14 and 15 call the exception itself."""
        return self.get_response()

    @error_response.setter
    def error_response(self, value):
        """Ignored: 16 and 17 set their own page here when it is raised in the middle of a request."""

    def get_headers(self, *args, **kwargs):
        """Return the headers of the exception with Retry-After."""
        return [*super().get_headers(*args, **kwargs), ("Retry-After", "2")]


class SessionEncoder(json.JSONEncoder):
    """JSON with the additional types in sessions, in the original addon's format."""

    def default(self, o):
        """Return a JSON value for an object of one of these types."""
        if isinstance(o, datetime):
            return {"_type": "datetime_isoformat", "value": o.isoformat()}
        if isinstance(o, date):
            return {"_type": "date_isoformat", "value": o.isoformat()}
        if isinstance(o, (set, frozenset)):
            return {"_type": "set", "value": list(o)}
        return super().default(o)


def _revive(found):
    kind, value = found.get("_type"), found.get("value")
    if kind == "datetime_isoformat":
        return datetime.fromisoformat(value)
    if kind == "date_isoformat":
        return datetime.fromisoformat(value).date()
    if kind == "set":
        return set(value)
    return found


def encode(data):
    """Return a session's data as it is stored."""
    return json.dumps(dict(data), cls=SessionEncoder).encode("utf-8")


def decode(raw):
    """Return the data that `encode()` was given. Raises `ValueError` for anything else."""
    data = json.loads(raw, object_hook=_revive)
    if not isinstance(data, dict):
        raise ValueError("not a session")
    return data


class RedisSessionStore:
    """To be mixed in before the FilesystemSessionStore of werkzeug or Odoo."""

    def configure(
        self,
        client,
        prefix="",
        expiration=604800,
        expiration_anonymous=3600,
        file_store=None,
        devices=False,
        repair=None,
        deletion_timer=120,
    ):
        """Set the store up; called once, right after it was created.

        - `client`: the Redis client
        - `prefix`: part of all keys
        - `expiration`, `expiration_anonymous`: seconds for which unused sessions are kept
        - `file_store`: Odoo's own store, whose sessions are imported
        - `devices`: also record which sessions belong together (18 and later ask for it)
        - `repair`: called with the data of a session that was read
        - `deletion_timer`: seconds for which a session remains valid after its rotation
        """
        self.redis = client
        # The originals' form: two colons before a prefix, one without.
        self.prefix = f"session::{prefix}:" if prefix else "session:"
        self.expiration = expiration
        self.expiration_anonymous = expiration_anonymous
        self.file_store = file_store
        self.devices = devices
        self.repair = repair or (lambda data: data)
        self.deletion_timer = deletion_timer
        self._down_until = 0.0
        self._down = False

    # -- Redis

    def _call(self, function):
        """Returns `function(client)`; raises 503 if Redis doesn't answer, and for a moment after
        that without asking it."""
        if time.monotonic() < self._down_until:
            raise SessionStoreUnavailable()
        try:
            result = function(self.redis)
        except redis.exceptions.RedisError as error:
            silent = isinstance(error, redis.exceptions.TimeoutError)
            self._down_until = time.monotonic() + (SILENT_SECONDS if silent else REFUSED_SECONDS)
            if not self._down:
                _logger.error("Redis can't be used for sessions: %s", error)
            self._down = True
            raise SessionStoreUnavailable() from error
        if self._down:
            _logger.info("Redis can be used for sessions again")
            self._down = False
        return result

    def build_key(self, sid):
        """Return the key of a session."""
        return f"{self.prefix}{sid}"

    def _index_key(self, identifier):
        """The key of the set of all session ids with this beginning. No session id contains a colon."""
        return f"{self.prefix}index:{identifier}"

    def lifetime(self, session):
        """Return for how many seconds an unused session is kept."""
        own = session.get("expiration")
        if isinstance(own, (int, float)) and not isinstance(own, bool) and own >= 1:
            return int(own)
        return self.expiration if session.get("uid") else self.expiration_anonymous

    def _write(self, pipe, session, lifetime, **options):
        pipe.set(self.build_key(session.sid), encode(session), ex=lifetime, **options)
        if self.devices:
            self._note(pipe, session.sid, lifetime)

    def _note(self, pipe, sid, lifetime):
        index = self._index_key(sid[:IDENTIFIER])
        pipe.sadd(index, sid)
        # As long as the session in it that lives longest: a new key has no end yet, which counts as
        # longer than any.
        pipe.expire(index, lifetime + INDEX_SECONDS, nx=True)
        pipe.expire(index, lifetime + INDEX_SECONDS, gt=True)

    # -- the interface of a store

    def save(self, session):
        """Store a session. Raises `SessionStoreUnavailable`."""
        lifetime = self.lifetime(session)

        def write(client):
            pipe = client.pipeline(transaction=False)
            self._write(pipe, session, lifetime)
            pipe.execute()

        self._call(write)

    def delete(self, session):
        """Delete a session. Raises `SessionStoreUnavailable`."""

        def remove(client):
            pipe = client.pipeline(transaction=False)
            pipe.delete(self.build_key(session.sid))
            if self.devices:
                pipe.srem(self._index_key(session.sid[:IDENTIFIER]), session.sid)
            pipe.execute()

        if self.file_store is not None and self.is_valid_key(session.sid):
            self.file_store.delete(session)  # otherwise it would be imported again
        self._call(remove)

    def get(self, sid):
        """Return the session with this id, a new one if there is none. Raises
        `SessionStoreUnavailable`."""
        if not self.is_valid_key(sid):
            return self.new()
        key = self.build_key(sid)

        def read(client):
            pipe = client.pipeline(transaction=False)
            pipe.get(key)
            pipe.ttl(key)
            return pipe.execute()

        raw, left = self._call(read)
        if raw is None:
            return self._import_one(sid) or self.new()
        try:
            data = self.repair(decode(raw))
        except ValueError:
            _logger.warning("A session in Redis can't be read and is taken for a new one")
            return self.new()
        session = self.session_class(data, sid, False)
        self._prolong(session, left)
        return session

    def _prolong(self, session, left):
        """Extends a session in use: when half of its lifetime is over, it gets all of it again."""
        lifetime = self.lifetime(session)
        if left >= lifetime / 2 or session.get("deletion_time") or session.get("expiration"):
            return

        def prolong(client):
            pipe = client.pipeline(transaction=False)
            pipe.expire(self.build_key(session.sid), lifetime)
            if self.devices:
                self._note(pipe, session.sid, lifetime)
            pipe.execute()

        self._call(prolong)

    def list(self):
        """Return all session ids of this prefix."""
        found = self._call(lambda client: list(client.scan_iter(match=f"{self._pattern()}*", count=1000)))
        ids = (key.decode("utf-8")[len(self.prefix) :] for key in found)
        return [sid for sid in ids if self.is_valid_key(sid)]

    def _pattern(self):
        return re.sub(r"([*?\[\]\\^])", r"\\\1", self.prefix)

    def vacuum(self, *args, **kwargs):
        """Do nothing, because old sessions expire by themselves."""

    # -- devices (18 and later)

    def _sessions_of(self, identifiers):
        """The session ids of each identifier.

        Sessions that another addon wrote are not in the index; then Redis is searched, if this user
        may do that.
        """
        identifiers = list(identifiers)

        def members(client):
            result = []
            for start in range(0, len(identifiers), CHUNK):
                pipe = client.pipeline(transaction=False)
                for identifier in identifiers[start : start + CHUNK]:
                    pipe.smembers(self._index_key(identifier))
                result += pipe.execute()
            return result

        found = {
            identifier: {sid.decode("utf-8") for sid in sids}
            for identifier, sids in zip(identifiers, self._call(members))
        }
        unknown = {identifier for identifier, sids in found.items() if not sids}
        if unknown:
            for sid in self._search():
                if sid[:IDENTIFIER] in unknown:
                    found[sid[:IDENTIFIER]].add(sid)
        return found

    def _search(self):
        try:
            keys = list(self.redis.scan_iter(match=f"{self._pattern()}*", count=1000))
        except redis.exceptions.NoPermissionError:
            return []
        except redis.exceptions.RedisError as error:
            raise SessionStoreUnavailable() from error
        ids = (key.decode("utf-8")[len(self.prefix) :] for key in keys)
        return [sid for sid in ids if self.is_valid_key(sid)]

    def get_missing_session_identifiers(self, identifiers):
        """Return those of the identifiers (beginnings of session ids) that have no session any more."""
        found = self._sessions_of(set(identifiers))
        pairs = [(identifier, sid) for identifier, sids in found.items() for sid in sids]

        def exist(client):
            result = []
            for start in range(0, len(pairs), CHUNK):
                pipe = client.pipeline(transaction=False)
                for _identifier, sid in pairs[start : start + CHUNK]:
                    pipe.exists(self.build_key(sid))
                result += pipe.execute()
            return result

        alive = {identifier for (identifier, _sid), there in zip(pairs, self._call(exist)) if there}
        missing = set(found) - alive
        if missing and self.file_store is not None:
            missing = set(self.file_store.get_missing_session_identifiers(missing))
        return missing

    def delete_from_identifiers(self, identifiers, keep=None):
        """Delete all sessions that begin with one of the identifiers, except `keep`. Raises
        `ValueError` for an invalid identifier."""
        identifiers = list(identifiers)
        if not all(isinstance(one, str) and _IDENTIFIER_RE.match(one) for one in identifiers):
            raise ValueError("Identifier format incorrect, did you pass in a string instead of a list?")
        found = self._sessions_of(identifiers)
        if self.file_store is not None:
            self.file_store.delete_from_identifiers(identifiers)

        def remove(client):
            pipe = client.pipeline(transaction=False)
            for identifier, sids in found.items():
                for sid in sids - {keep}:
                    pipe.delete(self.build_key(sid))
                    pipe.srem(self._index_key(identifier), sid)
            pipe.execute()

        self._call(remove)

    def delete_old_sessions(self, session):
        """Delete, after a rotation, the sessions before this one. (Odoo's own method deletes this
        one too and writes it again.)"""
        if "gc_previous_sessions" not in session:
            return
        if session["create_time"] + self.deletion_timer < time.time():
            self.delete_from_identifiers([session.sid[:IDENTIFIER]], keep=session.sid)
            del session["gc_previous_sessions"]
            self.save(session)

    # -- sessions of Odoo's own store

    def _file_age(self, sid):
        try:
            return time.time() - os.path.getmtime(self.file_store.get_session_filename(sid))
        except OSError:
            return None

    def _read_file(self, sid):
        """The session in Odoo's own store and its remaining seconds, or nothing."""
        age = self._file_age(sid)
        if age is None:
            return None, 0
        session = self.file_store.get(sid)
        if session.sid != sid or not dict(session):
            return None, 0
        return session, int(self.lifetime(session) - age)

    def _import_one(self, sid):
        if self.file_store is None:
            return None
        session, left = self._read_file(sid)
        if session is None:
            return None
        if left < 1 or not self._import([(session, left)]):
            return None
        return session

    def _import(self, sessions):
        """Imports (session, seconds left) pairs and returns how many.

        The session is written to Redis before the file is removed, so that a kill in between loses
        nothing. If the file can't be removed, the session is not imported, because the file would
        restore it after a logout.
        """

        def write(client):
            pipe = client.pipeline(transaction=False)
            for session, left in sessions:
                self._write(pipe, session, left, nx=True)
            pipe.execute()

        self._call(write)
        kept = []
        for session, _left in sessions:
            self.file_store.delete(session)
            if self._file_age(session.sid) is not None:
                kept.append(session)
        if kept:
            _logger.warning("%d session files can't be removed and are not taken over", len(kept))
            self._call(lambda client: client.delete(*(self.build_key(session.sid) for session in kept)))
        return len(sessions) - len(kept)

    def _file_ids(self):
        """The session ids of Odoo's own store: flat up to 15, later in folders by their first
        letters."""
        for _folder, _folders, names in os.walk(self.file_store.path):
            for name in names:
                sid = re.sub(r"\Awerkzeug_|\.sess\Z", "", name)
                if self.is_valid_key(sid):
                    yield sid

    def import_files(self, seconds):
        """Import the sessions of Odoo's own store for up to `seconds` seconds; the rest is imported
        when their owners return. Returns how many were imported."""
        started = time.monotonic()
        done, batch, ended = 0, [], False
        try:
            for sid in self._file_ids():
                ended = time.monotonic() - started > seconds
                if ended:
                    break
                session, left = self._read_file(sid)
                if session is not None and left >= 1:
                    batch.append((session, left))
                if len(batch) >= CHUNK:
                    done += self._import(batch)
                    batch = []
            if batch:
                done += self._import(batch)
        except SessionStoreUnavailable:
            _logger.warning("Session files are taken over later: Redis does not answer")
        if done:
            _logger.info("%d session files taken over into Redis%s", done, ", the rest follows" if ended else "")
        return done
