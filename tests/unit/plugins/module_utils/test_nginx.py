# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.odoo_facts import realtime_path
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.nginx import (
    SiteError,
    normal_sites,
)

SITE = {"instance": "demo", "version": "19", "server_names": ["demo.localhost"]}


@pytest.mark.parametrize(
    ("version", "path"), [("14", "/longpolling"), ("15", "/longpolling"), ("16", "/websocket"), ("19", "/websocket")]
)
def test_realtime_path(version, path):
    assert realtime_path(version) == path
    assert normal_sites([{**SITE, "version": int(version)}])[0]["realtime_path"] == path


def test_defaults_are_filled_in():
    [site] = normal_sites([SITE], {"max_body": "2g", "tls": "ca", "hsts_max_age": "300"})
    assert site["upstream_name"] == "demo.odoo"
    assert site["upstream_servers"] == []
    assert (site["http_port"], site["gevent_port"]) == (8069, 8072)
    assert site["static_root"] == "/srv/static/demo/current"
    assert site["max_body"] == "2g"
    assert site["hsts_max_age"] == 300
    assert site["tls"] == {"mode": "ca", "certificate": "", "key": ""}


@pytest.mark.parametrize(
    ("given", "written"),
    [("2G", "2G"), ("1048576", "1048576"), ("1 GB", str(1024**3)), ("1.5m", str(3 * 1024**2 // 2))],
)
def test_a_size_is_written_as_nginx_takes_it(given, written):
    assert normal_sites([{**SITE, "max_body": given}])[0]["max_body"] == written


def test_a_version_may_be_written_with_its_minor_number():
    assert normal_sites([{**SITE, "version": "19.0"}])[0]["version"] == "19"


def test_replicas_on_other_machines():
    upstream = [
        "10.0.0.5",
        "10.0.0.6:8169",
        "[fd00::1]:8070",
        "fd00::2",
        {"host": "box", "http_port": 1, "gevent_port": "2"},
    ]
    [site] = normal_sites([{**SITE, "upstream": upstream}])
    assert site["upstream_name"] == ""
    assert [(server["host"], server["http_port"], server["gevent_port"]) for server in site["upstream_servers"]] == [
        ("10.0.0.5", 8069, 8072),
        ("10.0.0.6", 8169, 8072),
        ("[fd00::1]", 8070, 8072),
        ("[fd00::2]", 8069, 8072),
        ("box", 1, 2),
    ]


def test_given_certificates():
    tls = {"certificate": "-----BEGIN CERTIFICATE-----\nx", "key": "-----BEGIN PRIVATE KEY-----\ny\n\n"}
    [own] = normal_sites([{**SITE, "tls": tls}])
    assert own["tls"]["mode"] == "files"
    assert own["tls"]["key"].endswith("y\n")
    [shared] = normal_sites([SITE], {"tls": "files", "tls_certificate": tls["certificate"], "tls_key": tls["key"]})
    assert shared["tls"] == own["tls"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"store": "http://swift:8080/v1"},
            r"nginx_sites\[0\]\.store='http://swift:8080/v1': give the store's address without",
        ),
        ({"store": "swift:8080"}, r"store='swift:8080': give the store's address"),
        ({"store": 'http://a";'}, r"store="),
        ({"version": "13"}, r"nginx_sites\[0\]\.version='13': give one of 14"),
        ({"version": None}, "version=None"),
        ({"instance": "a b"}, r"instance='a b'"),
        ({"instance": ""}, r"instance=''"),
        ({"server_names": []}, r"server_names=\[\]"),
        ({"server_names": "demo.localhost"}, "give a list of host names"),
        ({"server_names": ["a;b"]}, "server_names='a;b'"),
        ({"server_names": ["~^x$"]}, "server_names"),
        ({"server_names": ["10.0.0.1"]}, "give host names"),
        ({"server_names": ["a.example", "A.example"]}, "each may appear once"),
        ({"upstream": "a b"}, "upstream='a b'"),
        ({"upstream": 5}, "upstream=5"),
        ({"upstream": ["a:b"]}, r"upstream\[0\]='b': give a port"),
        ({"upstream": ["a:"]}, r"upstream\[0\]='none': give a port"),
        ({"upstream": ["a;b"]}, r"upstream\[0\]='a;b'"),
        ({"http_port": 70000}, "http_port=70000: give a port"),
        ({"gevent_port": "x"}, "gevent_port='x'"),
        ({"static_root": "/srv/../etc"}, "static_root"),
        ({"static_root": "srv"}, "static_root"),
        ({"max_body": "much"}, "max_body='much'"),
        ({"tls": "ca"}, "tls='ca': give a dictionary"),
        ({"tls": {"mode": "none"}}, "tls.mode='none'"),
        ({"tls": {"mode": "files"}}, "tls.certificate: give the text"),
        ({"tls": {"certificate": "-----BEGIN CERTIFICATE-----"}}, "tls.key: give the text"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(SiteError, match=message):
        normal_sites([{**SITE, **change}])


@pytest.mark.parametrize("sites", ["demo", {"instance": "demo"}, ["demo"]])
def test_the_list_itself_is_checked(sites):
    with pytest.raises(SiteError, match="nginx_sites"):
        normal_sites(sites)


def test_a_key_is_never_in_the_message():
    with pytest.raises(SiteError) as caught:
        normal_sites([{**SITE, "tls": {"mode": "files", "certificate": "-----BEGIN CERTIFICATE-----", "key": "hush"}}])
    assert "hush" not in str(caught.value)


def test_names_and_instances_belong_to_one_site():
    with pytest.raises(SiteError, match=r"nginx_sites\[1\]\.instance='demo'"):
        normal_sites([SITE, {**SITE, "server_names": ["b.example"]}])
    with pytest.raises(SiteError, match=r"nginx_sites\[1\]\.server_names='demo.localhost'"):
        normal_sites([SITE, {**SITE, "instance": "other"}])
