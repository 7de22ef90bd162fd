# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that give one object for some minutes: of the host that nginx is told of, and nothing in them but that right."""

from __future__ import annotations

import urllib.parse

import pytest
from instance_tools import make

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import stateless
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.store import s3

KEY = "0a4d55a8d778e5022fab701977c5d840bbc486d0"


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
@pytest.mark.parametrize("endpoint", ["http://swift:8080", "https://s3.example.com", ""])
def test_s3(monkeypatch, endpoint, region):
    pytest.importorskip("boto3")
    values = {
        "AWS_HOST": endpoint,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "topsecret",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    address = s3.link("acme-odoo-prod", KEY, 300)
    instance = make(odoo_s3_endpoint=endpoint, odoo_s3_region=region)
    [site] = stateless.sites([instance], {"endpoint": ""})
    assert address.startswith(f"{site['store']}/acme-odoo-prod/{KEY}?")
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)
    assert (query["X-Amz-Expires"], query["X-Amz-SignedHeaders"]) == (["300"], ["host"])
    assert "topsecret" not in address
