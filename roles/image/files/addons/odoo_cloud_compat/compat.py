# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""What Odoo 14 to 19 do differently. Every difference that the cloud addons must know stands here and nowhere else."""

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

# 18 tells a device by the first characters of its session id, and may ask the store for them.
DEVICE_SESSIONS = SERIES >= 18
# Seconds that a session lives on after its rotation (19 and later rotate).
SESSION_DELETION_TIMER = getattr(http, "SESSION_DELETION_TIMER", 120)


# -- sessions ----------------------------------------------------------------------------------------------------------


def session_store():
    """The store that Odoo uses now: of its own making, as long as nobody put another one in its place."""
    return http.root.session_store


def set_session_store(store):
    """Make ``store`` the session store of this process.

    ``session_store`` is a property that is computed once (lazy_property, from 19 on functools.cached_property): both
    let an attribute of the instance win.
    """
    http.root.session_store = store


def answer_with(exception_class):
    """An exception of this class, which is a WSGI application, becomes the answer wherever it is raised.

    16 and later ask the exception for its ``error_response``. Up to 15 a wrapper around start_response loads the
    session once more while the answer to the first failure is sent; so it is caught outside of everything.
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
    """What JSON did to a session's data, undone.

    Up to 15 the numbers of the saved actions are keys of a dictionary; JSON makes strings of them.
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
    """A new cursor of the same database, pool and isolation: up to 15 that one can be chosen, from 18 on a pool that only reads."""
    pool = cursor._Cursor__pool
    only_reads = {"readonly": True} if getattr(pool, "readonly", False) else {}
    isolation = {"serialized": cursor._serialized} if hasattr(cursor, "_serialized") else {}
    return sql_db.db_connect(cursor.dbname, **only_reads).cursor(**isolation)


def convert_request_errors(convert):
    """``convert(error)`` is asked about each error that Odoo is about to turn into an answer; what it gives (an exception
    that is a WSGI application, or None) is raised instead.

    16 and later do all of a request's work in retrying() and around it in _serve_db(). 14 and 15 make answers of errors in
    many places (addons too), so the answers are looked at as well: ``convert(None)`` is asked about one that failed.
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
            self._failed = exception  # nothing is committed
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
    """The first database of the configuration (a text up to 18, a list from 19 on), else the one that is always there."""
    names = config["db_name"]
    names = names.split(",") if isinstance(names, str) else list(names or ())
    return names[0].strip() if names and names[0] else "postgres"


# -- records and transactions ------------------------------------------------------------------------------------------


def flush(records):
    """Write to the database what is waiting."""
    if SERIES >= 16:
        records.env.flush_all()
    else:
        records.flush()


def invalidate(records):
    """Forget what was read of this model: contents are large."""
    if SERIES >= 16:
        records.env[records._name].invalidate_model(flush=False)
    else:
        records.invalidate_cache()


def clear_caches(env):
    """Forget what Odoo keeps for longer than a transaction (parameters)."""
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
    """Commit a part of a long piece of work, but not in a test."""
    if in_test():
        flush(env["base"])
    else:
        env.cr.commit()  # pylint: disable=unknown-option-value,invalid-commit


@contextlib.contextmanager
def new_cursor(dbname):
    """A cursor on a connection of its own, also in tests."""
    cr = sql_db.db_connect(dbname).cursor()
    try:
        yield cr
    finally:
        cr.close()


def is_updating():
    """Whether the registry is being loaded to install or update modules. Only load_modules() knows."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "load_modules" and "update_module" in frame.f_locals:
            return bool(frame.f_locals["update_module"])
        frame = frame.f_back
    return False


def remove_file(path):
    """A local file goes, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


# -- downloads ---------------------------------------------------------------------------------------------------------

# 16 and later send files as a Stream; before that every file goes through memory, twice.
Stream = getattr(http, "Stream", None)


def request_environ():
    """The WSGI environment of the request that is being answered, {} if there is none."""
    return http.request.httprequest.environ if http.request else {}


def request_path():
    """The path that is being asked for, '' if there is no request."""
    return http.request.httprequest.path if http.request else ""


def object_streams(make):
    """16 and 17 make the stream of an attachment outside of its model: ``make(attachment)`` comes first there."""
    original = getattr(Stream, "from_attachment", None)
    if original is None or SERIES >= 18 or getattr(Stream, "_odoo_cloud", False):
        return

    def from_attachment(cls, attachment):
        return make(attachment) or original.__func__(cls, attachment)

    Stream.from_attachment = classmethod(from_attachment)
    Stream._odoo_cloud = True


def base_url():
    """Where the server of an HttpCase is."""
    return f"http://127.0.0.1:{config['http_port']}"


def png(width, height):
    """A picture of noise, for tests."""
    import io

    from PIL import Image

    picture = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(picture, "PNG")
    return picture.getvalue()


# -- requests ----------------------------------------------------------------------------------------------------------


def middleware(around):
    """Stand around Odoo as a whole: ``around(application, environ, start_response)`` gives what is sent.

    The class is changed and not an attribute of odoo.service: Odoo takes ``http.root`` itself as its application.
    """
    root_class = type(http.root)
    original = root_class.__call__

    def __call__(self, environ, start_response):
        return around(functools.partial(original, self), environ, start_response)

    root_class.__call__ = __call__


def request_database():
    """The database of the request that is being answered, or None."""
    return http.request.db or None


def request_cursor():
    """The cursor of the request that is being answered (which has a database)."""
    return http.request.env.cr


def request_uid():
    """The user of the request that is being answered, or None."""
    return http.request.session.uid if http.request.session else None


def request_params():
    """The parameters of the request that is being answered, {} as long as there are none."""
    params = getattr(http.request, "params", None)
    return params if isinstance(params, dict) else {}


def status_code(result):
    """The status of what ir.http._dispatch() gave: a response, or something that becomes one."""
    return getattr(result, "status_code", None) or getattr(result, "code", None) or 200


# -- modules -----------------------------------------------------------------------------------------------------------


class _OpenerpFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """``openerp.addons.x`` is ``odoo.addons.x``. Odoo 14 does that itself."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname == "openerp" or fullname.startswith("openerp."):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        module = importlib.import_module("odoo" + spec.name[len("openerp") :])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        """It was executed under its own name, and keeps it."""
        module.__spec__ = module.__spec__.loader_state


def alias_openerp():
    """Make the old import path of addons work, unless Odoo itself does (14)."""
    if not any(type(finder).__name__ in ("OdooHook", "_OpenerpFinder") for finder in sys.meta_path):
        sys.meta_path.insert(0, _OpenerpFinder())
