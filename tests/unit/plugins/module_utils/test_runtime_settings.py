# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container's environment and odoo.conf mean, for many of them, as recorded in files/container_settings.json.

The record was made by the loader of before there was a table of variables. Each entry has an environment (beside the usual one) and
what came of it: an error's text, or the settings that differ from the usual environment's. What is read otherwise since then is
below; settings that got another name since then have it in the record too.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config, errors
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import container_variables as table
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.values import MODULE_NAME

RECORD = json.loads(
    (pathlib.Path(__file__).parents[2] / "files" / "container_settings.json").read_text(encoding="utf-8")
)
HOST = "host-of-the-test"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """What comes of an environment, in the form of the record."""
    for name, text in RECORD["confs"].items():
        (tmp_path / f"{name}.conf").write_text(text, encoding="utf-8")
    for name, text in RECORD["files"].items():
        (tmp_path / name).write_bytes(text.encode())
    monkeypatch.setattr("socket.gethostname", lambda: HOST)

    def outcome(env):
        env = {name: value.replace("{dir}", str(tmp_path)) for name, value in {**RECORD["usual"], **env}.items()}
        try:
            found = dataclasses.asdict(config.load(env))
        except errors.ConfigError as error:
            return str(error).replace(str(tmp_path), "{dir}").replace(f"uid {os.getuid()}", "uid {uid}")
        found = json.loads(json.dumps(found).replace(str(tmp_path), "{dir}"))
        return {name: value for name, value in found.items() if value != RECORD["settings"][name]}

    return outcome


def general(value, found):
    """An outcome without the value that led to it, so that many values have one."""
    if isinstance(found, str):
        return found.replace(repr(value), "{value}")
    return {name: "{value}" if one == value else one for name, one in found.items()}


# A part of a restore point can't be kept; before, it was cut off.
PARTS = "RESTORE_POINTS_KEEP is {value}: must be a whole number from 0 to 1000"


def like(variable, value):
    """Another way to write the value, which was understood before; the value itself if there is none."""
    if (variable, value) == ("LANGUAGE", "en_US:en"):  # gettext's
        return ""
    kind = table.VARIABLES[variable].kind if variable in table.VARIABLES else None
    if isinstance(kind, table.Boolean):
        return {"on": "True", "t": "True", "off": "False", "none": "False"}.get(value, value)
    if isinstance(kind, table.Path) and variable in ("DB_SPACE_DIR", "PG_BIN", "EVENTS_FILE"):
        return value.rstrip("/")
    if not value.strip() and kind is not None and kind.strip and not table.VARIABLES[variable].secret:
        return ""
    return value.strip() if isinstance(kind, (table.Port, table.Names)) else value


def is_module_name(variable, value):
    """Whether the value is the name of a module that begins with a digit or has a dash, which was refused before."""
    kind = table.VARIABLES[variable].kind if variable in table.VARIABLES else None
    return isinstance(kind, table.Names) and bool(MODULE_NAME.fullmatch(value)) and not value.isidentifier()


@pytest.mark.parametrize("variable", RECORD["single"])
def test_each_variable_alone(load, variable):
    given = RECORD["given"].get(variable, {})
    recorded = {value: found for values, found in RECORD["single"][variable] for value in values}
    wrong = []
    for value, expected in recorded.items():
        found = general(value, load({**given, variable: value}))
        if variable == "RESTORE_POINTS_KEEP" and value in ("1.5", "2.7"):
            expected = PARTS
        elif (variable, value) == ("LANGUAGE", "es_419"):  # Spanish of Latin America, which was taken for wrong
            expected = {"language": "{value}"}
        elif is_module_name(variable, value):  # of digits, which Odoo takes
            assert isinstance(found, dict)
            continue
        elif found != expected and like(variable, value) != value:
            found, expected = load({**given, variable: value}), load({**given, variable: like(variable, value)})
            if isinstance(found, str):
                found = found.replace(repr(value), repr(like(variable, value)))
        if found != expected:
            wrong.append((value, found, expected))
    assert wrong == []


def test_only_what_was_an_error_or_said_nothing_is_read_otherwise(load):
    # Else `like` above could hide anything.
    changed = {}
    for variable, groups in RECORD["single"].items():
        for values, expected in groups:
            for value in values:
                found = general(value, load({**RECORD["given"].get(variable, {}), variable: value}))
                if found != expected and not isinstance(expected, str):
                    changed.setdefault(variable, []).append(value)
    assert changed == {
        "DB_SPACE_DIR": ["/abs/"],
        "PG_BIN": ["/abs/"],
        "EVENTS_FILE": ["/abs/"],
        "RESTORE_POINTS_KEEP": ["2.7", "1.5"],
        "UPDATE": [" "],
        "ACTOR": [" "],
    }


# Odoo listens where odoo.conf says; before, the waiting page and the health check were elsewhere.
TWO_PORTS = {"HTTP_PORT": "8071", "ODOO_RC": "{dir}/full.conf"}
NOT_TWO = "HTTP_PORT is '8071': but http_port in {dir}/full.conf is '8070'; both must name the same"


def test_several_together(load):
    wrong = []
    for env, recorded in RECORD["together"]:
        expected = NOT_TWO if env == TWO_PORTS else recorded
        found = load(env)
        if isinstance(found, dict):
            found = {name: value for name, value in found.items() if name not in ("conf", "odoo_rc")}
        if isinstance(found, str) and isinstance(expected, str) and found.startswith(f"{expected}; "):
            continue  # all variables that are wrong are named now
        if found != expected:
            wrong.append((env, found, expected))
    assert wrong == []
