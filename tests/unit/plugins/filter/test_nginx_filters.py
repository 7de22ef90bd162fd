# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.filter.nginx import FilterModule

FILTERS = FilterModule().filters()


def test_sites():
    [site] = FILTERS["nginx_sites"]([{"instance": "a", "version": "14", "server_names": ["a.example"]}], max_body="5m")
    assert (site["realtime_path"], site["max_body"]) == ("/longpolling", "5m")


def test_a_mistake_is_an_error_of_the_filter():
    with pytest.raises(AnsibleFilterError, match=r"nginx_sites\[0\]\.version"):
        FILTERS["nginx_sites"]([{"instance": "a", "version": "9", "server_names": ["a.example"]}])


def test_limits():
    found = FILTERS["nginx_limits"]([{"max_body": "1g"}], "768m", 2, "8g", workers="auto", connections="")
    assert (found["workers"], found["large"], found["small_body"]) == (2, 2, 2 * 1024**2)
    with pytest.raises(AnsibleFilterError, match="nginx_temporary_space='1g'"):
        FILTERS["nginx_limits"]([{"max_body": "1g"}], "768m", 2, "1g")
