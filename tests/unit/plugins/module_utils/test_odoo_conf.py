# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import configparser
import hashlib

import pytest
from instance_tools import make

from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import odoo_conf

MIB = 1024 * 1024
MACHINE = {"cpus": 2, "memory_bytes": 24 * 1024 * MIB}


def instance(version="19", **settings):
    return make("demo", replicas=("app1", "app1"), **{"odoo_stateless": False, "odoo_version": version, **settings})


def parsed(version="19", **settings):
    parser = configparser.RawConfigParser()
    parser.read_string(odoo_conf.render(instance(version, **settings), MACHINE, "/run/postgresql", 5432))
    return dict(parser["options"])


@pytest.mark.parametrize(
    ("version", "port", "modules", "demo"),
    [
        ("14", "longpolling_port", "base,web,database_reconnect,mail_route", "all"),
        ("15", "longpolling_port", "base,web,database_reconnect,mail_route", "all"),
        ("16", "gevent_port", "base,web,database_reconnect,mail_route", "all"),
        ("18", "gevent_port", "base,web,database_reconnect,mail_route", "all"),
        ("19", "gevent_port", "base,rpc,web,database_reconnect,mail_route", None),
    ],
)
def test_names_differ_by_version(version, port, modules, demo):
    options = parsed(version)
    assert options[port] == "8072"
    assert {"gevent_port", "longpolling_port"} & set(options) == {port}
    assert options["server_wide_modules"] == modules
    assert options.get("without_demo") == demo


def test_safe_on_the_open_internet():
    options = parsed()
    assert options["list_db"] == "False"
    assert options["dbfilter"] == "^demo$"
    assert options["proxy_mode"] == "True"
    assert options["http_interface"] == "0.0.0.0"


def test_no_plain_secret():
    text = odoo_conf.render(instance(), MACHINE, "h", 5432)
    assert "secret" not in text
    assert "db_password" not in text


def test_given_options_win():
    assert parsed(odoo_conf={"log_level": "debug", "unaccent": None}).get("log_level") == "debug"
    assert "unaccent" not in parsed(odoo_conf={"unaccent": None})


@pytest.mark.parametrize(
    ("cpus", "gib", "replicas", "workers"), [(2, 24, 2, 2), (8, 32, 1, 17), (8, 32, 2, 8), (16, 4, 1, 6), (1, 1, 4, 2)]
)
def test_workers_follow_cpu_and_memory(cpus, gib, replicas, workers):
    assert odoo_conf.workers_for(cpus, gib * 1024 * MIB, replicas) == workers


def test_memory_limits_are_odoos_own_or_less():
    assert odoo_conf.memory_limits(24 * 1024 * MIB, 1) == (2048 * MIB, 2560 * MIB)
    soft, hard = odoo_conf.memory_limits(2 * 1024 * MIB, 2)
    assert soft == 512 * MIB
    assert soft < hard < 1024 * MIB


def test_pbkdf2_sha512_is_passlibs_form():
    dummy, scheme, rounds, salt, digest = odoo_conf.master_password_hash("x" * 20).split("$")
    assert (scheme, rounds) == ("pbkdf2-sha512", "25000")
    raw = _b64(salt)
    assert _b64(digest) == hashlib.pbkdf2_hmac("sha512", b"x" * 20, raw, 25000)


def _b64(text):
    import base64

    return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4))


def test_server_wide_modules_come_on_top_of_odoos_own():
    assert (
        parsed(odoo_server_wide_modules=["queue_job", "web"])["server_wide_modules"]
        == "base,rpc,web,queue_job,database_reconnect,mail_route"
    )
    assert (
        parsed("14", odoo_server_wide_modules=["queue_job"])["server_wide_modules"]
        == "base,web,queue_job,database_reconnect,mail_route"
    )
