# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""While the database server is away, requests get 503 and keep their session, and the server's own
processes wait.

Odoo treats a database that can't be reached like one that doesn't exist: it logs the session out
and redirects the browser to the database selector. The two cases are distinguished where Odoo
connects (ConnectionPool.borrow), and where a statement fails because its connection is gone: within
a request both raise DatabaseUnavailable, which none of Odoo's own handlers mistakes for a missing
database. If the server reports that the database doesn't exist, Odoo handles it.
"""

import contextlib
import functools
import html
import json
import logging
import threading
import time

import psycopg2
from odoo import http, sql_db
from odoo.addons.odoo_cloud_compat import compat
from odoo.service import db as service_db
from odoo.service import server
from odoo.tools import config
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wrappers import Request, Response

_logger = logging.getLogger(__name__)

BROKEN = 2  # value of psycopg2's `connection.closed`; 1 means closed by ourselves
RETRY_AFTER = 2  # seconds
CONNECT_SECONDS = 3  # for connections that only test
CRON_SECONDS = 5
JSON_RPC = ("application/json", "application/json-rpc")
BODY_LIMIT = 1 << 20  # bytes of a JSON-RPC request whose id is read
TITLE = "The database is not available"
MESSAGE = "The database is not available right now. Please try again in a moment."
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>{refresh}
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font-family:sans-serif;max-width:36em;margin:20vh auto;padding:0 1em;color:#333}}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""

_serving = threading.local()  # `environ` of the request that this thread answers, and its `error`


class DatabaseUnavailable(ServiceUnavailable):
    """503 with Retry-After, in a form that the caller understands."""

    description = MESSAGE

    def __init__(self, environ=None):
        super().__init__()
        self.environ = environ

    @property
    def error_response(self):
        """The answer for Odoo 16 and later; 14 and 15 call the exception itself."""
        return self.get_response()

    @error_response.setter
    def error_response(self, value):
        """Ignored: 16 and 17 would set their own page here."""

    def get_response(self, environ=None, scope=None):
        """Return a page for browsers, an error for JSON-RPC, or the body of 19's /json/2."""
        environ = environ or self.environ or {}
        headers = {"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"}
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        error = {
            "name": "werkzeug.exceptions.ServiceUnavailable",
            "message": MESSAGE,
            "arguments": [MESSAGE, self.code],
            "context": {},
            "debug": "",
        }
        if environ.get("PATH_INFO", "").startswith("/json/"):
            body, kind = json.dumps(error), "application/json"
        elif kind in JSON_RPC:
            told = {"code": self.code, "message": f"{self.code}: {TITLE}", "data": error}
            body, kind = json.dumps({"jsonrpc": "2.0", "id": request_id(environ), "error": told}), "application/json"
        else:
            reads = environ.get("REQUEST_METHOD", "GET") in ("GET", "HEAD")
            refresh = f'<meta http-equiv="refresh" content="{RETRY_AFTER}">' if reads else ""
            text = "This page loads again by itself." if reads else "Nothing was saved. Please go back and try again."
            body, kind = PAGE.format(title=html.escape(TITLE), text=text, refresh=refresh), "text/html"
        return Response(body, status=self.code, headers=headers, content_type=f"{kind}; charset=utf-8")

    def get_headers(self, *args, **kwargs):
        """Return the headers of the exception with Retry-After."""
        return [*super().get_headers(*args, **kwargs), ("Retry-After", str(RETRY_AFTER))]


def request_id(environ):
    """Return the id of a JSON-RPC request, `None` if it can't be read any more."""
    try:
        if int(environ.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
            return None
        # The code that read the body before keeps it; the stream is at its end then.
        known = http.request.httprequest if http.request else environ.get("werkzeug.request") or Request(environ)
        return json.loads(known.get_data(cache=True)).get("id")
    except Exception:  # an answer without an id is better than none
        return None


# -- whether it is away ------------------------------------------------------------------------------------------------

_told = {"away": False}


def note(away, why=""):
    """Log a line when the server goes away, and one when it is back. `why`: the error."""
    if away and not _told["away"]:
        _logger.warning("The database is not available, requests get 503 until it is: %s", " ".join(str(why).split()))
    elif not away and _told["away"]:
        _logger.info("The database is available again")
    _told["away"] = away


def is_missing(info):
    """Whether the server answers and has no such database; `False` if that can't be determined.
    `info`: the connection parameters."""
    name = info.get("database") or info.get("dbname")
    if not name or name == "postgres":
        return not name  # other forms of address are not examined
    connection = None
    try:
        connection = psycopg2.connect(**{**info, "database": "postgres", "connect_timeout": CONNECT_SECONDS})
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", (name,))
            return cursor.fetchone() is None
    except psycopg2.Error:
        return False
    finally:
        if connection is not None:
            connection.close()


def why_away():
    """Return the error that prevents a connection to Odoo's database, `None` if there is none or if
    there is no such database."""
    info = sql_db.connection_info_for(compat.configured_database())[1]
    try:
        # Not from the pool, which processes that are started next would share.
        psycopg2.connect(**{**info, "connect_timeout": CONNECT_SECONDS}).close()
    except psycopg2.OperationalError as error:
        return None if is_missing(info) else error
    return None


# -- requests ----------------------------------------------------------------------------------------------------------


def answering():
    """Whether this thread answers a request. Scheduled actions and websockets have their own
    handlers."""
    return getattr(_serving, "environ", None) is not None


def unavailable(why):
    """Return the exception for this request, and remember it."""
    note(True, why)
    _serving.error = DatabaseUnavailable(_serving.environ)
    return _serving.error


def convert(error):
    """Return the answer for a request during which the server was away, whatever the error was
    turned into; `None` for other errors.

    Authentication turns it into AccessDenied and templates wrap it, so the whole chain of causes is
    searched. Without an error, one that this request met before counts.
    """
    if error is None:
        return getattr(_serving, "error", None)
    cause, seen = error, []
    while cause is not None and cause not in seen:
        if isinstance(cause, DatabaseUnavailable):
            return error if cause is error else DatabaseUnavailable(cause.environ)
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def patch_requests():
    """Let requests that meet a server that is away answer 503."""
    root_class = type(http.root)
    original = root_class.__call__

    @functools.wraps(original)
    def __call__(self, environ, start_response):
        _serving.environ, _serving.error = environ, None
        try:
            return original(self, environ, start_response)
        except Exception as error:
            # Up to 15 this includes errors raised when the cursor is closed, after the answer was
            # created.
            other = convert(error)
            if other is None:
                raise
            return other(environ, start_response)
        finally:
            _serving.environ = _serving.error = None

    root_class.__call__ = __call__
    compat.convert_request_errors(convert)


def patch_database():
    """Let Odoo's connections, statements and list of databases report a server that is away."""
    borrow = sql_db.ConnectionPool.borrow

    @functools.wraps(borrow)
    def borrow_or_tell(self, connection_info, *args, **kwargs):
        try:
            connection = borrow(self, connection_info, *args, **kwargs)
        except psycopg2.OperationalError as error:
            # Odoo uses the main server if a read-only replica is away.
            if not answering() or getattr(self, "_readonly", False) or is_missing(connection_info):
                raise
            raise unavailable(error) from error
        note(False)
        return connection

    sql_db.ConnectionPool.borrow = borrow_or_tell

    def telling(name):
        original = getattr(sql_db.Cursor, name)

        @functools.wraps(original)
        def call(self, *args, **kwargs):
            try:
                return original(self, *args, **kwargs)
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                if not answering() or self._cnx.closed != BROKEN:
                    raise
                raise unavailable(error) from error

        setattr(sql_db.Cursor, name, call)

    for name in ("execute", "commit", "rollback"):
        telling(name)

    list_dbs = service_db.list_dbs

    @functools.wraps(list_dbs)
    def list_or_tell(*args, **kwargs):
        found = list_dbs(*args, **kwargs)
        if not found and convert(None) is not None:  # Odoo returns an empty list for any error
            raise convert(None)
        return found

    service_db.list_dbs = list_or_tell


# -- the server's own processes ----------------------------------------------------------------------------------------


def patch_server():
    """Let the server's own processes wait for the database instead of ending."""
    cron_thread = server.ThreadedServer.cron_thread

    @functools.wraps(cron_thread)
    def cron_thread_again(self, number):
        while True:
            try:
                return cron_thread(self, number)
            except (psycopg2.Error, sql_db.PoolError) as error:
                # 15 and later listen on a connection in this thread, which would end with it, and
                # all scheduled actions with the thread.
                note(True, error)
            time.sleep(CRON_SECONDS + number / 10)

    server.ThreadedServer.cron_thread = cron_thread_again

    process_spawn = server.PreforkServer.process_spawn

    def lacks_any(master):
        http_lacks = config["http_enable"] and (
            len(master.workers_http) < master.population or not master.long_polling_pid
        )
        return http_lacks or len(master.workers_cron) < config["max_cron_threads"]

    @functools.wraps(process_spawn)
    def spawn_or_wait(self):
        """Before it starts a process, 19 connects to the database and ends if it can't; 15 and
        later start one cron process after another, each ending at once. The master calls this again
        every few seconds."""
        if not lacks_any(self):
            return
        why = why_away()
        if why is None:
            note(False)
            try:
                process_spawn(self)
                return
            except (psycopg2.OperationalError, psycopg2.InterfaceError, sql_db.PoolError) as error:
                why = why_away()
                if why is None and is_missing(sql_db.connection_info_for(compat.configured_database())[1]):
                    raise
                why = why or error
        note(True, why)
        # HTTP workers need no database to start, and inform visitors.
        while config["http_enable"] and len(self.workers_http) < self.population:
            self.worker_spawn(server.WorkerHTTP, self.workers_http)

    server.PreforkServer.process_spawn = spawn_or_wait


def post_load():
    """Called once in each process that loads the addon, before it serves requests."""
    if getattr(sql_db.ConnectionPool, "_odoo_cloud_outage", False):
        return
    sql_db.ConnectionPool._odoo_cloud_outage = True
    patch_database()
    patch_requests()
    with contextlib.suppress(AttributeError):  # other kinds of servers have their own processes
        patch_server()
