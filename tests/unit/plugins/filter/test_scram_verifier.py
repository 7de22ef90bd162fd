# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.filter.scram_verifier import scram_verifier
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.database import scram

PASSWORD = "a-password-of-the-test"


def test_it_is_a_verifier_of_the_password():
    text = scram_verifier(PASSWORD, "admin")
    assert scram.matches(PASSWORD, text)
    assert not scram.matches(PASSWORD + "x", text)
    assert PASSWORD not in text


def test_the_same_input_gives_the_same_text():
    assert scram_verifier(PASSWORD, "admin") == scram_verifier(PASSWORD, "admin")


def test_the_salt_follows_from_role_and_password():
    salts = {
        scram_verifier(*pair).split(":")[1].split("$")[0] for pair in ((PASSWORD, "a"), (PASSWORD, "b"), ("other", "a"))
    }
    assert len(salts) == 3


@pytest.mark.parametrize("password", ["", None, 5])
def test_an_empty_password_is_refused(password):
    with pytest.raises(AnsibleFilterError, match="the password of the role 'admin' is empty"):
        scram_verifier(password, "admin")
