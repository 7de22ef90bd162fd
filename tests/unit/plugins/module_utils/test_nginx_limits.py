# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory.settings import rpc_addresses
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import nginx_limits
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.nginx import SiteError, normal_sites
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.nginx_limits import MIB, LimitError, limits

SITE = {"instance": "demo", "version": "19", "server_names": ["demo.localhost"]}


@pytest.mark.parametrize("memory", [128, 256, 512, 768, 2048, 65536])
@pytest.mark.parametrize("cpus", [1, 2, 4, 16, 64, 256])
@pytest.mark.parametrize("space", [4, 8, 100])
def test_the_worst_of_each_kind_fits_at_any_number_of_processors(memory, cpus, space):
    found = limits(f"{memory}m", cpus, f"{space}g", ["1g", "100m"])
    used = nginx_limits.SHARED + found["workers"] * nginx_limits.WORKER
    used += found["requests"] * (nginx_limits.REQUEST + 2 * nginx_limits.FILE)
    used += found["workers"] * found["connections"] * nginx_limits.STATE
    assert used <= memory * MIB
    disk = found["large"] * 1024 * MIB + found["medium"] * nginx_limits.MEDIUM_BODY
    disk += found["requests"] * (nginx_limits.SMALL_BODY + nginx_limits.ANSWER)
    assert disk <= space * 1024 * MIB
    assert min(found.values()) >= 1
    assert max(found["websockets"], found["requests"] * 2) <= 65535


def test_the_default_survives_ten_thousand_half_open_handshakes():
    found = limits("1g", 2, "8g", ["1g"])
    # nginx closes idle connections when 15 of 16 are used
    assert found["workers"] * found["connections"] * 15 // 16 > 10000
    assert found["large"] == 2


def test_what_an_operator_gives_counts():
    found = limits("768m", 8, "8g", [], workers="3", connections="4096")
    assert (found["workers"], found["connections"]) == (3, 4096)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory": "much"}, "nginx_memory='much': give a size"),
        ({"memory": "64m"}, "nginx_memory='64m': too little for 1 processes; give 128m or more"),
        ({"workers": "many"}, "nginx_workers='many': give auto or a whole number"),
        ({"workers": 0, "memory": "64m"}, "nginx_memory='64m'"),
        ({"connections": "10"}, "nginx_worker_connections='10': give a whole number, 512 or more"),
        ({"space": "1g"}, "nginx_temporary_space='1g': an upload of 1024 MB needs 4096m"),
        ({"space": ""}, "nginx_temporary_space='': give a size"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(LimitError, match=re.escape(message)):
        limits(**{"memory": "768m", "cpus": 2, "space": "8g", "bodies": ["1g"], **change})


@pytest.mark.parametrize(
    ("version", "path", "taken"),
    [
        ("14", "/web/binary/upload", True),
        ("19", "/web/binary/upload_attachment", True),
        ("19", "/web/dataset/call_kw", True),
        ("19", "/web/dataset/call_kw/res.partner/web_save", True),
        ("14", "/web/dataset/call_button", True),
        ("14", "/web/dataset/call", True),
        ("19", "/de/website/form/hr.applicant", True),
        ("14", "/website_form/crm.lead", True),
        ("19", "/website_form/crm.lead", False),
        ("14", "/mail/attachment/upload", False),
        ("19", "/mail/attachment/upload", True),
        ("19", "/mail/message/post", True),
        ("14", "/mail/chatter_post", True),
        ("19", "/product/document/upload", True),
        ("19", "/documents/upload_attachment", True),
        ("19", "/documents/upload/abc", True),
        ("19", "/xmlrpc/2/object", True),
        ("19", "/jsonrpc", True),
        ("19", "/json/2/res.partner/create", True),
        ("19", "/base_import/set_file", True),
        ("19", "/html_editor/attachment/add_data", True),
        ("19", "/web", False),
        ("19", "/web/login", False),
        ("19", "/x/y/web/dataset/call_kw", False),
        ("19", "/web/dataset/call_kwx", False),
        ("19", "/shop/cart", False),
        ("19", "/", False),
        ("19", "/own/upload", True),
        ("19", "/own/upload/1", True),
        ("19", "/own/uploads", False),
    ],
)
def test_large_bodies_are_taken_where_odoo_takes_uploads(version, path, taken):
    [site] = normal_sites([{**SITE, "version": version}], {"upload_paths": ["/own/upload/"]})
    assert bool(re.match(site["uploads"], path, re.IGNORECASE)) is taken


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("/web/login", True),
        ("/de/web/login", True),
        ("/web/login/totp", True),
        ("/web/session/authenticate", True),
        ("/web/reset_password", True),
        ("/web/signup", True),
        ("/web/loginx", False),
        ("/web/session/get_session_info", False),
        ("/web", False),
    ],
)
def test_doors(path, is_one):
    assert bool(re.match(nginx_limits.doors(), path)) is is_one


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (True, ["all"]),
        ("true", ["all"]),
        ("all", ["all"]),
        (False, []),
        ("no", []),
        (["192.0.2.7", "10.1.2.3/8", "fd00::/8"], ["192.0.2.7/32", "10.0.0.0/8", "fd00::/8"]),
        ("192.0.2.7", ["192.0.2.7/32"]),
        ([], []),
        (["here"], None),
        ("some", None),
    ],
)
def test_who_may_call(given, found):
    assert rpc_addresses(given) == found
    if found is None:
        with pytest.raises(SiteError, match="rpc=.*: give true, false, or a list of addresses"):
            normal_sites([{**SITE, "rpc": given}])
    else:
        assert normal_sites([{**SITE, "rpc": given}])[0]["rpc"] == found


@pytest.mark.parametrize("paths", ["/x", ["x"], ["/"], ["/a b"]])
def test_paths_of_uploads_are_checked(paths):
    with pytest.raises(SiteError, match="nginx_upload_paths"):
        normal_sites([SITE], {"upload_paths": paths})
