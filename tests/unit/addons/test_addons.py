# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be the same in all addons, and what of them can be tried without Odoo."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest

ADDONS = pathlib.Path(__file__).resolve().parents[3] / "roles" / "image" / "files" / "addons"
NAMES = sorted(path.parent.name for path in ADDONS.glob("*/__manifest__.py"))
# What the original addon of the same name depends on: a database that has it must need no other module.
DEPENDS = {
    "attachment_s3": {"base", "base_attachment_object_storage"},
    "attachment_swift": {"base", "base_attachment_object_storage"},
    "base_attachment_object_storage": {"base"},
    "cloud_platform": {"session_redis", "monitoring_status", "logging_json", "server_environment"},
    "cloud_platform_exoscale": {"cloud_platform", "attachment_s3", "monitoring_statsd"},
    "cloud_platform_ovh": {"cloud_platform", "attachment_swift", "monitoring_statsd"},
    "database_reconnect": {"base"},
    "logging_json": {"base"},
    "mail_route": {"base"},
    "monitoring_log_requests": {"base", "web"},
    "monitoring_prometheus": {"base", "web"},
    "monitoring_statsd": {"base", "web"},
    "monitoring_status": {"base", "web"},
    "session_redis": {"base"},
}


def _manifest(name):
    return ast.literal_eval((ADDONS / name / "__manifest__.py").read_text(encoding="utf-8"))


def test_all_are_there():
    assert set(NAMES) == {*DEPENDS, "odoo_cloud_compat"}


@pytest.mark.parametrize("name", NAMES)
def test_manifest(name):
    manifest = _manifest(name)
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert manifest["license"] == "LGPL-3"
    assert manifest.get("installable", True) is (name != "odoo_cloud_compat")
    assert set(manifest["depends"]) <= DEPENDS.get(name, {"base"})
    assert (ADDONS / name / "README.md").is_file()


@pytest.mark.parametrize("path", sorted(ADDONS.rglob("*.py")), ids=lambda path: str(path.relative_to(ADDONS)))
def test_licence(path):
    assert "License LGPL-3.0 or later" in path.read_text(encoding="utf-8")[:200]


@pytest.mark.parametrize("path", sorted(ADDONS.rglob("*.py")), ids=lambda path: str(path.relative_to(ADDONS)))
def test_versions_are_told_apart_in_one_place(path):
    text = path.read_text(encoding="utf-8")
    if path.name != "compat.py":
        assert "version_info" not in text
        if "tests" not in path.parts:
            assert "SERIES" not in text


def test_masking(addon):
    mask = addon("odoo_cloud_compat.masking").mask
    assert mask("/web?access_token=abc&x=1") == "/web?access_token=***&x=1"
    assert mask("GET /a?db=x&token=a%2Fb#f") == "GET /a?db=x&token=***#f"
    assert mask("https://s3/x?X-Amz-Signature=12&X-Amz-Date=3") == "https://s3/x?X-Amz-Signature=***&X-Amz-Date=3"
    assert mask("redis://user:secret@host:1/0") == "redis://user:***@host:1/0"
    assert mask("nothing = to hide, me@example.com") == "nothing = to hide, me@example.com"


def test_request_id(addon):
    request_id = addon("odoo_cloud_compat.request_id")
    assert request_id.current() is None
    assert request_id.begin({"HTTP_X_REQUEST_ID": "a.b-1"}) == "a.b-1" == request_id.current()
    for bad in ("", "a b", "x" * 129, '"', "a\nb"):
        assert request_id.begin({"HTTP_X_REQUEST_ID": bad}) != bad
    request_id.end()
    assert request_id.current() is None


def test_settings(addon, tmp_path):
    settings = addon("odoo_cloud_compat.settings")
    assert settings.is_true("ODOO_STATSD", env={"ODOO_STATSD": "True"}) is True
    assert settings.is_true("ODOO_STATSD", env={"ODOO_STATSD": "0"}) is False
    assert settings.is_true("DATABASE_RECONNECT", {"DATABASE_RECONNECT": " "}) is True
    with pytest.raises(ValueError, match="ODOO_STATSD is 'maybe': say 1 or 0"):
        settings.is_true("ODOO_STATSD", env={"ODOO_STATSD": "maybe"})
    assert settings.number("STATSD_MAXUDPSIZE", env={}) == 512
    assert settings.number("STATSD_MAXUDPSIZE", env={"STATSD_MAXUDPSIZE": "7"}) == 7
    with pytest.raises(ValueError, match="STATSD_MAXUDPSIZE is '-1': must be a number, 1 or more"):
        settings.number("STATSD_MAXUDPSIZE", env={"STATSD_MAXUDPSIZE": "-1"})
    secret = tmp_path / "secret"
    secret.write_text("from the file\n", encoding="utf-8")
    env = {"SWIFT_PASSWORD": "plain", "SWIFT_PASSWORD_FILE": str(secret)}
    assert settings.secret("SWIFT_PASSWORD", env) == "from the file"
    assert settings.secret("SWIFT_PASSWORD", {}) == settings.text("SWIFT_ACCOUNT", {"SWIFT_ACCOUNT": " "}) == ""
    with pytest.raises(KeyError):  # each name has to be in the table
        settings.text("STATSD_PREFIX", {})
