# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the addon sends mail; with Odoo itself its own tests and the proof try that."""

from __future__ import annotations

import imaplib
import poplib
import sys
import types

import pytest


@pytest.fixture
def route(addon, monkeypatch):
    tools = types.ModuleType("odoo.tools")
    tools.config = {"smtp_server": "smtp.example.com", "smtp_user": "real", "smtp_password": "real"}
    monkeypatch.setitem(sys.modules, "odoo.tools", tools)
    base = types.ModuleType("odoo.addons.base.models")
    base.ir_mail_server = types.ModuleType("odoo.addons.base.models.ir_mail_server")
    monkeypatch.setitem(sys.modules, "odoo.addons.base", types.ModuleType("odoo.addons.base"))
    monkeypatch.setitem(sys.modules, "odoo.addons.base.models", base)
    for kind in (imaplib.IMAP4, poplib.POP3):
        monkeypatch.setattr(kind, "__init__", kind.__init__)
    sys.modules.pop("odoo.addons.mail_route.route", None)
    return addon("mail_route.route")


def odoo(method):
    """Odoo's class, whose method that connects is called `method`, and what it was asked."""
    asked: list[dict] = []

    class Server:
        _name = "ir.mail_server"

    def connect(self, host=None, port=None, user=None, password=None, encryption=None, smtp_from=None, ssl_certificate=None,
                ssl_private_key=None, smtp_debug=False, mail_server_id=None, allow_archived=False):  # fmt: skip
        asked.append({name: value for name, value in locals().items() if name not in ("self", "asked") and value})

    setattr(Server, method, connect)
    module = sys.modules["odoo.addons.base.models"].ir_mail_server
    Server.__module__ = module.__name__
    module.Server = Server
    return Server, asked


@pytest.mark.parametrize("method", ["connect", "_connect__"])
def test_whatever_server_is_chosen_the_catcher_gets_it_without_a_login(route, monkeypatch, method):
    monkeypatch.setenv("MAIL_CATCHER", "acme.mail:1025")
    server, asked = odoo(method)
    route.post_load()
    route.post_load()  # a second time changes nothing
    call = getattr(server(), method)
    call(mail_server_id=7, smtp_from="a@example.com")
    call("smtp.example.com", 465, "me", "secret", "ssl", ssl_certificate="c", ssl_private_key="k")
    call()
    to_catcher = {"host": "acme.mail", "port": 1025, "encryption": "none"}
    assert asked == [{**to_catcher, "smtp_from": "a@example.com"}, to_catcher, to_catcher]
    config = sys.modules["odoo.tools"].config
    assert (config["smtp_server"], config["smtp_user"], config["smtp_password"]) == ("acme.mail", False, False)


def test_nothing_is_fetched_where_mail_is_caught(route, monkeypatch):
    monkeypatch.setenv("MAIL_CATCHER", "acme.mail:1025")
    odoo("connect")
    route.post_load()
    for kind in (imaplib.IMAP4, imaplib.IMAP4_SSL, poplib.POP3, poplib.POP3_SSL):
        with pytest.raises(ConnectionRefusedError, match="no mail is fetched"):
            kind("192.0.2.1")


def test_tls_from_the_beginning_is_for_the_server_of_odoo_conf_alone(route, monkeypatch):
    monkeypatch.setenv("SMTP_TLS", "tls")
    server, asked = odoo("connect")
    route.post_load()
    server().connect()
    server().connect(host="other.example.com")
    server().connect(encryption="starttls")
    assert [one.get("encryption") for one in asked] == ["ssl", None, "starttls"]


def test_the_password_comes_from_its_file(route, monkeypatch, tmp_path):
    (tmp_path / "password").write_text("from-the-file\n", encoding="utf-8")
    monkeypatch.setenv("SMTP_PASSWORD_FILE", str(tmp_path / "password"))
    odoo("connect")
    route.post_load()
    assert sys.modules["odoo.tools"].config["smtp_password"] == "from-the-file"


def test_the_certificate_of_the_configured_server_is_checked(route):
    context = route.Checking._context("smtp.example.com", None)
    assert context.check_hostname and context.verify_mode.name == "CERT_REQUIRED"
    assert route.Checking._context("other.example.com", None) is None
    assert route.Checking().SMTPException is __import__("smtplib").SMTPException
