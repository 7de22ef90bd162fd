# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.addons import install
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import config, errors, password


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


def test_a_password_is_recognised_in_both_forms_that_odoo_accepts():
    # made by passlib's pbkdf2_sha512.using(rounds=1000).hash("admin")
    known = (
        "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$VYpayuGgwzZdp432P"
        "4BiDOsz2R32OckUD4cZP0OnU/dRJDzvbA9NzD4JRchh6MOV7dGmpArYbuwTJVUOgj66DA"
    )
    assert password.matches("admin", known)
    assert not password.matches("Admin", known)
    assert password.matches("admin", password.password_hash("admin", 1000))
    assert password.matches("admin", "admin")
    for stored in ("", "admin ", "$pbkdf2-sha512$x$y$z", "$pbkdf2-sha512$", "$2b$12$abc", "$pbkdf2-sha512$0$AAAA$AAAA"):
        assert not password.matches("admin", stored)


def test_odoos_default_is_no_password_to_give(tmp_path):
    with pytest.raises(errors.ConfigError, match="ADMIN_PASSWORD is 'admin': that is Odoo's default"):
        settings(tmp_path, ADMIN_PASSWORD="admin")
    assert settings(tmp_path, ADMIN_PASSWORD="administrator").admin_password == "administrator"
