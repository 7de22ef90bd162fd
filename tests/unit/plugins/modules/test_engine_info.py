# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.odoo_cloud.platform.plugins.modules import engine_info


def test_no_engine_is_not_an_error(tmp_path):
    answers, version, error = engine_info.look_for_engine(f"unix://{tmp_path}/none.sock")
    assert not answers
    assert version == ""
    assert "none.sock" in error


def test_os_release(tmp_path):
    path = tmp_path / "os-release"
    path.write_text('ID=debian\nVERSION_CODENAME="trixie"\n')
    assert engine_info.os_release(str(path))["VERSION_CODENAME"] == "trixie"
    assert engine_info.os_release(str(tmp_path / "none")) == {}


def test_last_lines(tmp_path):
    path = tmp_path / "log"
    path.write_text("\n".join(str(number) for number in range(20)))
    assert engine_info.last_lines(str(path), 2) == "18\n19"
    assert engine_info.last_lines(str(tmp_path / "none")) == ""
    assert engine_info.last_lines(None) == ""
