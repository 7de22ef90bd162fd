# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib

import pytest


@pytest.fixture(scope="session")
def collection_root() -> pathlib.Path:
    """The top folder of the collection."""
    return pathlib.Path(__file__).resolve().parents[2]
