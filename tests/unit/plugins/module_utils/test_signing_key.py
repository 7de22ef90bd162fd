# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints of repository keys. With real keys: `make prove-walls PART=supply-key`."""

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._machine import signing_key

FIRST, SECOND, SUBKEY = "A" * 40, "B" * 40, "C" * 40
ONE = f"tru::1:1:0:3:1:5\npub:-:4096:1:0:1:::-:::scESC::::::23::0:\nfpr:::::::::{FIRST}:\nuid:-::::1::0::Docker::::::::::0:\n"
SUB = f"sub:-:4096:1:0:1::::::s::::::23:\nfpr:::::::::{SUBKEY}:\n"


def test_a_subkey_is_no_key_of_its_own():
    assert signing_key.primary_fingerprints(ONE + SUB) == [FIRST]


def test_a_second_key_is_seen():
    assert signing_key.primary_fingerprints(ONE + SUB + ONE.replace(FIRST, SECOND)) == [FIRST, SECOND]


@pytest.mark.parametrize(
    "given", ["9dc8 5822 9fc7 dd38 854a  e2d8 8d81 803c 0ebf cd88", "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"]
)
def test_a_fingerprint_may_have_spaces(given):
    assert signing_key.normal(given) == "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"


@pytest.mark.parametrize("given", ["", "0EBFCD88", "8D81803C0EBFCD88", "x" * 40])
def test_a_short_key_id_is_refused(given):
    with pytest.raises(signing_key.SigningKeyError, match="all 40 hexadecimal digits"):
        signing_key.normal(given)
