# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""What Odoo 14 to 19 do differently. Every difference that the cloud addons have to know is here."""

import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
import threading

from odoo import http, release, sql_db
from odoo.modules import registry
from odoo.tools import config

Registry = registry.Registry  # at this place in all versions
SERIES = release.version_info[0]
SERIES = int(SERIES.split("~")[-1]) if isinstance(SERIES, str) else SERIES  # "saas~18"

# 18 identifies a device by the first characters of its session id, and may ask the store for them.
DEVICE_SESSIONS = SERIES >= 18
# Seconds for which a session remains valid after its rotation (19 and later rotate).
SESSION_DELETION_TIMER = getattr(http, "SESSION_DELETION_TIMER", 120)


# -- sessions ----------------------------------------------------------------------------------------------------------


def session_store():
    """Return the store that Odoo uses now: its own, unless it was replaced."""
    return http.root.session_store


def set_session_store(store):
    """Make `store` the session store of this process.

    `session_store` is a property that is computed once (lazy_property, from 19 on
    functools.cached_property); an attribute of the instance overrides either.
    """
    http.root.session_store = store


def answer_with(exception_class):
    """Let exceptions of this class, which is a WSGI application, become the answer wherever they
    are raised.

    16 and later use the exception's `error_response`. Up to 15 a wrapper around start_response
    loads the session again while the answer to the first failure is sent, so the exception is
    caught outside of everything.
    """
    root_class = type(http.root)
    if SERIES >= 16 or getattr(root_class, "_odoo_cloud_answers", False):
        return
    original = root_class.__call__

    def __call__(self, environ, start_response):
        try:
            return original(self, environ, start_response)
        except exception_class as error:
            return error(environ, start_response)

    root_class.__call__ = __call__
    root_class._odoo_cloud_answers = True


def repair_session(data):
    """Undo what JSON did to a session's data, and return it.

    Up to 15 the numbers of the saved actions are keys of a dictionary, which JSON turns into
    strings.
    """
    actions = data.get("saved_actions")
    if isinstance(actions, dict) and isinstance(actions.get("actions"), dict):
        actions["actions"] = {
            int(key) if isinstance(key, str) and key.isdigit() else key: value
            for key, value in actions["actions"].items()
        }
    return data


# -- database ----------------------------------------------------------------------------------------------------------


def cursor_like(cursor):
    """Return a new cursor with the same database, pool and isolation: up to 15 the isolation can be
    chosen, from 18 on a read-only pool."""
    pool = cursor._Cursor__pool
    only_reads = {"readonly": True} if getattr(pool, "readonly", False) else {}
    isolation = {"serialized": cursor._serialized} if hasattr(cursor, "_serialized") else {}
    return sql_db.db_connect(cursor.dbname, **only_reads).cursor(**isolation)


def convert_request_errors(convert):
    """Call `convert(error)` for each error that Odoo is about to turn into an answer; its result
    (an exception that is a WSGI application, or `None`) is raised instead.

    16 and later do all of a request's work in retrying() and around it in _serve_db(). 14 and 15
    turn errors into answers in many places (including addons), so answers are examined too:
    `convert(None)` is called for each failed one.
    """

    def converting(owner, name):
        original = getattr(owner, name)

        @functools.wraps(original)
        def call(*args, **kwargs):
            try:
                return original(*args, **kwargs)
            except Exception as error:
                other = convert(error)
                if other is None or other is error:
                    raise
                raise other from error

        setattr(owner, name, call)

    def handling(owner):
        original = owner._handle_exception

        @functools.wraps(original)
        def _handle_exception(self, exception):
            other = convert(exception)
            if other is None:
                return original(self, exception)
            self._failed = exception  # so that nothing is committed
            raise other

        owner._handle_exception = _handle_exception

    if hasattr(getattr(http, "Request", None), "_serve_db"):
        from odoo.service import model

        converting(model, "retrying")
        converting(http.Request, "_serve_db")
        return
    handling(http.JsonRequest)
    handling(http.HttpRequest)
    root_class = type(http.root)
    original = root_class.get_response

    @functools.wraps(original)
    def get_response(self, httprequest, result, explicit_session):
        response = original(self, httprequest, result, explicit_session)
        other = convert(None) if status_code(response) >= 500 else None
        if other is not None:
            raise other
        return response

    root_class.get_response = get_response


def configured_database():
    """Return the first database of the configuration (a text up to 18, a list from 19 on), else
    `postgres`."""
    names = config["db_name"]
    names = names.split(",") if isinstance(names, str) else list(names or ())
    return names[0].strip() if names and names[0] else "postgres"


# -- records and transactions ------------------------------------------------------------------------------------------


def flush(records):
    """Write pending changes to the database."""
    if SERIES >= 16:
        records.env.flush_all()
    else:
        records.flush()


def invalidate(records):
    """Drop cached values of this model, because contents are large."""
    if SERIES >= 16:
        records.env[records._name].invalidate_model(flush=False)
    else:
        records.invalidate_cache()


def clear_caches(env):
    """Drop what Odoo caches for longer than a transaction (parameters)."""
    if SERIES >= 17:
        env.registry.clear_cache()
    else:
        env.registry.clear_caches()


def in_test():
    """Whether a test is running, whose transaction must stay open."""
    if SERIES >= 19:
        from odoo import modules

        return bool(modules.module.current_test)
    return bool(config["test_enable"] or getattr(threading.current_thread(), "testing", False))


def commit(env):
    """Commit a part of long work, but not in a test."""
    if in_test():
        flush(env["base"])
    else:
        env.cr.commit()  # pylint: disable=unknown-option-value,invalid-commit


@contextlib.contextmanager
def new_cursor(dbname):
    """Yield a cursor on a separate connection, also in tests."""
    cr = sql_db.db_connect(dbname).cursor()
    try:
        yield cr
    finally:
        cr.close()


def is_updating():
    """Whether the registry is being loaded to install or update modules. Only load_modules() knows
    that, so its frame is inspected."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "load_modules" and "update_module" in frame.f_locals:
            return bool(frame.f_locals["update_module"])
        frame = frame.f_back
    return False


def remove_file(path):
    """Remove a local file, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


# -- downloads ---------------------------------------------------------------------------------------------------------

# 16 and later send files as a Stream; older versions load every file into memory, twice.
Stream = getattr(http, "Stream", None)


def request_environ():
    """Return the WSGI environment of the current request, empty if there is none."""
    return http.request.httprequest.environ if http.request else {}


def request_path():
    """Return the path of the current request, empty if there is none."""
    return http.request.httprequest.path if http.request else ""


def object_streams(make):
    """Call `make(attachment)` first where 16 and 17 create the stream of an attachment, which is
    outside of its model."""
    original = getattr(Stream, "from_attachment", None)
    if original is None or SERIES >= 18 or getattr(Stream, "_odoo_cloud", False):
        return

    def from_attachment(cls, attachment):
        return make(attachment) or original.__func__(cls, attachment)

    Stream.from_attachment = classmethod(from_attachment)
    Stream._odoo_cloud = True


def base_url():
    """Return the address of the server of an HttpCase."""
    return f"http://127.0.0.1:{config['http_port']}"


def png(width, height):
    """Return a PNG image of noise, for tests. `width`, `height`: pixels."""
    import io

    from PIL import Image

    picture = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(picture, "PNG")
    return picture.getvalue()


# -- requests ----------------------------------------------------------------------------------------------------------


def middleware(around):
    """Wrap all of Odoo: `around(application, environ, start_response)` returns what is sent.

    The class is changed and not an attribute of odoo.service, because Odoo uses `http.root` itself
    as its application.
    """
    root_class = type(http.root)
    original = root_class.__call__

    def __call__(self, environ, start_response):
        return around(functools.partial(original, self), environ, start_response)

    root_class.__call__ = __call__


def request_database():
    """Return the database of the current request, or `None`."""
    return http.request.db or None


def request_cursor():
    """Return the cursor of the current request (which must have a database)."""
    return http.request.env.cr


def request_uid():
    """Return the user's id of the current request, or `None`."""
    return http.request.session.uid if http.request.session else None


def request_params():
    """Return the parameters of the current request, empty while there are none."""
    params = getattr(http.request, "params", None)
    return params if isinstance(params, dict) else {}


def status_code(result):
    """Return the HTTP status of the result of ir.http._dispatch(): a response, or something that
    becomes one."""
    return getattr(result, "status_code", None) or getattr(result, "code", None) or 200


# -- modules -----------------------------------------------------------------------------------------------------------


class _OpenerpFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes `openerp.addons.x` an alias of `odoo.addons.x`. Odoo 14 does that itself."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname == "openerp" or fullname.startswith("openerp."):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        module = importlib.import_module("odoo" + spec.name[len("openerp") :])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        """The module was executed under its own name, and keeps it."""
        module.__spec__ = module.__spec__.loader_state


def alias_openerp():
    """Make the old import path of addons work, unless Odoo does so itself (14)."""
    if not any(type(finder).__name__ in ("OdooHook", "_OpenerpFinder") for finder in sys.meta_path):
        sys.meta_path.insert(0, _OpenerpFinder())
