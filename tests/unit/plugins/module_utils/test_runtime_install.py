# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime import config, install


def settings(tmp_path, **extra):
    conf = tmp_path / "odoo.conf"
    conf.write_text("[options]\ndb_user = acme\ndb_name = acme\n")
    return config.load({"ODOO_RC": str(conf), "ODOO_VERSION": "19", "DB_PASSWORD": "s3cret", **extra})


def test_passlib_vector():
    """pbkdf2_sha512 of passlib's own documentation."""
    assert install.password_hash(
        "password", 25000, b"\xd9\x9b\xb3\xd6\xf8\x9f\x3b\xe7\x9c\xb3\x36\xc6\x98\xd3\xda\x3b"
    ).startswith("$pbkdf2-sha512$25000$2Zuz1vifO.ecszbGmNPaOw$")


def test_hash_form():
    one, two = install.password_hash("a", 1000), install.password_hash("a", 1000)
    assert one != two
    kind, rounds, salt, digest = one.lstrip("$").split("$")
    assert (kind, rounds, len(salt), len(digest)) == ("pbkdf2-sha512", "1000", 22, 86)
    assert not set("+=") & set(salt + digest)


def test_parameters(tmp_path):
    assert install.parameters(settings(tmp_path)) == {"report.url": "http://127.0.0.1:8069"}
    found = install.parameters(settings(tmp_path, BASE_URL="https://shop.example.com/", HTTP_PORT="8070"))
    assert found == {
        "report.url": "http://127.0.0.1:8070",
        "web.base.url": "https://shop.example.com",
        "web.base.url.freeze": "True",
    }
