# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where mail goes: settings, containers, catchers, firewall, what the database gets and what `status` says."""

from __future__ import annotations

import base64
import hashlib
import json
import types

import instance_tools
import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import mail
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.instance import InventoryError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.naming import bridge_of
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import mail as database_mail
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import (
    firewall,
    mail_catchers,
    mail_state,
    odoo_conf,
    odoo_containers,
    odoo_files,
)

MACHINE = {"cpus": 2, "memory_bytes": 4294967296}
SMTP = {"odoo_smtp_server": "smtp.example.com", "odoo_smtp_user": "odoo", "odoo_smtp_password": "S-smtp"}
MAILBOX = {"odoo_incoming_server": "imap.example.com", "odoo_incoming_user": "box", "odoo_incoming_password": "S-box"}


def conf(instance):
    return odoo_conf.options(instance, MACHINE, "/run/postgresql", 5432)


def env(instance):
    return odoo_containers.variables(instance, instance_tools.surroundings(), "acme-1", "RunOnly")


@pytest.mark.parametrize("environment", ["integration", "test", "dev", "labs_next"])
def test_every_environment_but_prod_is_caught_and_has_no_real_server(environment):
    instance = instance_tools.make(environment=environment, **SMTP, **MAILBOX)
    assert instance.mail.caught
    assert env(instance)["MAIL_CATCHER"] == "acme.mail:1025"
    assert not {name for name in env(instance) if name.startswith(("SMTP_", "INCOMING_"))}
    assert conf(instance)["smtp_server"] == "acme.mail"
    assert "smtp_user" not in conf(instance)
    kept = json.dumps(odoo_files.of_instance(instance, instance_tools.surroundings()))
    assert "S-smtp" not in kept and "S-box" not in kept and "smtp.example.com" not in kept


def test_prod_sends_by_the_server_and_the_password_is_a_file_only():
    instance = instance_tools.make(**SMTP, **MAILBOX, odoo_smtp_from_filter=["example.com", "a@example.org"])
    assert not instance.mail.caught
    found = conf(instance)
    assert (found["smtp_server"], found["smtp_port"], found["smtp_ssl"], found["smtp_user"]) == (
        "smtp.example.com", "587", "True", "odoo",
    )  # fmt: skip
    assert found["from_filter"] == "example.com,a@example.org"
    assert env(instance)["SMTP_PASSWORD_FILE"] == "/run/secrets/smtp_password"
    assert "S-smtp" not in json.dumps([env(instance), found]) and "S-box" not in json.dumps([env(instance), found])
    assert instance.secret_files["smtp_password"] == "S-smtp"
    assert instance.secret_files["incoming_password"] == "S-box"
    assert "S-smtp" not in repr(instance)


def test_the_filter_of_senders_is_an_option_from_15_on():
    assert "from_filter" not in conf(
        instance_tools.make(odoo_version="14", **SMTP, odoo_smtp_from_filter="example.com")
    )


@pytest.mark.parametrize(
    ("tls", "port", "option"), [("starttls", "587", "True"), ("tls", "465", None), ("none", "25", None)]
)
def test_port_and_option_follow_from_the_encryption(tls, port, option):
    found = conf(instance_tools.make(odoo_smtp_server="smtp.example.com", odoo_smtp_tls=tls))
    assert (found["smtp_port"], found.get("smtp_ssl")) == (port, option)


def test_told_otherwise():
    assert not instance_tools.make(environment="test", odoo_mail="server", **SMTP).mail.caught
    assert instance_tools.make(odoo_mail="catcher").mail.caught


@pytest.mark.parametrize("environment", ["prod", "test"])
def test_the_addon_is_in_every_process(environment):
    assert mail.ADDON in conf(instance_tools.make(environment=environment))["server_wide_modules"].split(",")


@pytest.mark.parametrize(
    ("environment", "given", "message"),
    [
        ("test", {"odoo_mail": "server"}, "odoo_mail='server' of instance 'acme': give odoo_smtp_server, too"),
        ("prod", {"odoo_smtp_user": "odoo"}, "odoo_smtp_user and odoo_smtp_password belong together"),
        (
            "prod",
            {**SMTP, "odoo_smtp_tls": "none"},
            "odoo_smtp_tls='none' of instance 'acme': the password would cross",
        ),
        ("prod", {"odoo_incoming_server": "imap.example.com"}, "give odoo_incoming_user and odoo_incoming_password"),
        ("prod", {"odoo_smtp_server": "smtp.example.com:25"}, "give a host name such as mail.example.com"),
        ("prod", {"odoo_smtp_port": 0}, "odoo_smtp_port=0 of instance 'acme': give a port"),
        ("prod", {"odoo_smtp_from": "odoo"}, "give an address such as odoo@example.com"),
        ("prod", {"odoo_smtp_from_filter": "no domain"}, "give domains and addresses"),
        ("prod", {"odoo_smtp_user": "a\nb", "odoo_smtp_password": "x"}, "give one line of text"),
        ("prod", {"odoo_mail_domain": "example"}, "give a domain such as example.com"),
        (
            "test",
            {"odoo_mail_page_password": "short"},
            "odoo_mail_page_password='********' of instance 'acme': give one of 16",
        ),
        ("prod", {"odoo_conf": {"smtp_server": "x"}}, "leave out smtp_server (set odoo_smtp_server)"),
        (
            "test",
            {"odoo_conf": {"server_wide_modules": "base,web,session_redis"}},
            "mail_route must be in it, which sends mail to the catcher",
        ),
        ("prod", {"odoo_env": {"MAIL_CATCHER": ""}}, "leave it out, the platform sets it itself; set odoo_mail"),
    ],
)
def test_what_is_wrong_is_refused(environment, given, message):
    with pytest.raises(InventoryError) as raised:
        instance_tools.make(environment=environment, **given)
    assert message in str(raised.value)


def rules(**given):
    return firewall.rules([instance_tools.make(**given)], instance_tools.surroundings())["rules"]


@pytest.mark.parametrize("policy", ["open", "listed", "none"])
def test_ports_of_mail_are_closed_where_it_is_caught_with_every_policy(policy):
    more = {"odoo_egress_allowed": ["smtp.example.com:587"]} if policy == "listed" else {}
    chain = rules(environment="test", odoo_egress=policy, **more).partition("chain of_acme {")[2].splitlines()
    closed = next(
        number
        for number, row in enumerate(chain)
        if "tcp dport { 25, 110, 143, 465, 587, 993, 995, 2525 } reject" in row
    )
    opened = [number for number, row in enumerate(chain) if row.strip().endswith("accept") and "dport 53" not in row]
    assert f'oifname "{bridge_of("oc.acme")}" accept' in chain[opened[0]]  # the catcher itself
    assert all(closed < number for number in opened[1:])


def test_the_server_and_the_mailbox_are_reached_without_being_listed():
    found = rules(odoo_egress="none", odoo_smtp_server="192.0.2.7", **{**MAILBOX, "odoo_incoming_server": "192.0.2.8"})
    assert "ip daddr 192.0.2.7/32 tcp dport 587 accept" in found
    assert "ip daddr 192.0.2.8/32 tcp dport 993 accept" in found
    assert "tcp dport { 25," not in found
    assert "192.0.2.7" not in rules(environment="test", odoo_egress="none", odoo_smtp_server="192.0.2.7")


def test_a_catcher_is_in_its_instances_network_alone_and_limited():
    caught, sends = instance_tools.make(environment="test"), instance_tools.make("other")
    (found,) = mail_catchers.containers([caught, sends], "oc", "sha256:1", MACHINE, True)
    assert (found["name"], found["network"], found["aliases"]) == ("oc-mail-acme", "oc.acme", ["acme.mail"])
    assert "connections" not in found and "published_ports" not in found and "mounts" not in found
    assert found["cap_drop"] == ["ALL"] and found["read_only"] and found["security_opts"] == ["no-new-privileges"]
    assert found["sysctls"]["net.ipv4.ip_default_ttl"] == "1"  # what it sends ends at the first router
    assert found["limits"]["memory"] == 256 << 20 and found["limits"]["pids_limit"] == 64


def test_only_catchers_that_nobody_has_are_removed():
    caught, sends = instance_tools.make(environment="test"), instance_tools.make("mail_1")
    existing = ["oc-mail-acme", "oc-mail-gone", "oc-mail_1-1", "oc-nginx", "other-mail-x"]
    assert mail_catchers.left([caught, sends], "oc", existing) == ["oc-mail-gone"]
    assert mail_catchers.left([instance_tools.make("mail", replicas=("app1",))], "oc", ["oc-mail-1"]) == []


def test_the_pages_password_is_salted_and_the_file_stays_the_same():
    text = mail_catchers.page_file("a-long-password-of-the-page")
    assert text == mail_catchers.page_file("a-long-password-of-the-page") and "a-long" not in text
    raw = base64.b64decode(text.strip().removeprefix("mail:{SSHA}"))
    assert raw[:20] == hashlib.sha1(b"a-long-password-of-the-page" + raw[20:]).digest()  # noqa: S324


def test_modules_that_answers_need():
    assert "fetchmail" in instance_tools.make(odoo_version="16", **MAILBOX).modules
    assert "fetchmail" not in instance_tools.make(odoo_version="17", **MAILBOX).modules
    assert "fetchmail" not in instance_tools.make(odoo_version="16", environment="test", **MAILBOX).modules
    assert "mail" in instance_tools.make(odoo_mail_domain="example.com").modules


# What the database gets


def settings(version, **given):
    known = {
        "version": version, "mail_catcher": "", "mail_domain": "example.com", "mail_catchall": "catchall", "mail_bounce": "bounce",
        "mail_default_from": "notifications", "incoming_server": "imap.example.com", "incoming_port": 993,
        "incoming_protocol": "imap", "incoming_tls": True, "incoming_user": "box", "incoming_password": "S-box",
    }  # fmt: skip
    return types.SimpleNamespace(**{**known, **given})


@pytest.mark.parametrize("version", [14, 15, 16, 17, 18, 19])
def test_what_is_a_parameter_and_what_a_record(version):
    parameters, record = database_mail.parameters(settings(version)), database_mail.alias_domain(settings(version))
    assert (bool(parameters), bool(record)) == (version <= 16, version >= 17)
    assert database_mail.parameters(settings(version, mail_domain="")) == {}
    assert database_mail.alias_domain(settings(version, mail_domain="")) == {}


def test_a_caught_copy_fetches_nothing():
    assert database_mail.mailbox(settings(19))["active"] is True
    assert database_mail.mailbox(settings(19, mail_catcher="acme.mail:1025")) == {}


class Cursor:
    """A database with these tables, which keeps what is written."""

    def __init__(self, tables, rows=()):
        self.tables, self.rows, self.statements, self.result = set(tables), list(rows), [], []

    def execute(self, statement, values=()):
        self.statements.append(statement)
        if "pg_catalog.pg_class" in statement:
            self.result = [(values[0] in self.tables,)]
        elif statement.startswith("SELECT key, value"):
            self.result = self.rows
        else:
            self.result = []

    def fetchone(self):
        return self.result[0] if self.result else None

    def fetchall(self):
        return self.result


def test_differences_only_read_and_say_what_is_wrong():
    cursor = Cursor({"mail_alias"}, [("mail.catchall.domain", "old.example"), ("mail.catchall.alias", "catchall")])
    found = database_mail.differences(cursor, settings(14))
    assert found == [
        "mail.catchall.domain = example.com",
        "mail.bounce.alias = bounce",
        "mail.default.from = notifications",
    ]
    assert all(one.startswith("SELECT") for one in cursor.statements)
    database_mail.apply(cursor, settings(14))
    assert sum(one.startswith("INSERT INTO public.ir_config_parameter") for one in cursor.statements) == 3


def test_without_the_module_mail_nothing_is_set():
    assert database_mail.differences(Cursor(()), settings(14)) == []
    assert database_mail.differences(Cursor(()), settings(19)) == []


def test_no_password_is_told():
    assert "S-box" not in "".join(database_mail.differences(Cursor({"fetchmail_server"}), settings(19)))


# What status says


def shape(columns, kind="r", **wrong):
    flags = {"persistence": "p", "secured": False, "ruled": False, "inherits": False, **wrong}
    return (kind, *flags.values(), [f"{name} {type_}" for name, type_ in columns.items()])


@pytest.mark.parametrize(
    "wrong", [{"kind": "v"}, {"persistence": "u"}, {"secured": True}, {"ruled": True}, {"inherits": True}]
)
def test_what_is_not_odoos_table_is_not_read(wrong):
    found = shape(mail_state.COLUMNS["mail_mail"], **wrong)
    cursor = types.SimpleNamespace(execute=lambda *_given: None, fetchone=lambda: found)
    with pytest.raises(mail_state.Unreadable, match=r"public\.mail_mail is not Odoo's"):
        mail_state.present(cursor, "mail_mail")


def test_a_table_with_other_columns_is_not_read():
    found = shape({**mail_state.COLUMNS["mail_mail"], "state": "text"})
    cursor = types.SimpleNamespace(execute=lambda *_given: None, fetchone=lambda: found)
    with pytest.raises(mail_state.Unreadable):
        mail_state.present(cursor, "mail_mail")


def test_notifications_of_odoo_14_have_another_name_and_column():
    asked = []
    results = iter([None, shape(mail_state.COLUMNS["mail_message_res_partner_needaction_rel"]),
                    shape(mail_state.COLUMNS["mail_message"]), shape(mail_state.COLUMNS["mail_mail"]), ("550 no\nsuch user",)])  # fmt: skip
    rows = iter([[("sent", 3), ("bounce", 1), ("exception", 2)], [("outgoing", 4), ("sent", 1), ("exception", 1)]])
    cursor = types.SimpleNamespace(
        execute=lambda statement, _given: asked.append(statement),
        fetchone=lambda: next(results),
        fetchall=lambda: next(rows),
    )
    assert mail_state.read(cursor) == mail_state.MailState(4, 1, 3, 4, "550 no such user")
    assert "n.mail_id = m.id" in asked[-2] and "public.mail_message_res_partner_needaction_rel" in asked[-3]


def test_reading_is_bounded():
    for statement in (mail_state.NOTIFIED_SQL, mail_state.KEPT_SQL, mail_state.REASON_SQL):
        assert "ORDER BY id DESC LIMIT %(rows)s" in statement


COUNTED = {"sent": 12, "bounced": 1, "failed": 2, "waiting": 3, "failure": "550 no such user", "problem": ""}


def test_prod_without_a_server_says_so():
    (line,) = mail_catchers.status(instance_tools.make(), None)
    assert line.startswith("NO MAIL SERVER: give odoo_smtp_server")


def test_status_says_where_mail_goes_and_how_much():
    assert mail_catchers.status(instance_tools.make(**SMTP), COUNTED) == [
        "sent by smtp.example.com:587 (starttls)",
        "in 7 days 12 sent, 1 bounced, 2 failed (the last one: 550 no such user); 3 waiting",
    ]
    (line,) = mail_catchers.status(instance_tools.make(environment="test"), None)
    assert line == "caught, none is sent to people: https://mail.acme.localhost"
    assert "NOBODY IN PROD" in mail_catchers.status(instance_tools.make(odoo_mail="catcher"), None)[0]
    assert mail_catchers.status(instance_tools.make(), {**COUNTED, "problem": "why"})[1] == "not counted: why"
