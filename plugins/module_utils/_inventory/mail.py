# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""How mail leaves an instance and comes in: rules of the settings, and the variables and secret
files of containers. No I/O.

Only the environment prod sends to people unless the inventory says otherwise. In all others a
catcher takes the mail, so settings of a mail server may stand in a group above all environments.
"""

from __future__ import annotations

import re
import typing as t

from .._runtime.common.values import as_boolean, as_port
from .container_paths import SECRETS_DIR
from .model import IncomingMail, Instance, Mail
from .naming import mail_alias

SERVER, CATCHER = "server", "catcher"
ROUTES = (SERVER, CATCHER)
TLS = ("starttls", "tls", "none")
PROTOCOLS = ("imap", "pop")
ADDON = "mail_route"  # the Odoo addon that obeys these settings
SMTP_PORT, PAGE_PORT = 1025, 8025  # of the catcher, in its instance's network
PAGE_USER = "mail"

LOCAL_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,62}\Z")
DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+\Z"
)
ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,62}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}\Z")

_SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_INCOMING_PORTS = {("imap", True): 993, ("imap", False): 143, ("pop", True): 995, ("pop", False): 110}
_SECRETS = {"SMTP_PASSWORD": "smtp_password", "INCOMING_PASSWORD": "incoming_password"}


def caught(environment: str, settings: t.Mapping[str, t.Any]) -> bool:
    """Whether an instance's mail goes to a catcher."""
    return str(settings["odoo_mail"] or (SERVER if environment == "prod" else CATCHER)) == CATCHER


def problems(environment: str, settings: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, t.Any, str]]:
    """(variable, value, what would be right) for settings that are valid alone and wrong together."""

    def given(name: str) -> t.Any:
        return settings[name]

    if given("odoo_mail") == SERVER and environment != "prod" and not given("odoo_smtp_server"):
        yield "odoo_mail", SERVER, "give odoo_smtp_server, too, or leave it out and mail is caught"
    for user, password in (("odoo_smtp_user", "odoo_smtp_password"), ("odoo_incoming_user", "odoo_incoming_password")):
        if bool(given(user)) != bool(given(password)):
            yield user, given(user), f"{user} and {password} belong together; give both or none"
    if given("odoo_smtp_password") and given("odoo_smtp_tls") == "none":
        yield "odoo_smtp_tls", "none", "the password would cross the network in clear; give starttls or tls"
    if given("odoo_incoming_server") and not given("odoo_incoming_user"):
        yield (
            "odoo_incoming_server",
            given("odoo_incoming_server"),
            "give odoo_incoming_user and odoo_incoming_password, too",
        )
    conf = settings["odoo_conf"]
    loaded = str(conf.get("server_wide_modules") or "") if isinstance(conf, dict) else ""
    if loaded and ADDON not in loaded.split(","):
        right = f"{ADDON} must be in it, which sends mail to the catcher; odoo_server_wide_modules adds to it"
        yield "odoo_conf: server_wide_modules", loaded, right


def build(environment: str, settings: t.Mapping[str, t.Any], hostname: str, page_password: t.Callable[[], str]) -> Mail:
    """The field `mail` of an instance.

    - `settings`: those of the instance, checked.
    - `hostname`: its main host name.
    - `page_password`: returns the password of the catcher's page.
    """

    def text(name: str) -> str:
        return str(settings[name] or "")

    def flag(name: str) -> bool:
        return bool(as_boolean(settings[name]))

    is_caught = caught(environment, settings)
    tls, protocol, encrypted = text("odoo_smtp_tls"), text("odoo_incoming_protocol"), flag("odoo_incoming_tls")
    from_filter = settings["odoo_smtp_from_filter"] or ""
    return Mail(
        caught=is_caught,
        server=text("odoo_smtp_server"),
        port=as_port(settings["odoo_smtp_port"]) or _SMTP_PORTS[tls],
        tls=tls,
        verify=flag("odoo_smtp_verify"),
        user=text("odoo_smtp_user"),
        password=text("odoo_smtp_password"),
        sender=text("odoo_smtp_from"),
        from_filter=from_filter if isinstance(from_filter, str) else ",".join(str(one) for one in from_filter),
        domain=text("odoo_mail_domain").lower(),
        catchall=text("odoo_mail_catchall"),
        bounce=text("odoo_mail_bounce"),
        default_from=text("odoo_mail_default_from"),
        hostname=(text("odoo_mail_hostname") or f"mail.{hostname}") if is_caught else "",
        page_password=page_password() if is_caught else "",
        incoming=IncomingMail(
            server=text("odoo_incoming_server"),
            port=as_port(settings["odoo_incoming_port"]) or _INCOMING_PORTS[protocol, encrypted],
            protocol=protocol,
            tls=encrypted,
            user=text("odoo_incoming_user"),
            password=text("odoo_incoming_password"),
        ),
    )


def fetches(mail: Mail) -> bool:
    """Whether the instance fetches mail. A copy that is caught must not: it would take the mail away
    from the production.
    """
    return bool(mail.incoming.server) and not mail.caught


def modules(mail: Mail, version: str) -> tuple[str, ...]:
    """The modules of Odoo that these settings need."""
    # Up to 16, what fetches mail is a module of its own.
    fetching = ("fetchmail",) if fetches(mail) and int(version) <= 16 else ()
    return ("mail", *fetching) if mail.domain or fetches(mail) else ()


def _secrets(mail: Mail) -> dict[str, str]:
    """The secrets of the containers by their variables."""
    if mail.caught:
        return {}
    found = {
        "SMTP_PASSWORD": mail.password if mail.server else "",
        "INCOMING_PASSWORD": mail.incoming.password if fetches(mail) else "",
    }
    return {name: value for name, value in found.items() if value}


def secret_files(mail: Mail) -> dict[str, str]:
    """The secrets of the instance's containers: content by file name. Where mail is caught, the
    password of the real server is not in reach.
    """
    return {_SECRETS[name]: value for name, value in _secrets(mail).items()}


def variables(instance: Instance) -> dict[str, str]:
    """The variables of the instance's containers. No value is a secret."""
    mail = instance.mail
    found: dict[str, t.Any] = {}
    if mail.caught:
        found["MAIL_CATCHER"] = f"{mail_alias(instance.name)}:{SMTP_PORT}"
    elif mail.server:
        found.update(SMTP_TLS=mail.tls, SMTP_VERIFY=None if mail.verify else "0")
    if mail.domain:
        found.update(
            MAIL_DOMAIN=mail.domain,
            MAIL_CATCHALL=mail.catchall,
            MAIL_BOUNCE=mail.bounce,
            MAIL_DEFAULT_FROM=mail.default_from,
        )
    if fetches(mail):
        incoming = mail.incoming
        found.update(
            INCOMING_SERVER=incoming.server,
            INCOMING_PORT=incoming.port,
            INCOMING_PROTOCOL=incoming.protocol,
            INCOMING_TLS=str(incoming.tls),
            INCOMING_USER=incoming.user,
        )
    found.update({f"{name}_FILE": f"{SECRETS_DIR}/{_SECRETS[name]}" for name in _secrets(mail)})
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def conf(instance: Instance) -> dict[str, t.Any]:
    """The options of odoo.conf, without the password, which the addon reads from its file."""
    mail = instance.mail
    from_filter = {"from_filter": mail.from_filter or None} if int(instance.version) >= 15 else {}
    if mail.caught:
        # What the addon does anyway, for whatever reads the file.
        return {"smtp_server": mail_alias(instance.name), "smtp_port": SMTP_PORT, "email_from": mail.sender or None}
    if not mail.server:
        return {"email_from": mail.sender or None, **from_filter}
    return {
        "smtp_server": mail.server,
        "smtp_port": mail.port,
        "smtp_ssl": True if mail.tls == "starttls" else None,  # TLS from the beginning is the addon's
        "smtp_user": mail.user or None,
        "email_from": mail.sender or None,
        **from_filter,
    }
