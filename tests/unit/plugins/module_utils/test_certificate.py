# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest

from ansible_collections.odoo_cloud.platform.plugins.filter.certificate import FilterModule
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.certificate import (
    certificate_due,
    subject_alt_names,
)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
INFO = {
    "not_after": "20260601000000Z",
    "subject_alt_name": ["DNS:a.example", "DNS:b.example"],
    "authority_key_identifier": "aa:bb",
}


@pytest.mark.parametrize(
    ("names", "ca", "now", "due"),
    [
        (["b.example", "a.example"], {"subject_key_identifier": "aa:bb"}, NOW, False),
        (["a.example", "b.example"], None, NOW, False),
        (["a.example"], None, NOW, True),
        (["a.example", "b.example", "c.example"], None, NOW, True),
        (["a.example", "b.example"], {"subject_key_identifier": "cc:dd"}, NOW, True),
        (["a.example", "b.example"], None, NOW + datetime.timedelta(days=120), False),
        (["a.example", "b.example"], None, NOW + datetime.timedelta(days=122), True),
        (["a.example", "b.example"], None, NOW + datetime.timedelta(days=400), True),
    ],
)
def test_certificate_due(names, ca, now, due):
    assert certificate_due(INFO, names, ca, now=now) is due


def test_addresses_stand_in_a_certificate_as_addresses():
    assert subject_alt_names(["db.example", "192.0.2.10", "2001:db8:0::1"]) == [
        "DNS:db.example",
        "IP:192.0.2.10",
        "IP:2001:db8::1",
    ]


def test_filters():
    filters = FilterModule().filters()
    assert filters["certificate_due"]({**INFO, "not_after": "20200101000000Z"}, ["a.example", "b.example"]) is True
    assert filters["certificate_names"](["db.example"]) == ["DNS:db.example"]
