# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Where Odoo's mail goes.

With `MAIL_CATCHER` every connection to a mail server becomes one to the catcher, without login and
TLS, whatever server the database, a user or a module has chosen. It is done where Odoo connects
(`ir.mail_server`), not in the database, so a server that is created, restored or switched on later
is not used either. Nothing is fetched meanwhile: a copy would take the production's mail away.

Without a catcher, the server of odoo.conf gets its password from the secret's file, TLS from the
beginning with `SMTP_TLS=tls`, which odoo.conf can't say, and the check of its certificate, which
Odoo leaves out for this server. Servers in the database are Odoo's own business.
"""

import functools
import imaplib
import inspect
import logging
import poplib
import smtplib
import ssl

from odoo.addons.odoo_cloud_compat import settings
from odoo.tools import config

_logger = logging.getLogger(__name__)

# Odoo's method that connects: `_connect__` in 19, `connect` before
METHODS = ("_connect__", "connect")
# Its arguments that only the real server may have
DROPPED = ("user", "password", "mail_server_id", "ssl_certificate", "ssl_private_key")
# Options of odoo.conf that Odoo would use with any server that a caller names
OPTIONS = (
    "smtp_user",
    "smtp_password",
    "smtp_ssl",
    "smtp_ssl_certificate_filename",
    "smtp_ssl_private_key_filename",
)


class NotFetched(ConnectionRefusedError):
    """Mail is caught, so none is fetched."""

    def __init__(self, *_args, **_kwargs):
        super().__init__("mail of this environment is caught, so no mail is fetched (odoo_mail)")


def catcher():
    """Return host and port of the catcher, `None` without one."""
    host, _colon, port = settings.text("MAIL_CATCHER").partition(":")
    return (host, int(port)) if host else None


def mail_server_class(module):
    """Return the class of `ir.mail_server`, and the name of its method that connects."""
    for found in vars(module).values():
        if (
            isinstance(found, type)
            and found.__module__ == module.__name__
            and getattr(found, "_name", "") == "ir.mail_server"
        ):
            return found, next(name for name in METHODS if name in vars(found))
    raise RuntimeError("this Odoo has no class ir.mail_server")


def catching(original, where):
    """Return the method that connects to the catcher. `original`: Odoo's. `where`: host and port."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def connect(self, *args, **kwargs):
        given = signature.bind_partial(self, *args, **kwargs).arguments
        for name in DROPPED:
            given.pop(name, None)
        given.update(host=where[0], port=where[1], encryption="none")
        return original(**given)

    return connect


def encrypting(original):
    """Return the method that uses TLS from the beginning with the server of odoo.conf. Servers of
    the database have their own encryption, which Odoo prefers to this argument."""
    signature = inspect.signature(original)

    @functools.wraps(original)
    def connect(self, *args, **kwargs):
        given = signature.bind_partial(self, *args, **kwargs).arguments
        if not given.get("host") and not given.get("encryption"):
            given["encryption"] = "ssl"
        return original(**given)

    return connect


class Checking:
    """Stands for the module smtplib in Odoo's: connections to the server of odoo.conf check its
    certificate. Odoo gives no context for that one, and Python then checks nothing."""

    def __getattr__(self, name):
        return getattr(smtplib, name)

    @staticmethod
    def _context(host, context):
        ours = context is None and host == config["smtp_server"]
        return ssl.create_default_context() if ours else context

    class SMTP(smtplib.SMTP):
        """A connection that may switch to TLS."""

        def starttls(self, *args, context=None, **kwargs):
            """Switch to TLS."""
            return super().starttls(*args, context=Checking._context(self._host, context), **kwargs)

    class SMTP_SSL(smtplib.SMTP_SSL):  # pylint: disable=invalid-name
        """A connection with TLS from its beginning."""

        def __init__(self, host="", port=0, *args, context=None, **kwargs):
            super().__init__(host, port, *args, context=Checking._context(host, context), **kwargs)


def post_load():
    """Called once in each process that loads the addon, before it serves requests."""
    from odoo.addons.base.models import ir_mail_server

    owner, name = mail_server_class(ir_mail_server)
    original = getattr(owner, name)
    if getattr(original, "odoo_cloud_route", False):
        return
    where = catcher()
    if where:
        for option in OPTIONS:
            config[option] = False
        config["smtp_server"], config["smtp_port"] = where
        routed = catching(original, where)
        for kind in (imaplib.IMAP4, poplib.POP3):
            kind.__init__ = _refuse
        _logger.info("All mail goes to the catcher %s:%s, none is fetched", *where)
    else:
        password = settings.secret("SMTP_PASSWORD")
        if password:
            config["smtp_password"] = password
        routed = encrypting(original) if settings.text("SMTP_TLS") == "tls" else original
        if settings.is_true("SMTP_VERIFY"):
            ir_mail_server.smtplib = Checking()
    routed.odoo_cloud_route = True
    setattr(owner, name, routed)


def _refuse(self, *_args, **_kwargs):
    raise NotFetched
