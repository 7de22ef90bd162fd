# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.odoo_cloud.platform.plugins.filter.postgres_settings import postgres_settings as as_filter
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services.postgres_settings import (
    GIB,
    MIB,
    NEED_RESTART,
    RESERVED,
    SettingsError,
    computed,
    memory_to_plan,
    postgres_settings,
    size_bytes,
)


def value(result, name):
    return re.search(rf"^{name} = (.*)$", result["text"], re.MULTILINE)[1]


def in_bytes(text):
    return size_bytes(text.strip("'").lower(), "test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512m", 512 * MIB),
        ("2g", 2 * GIB),
        ("1.5G", 3 * GIB // 2),
        ("1GiB", GIB),
        ("64MB", 64 * MIB),
        (1024, 1024),
        ("10", 10),
    ],
)
def test_sizes(text, expected):
    assert size_bytes(text, "x") == expected


@pytest.mark.parametrize("text", ["lots", "", "-1g", "1x", True, None])
def test_a_wrong_size_names_variable_and_value(text):
    with pytest.raises(SettingsError, match=r"postgres_memory=.*: give a size such as"):
        size_bytes(text, "postgres_memory")


@pytest.mark.parametrize(
    ("memory", "machine", "expected"),
    [
        ("", 8 * GIB, 2 * GIB),
        ("", None, 512 * MIB),
        ("", 256 * MIB, 128 * MIB),
        ("", 1024 * GIB, 32 * GIB),
        ("64g", 8 * GIB, 64 * GIB),
    ],
)
def test_memory_to_plan_with(memory, machine, expected):
    assert memory_to_plan(memory, machine) == expected


def test_too_little_memory_is_refused():
    with pytest.raises(SettingsError, match="postgres_memory='64m': give 128m or more"):
        memory_to_plan("64m", None)


@pytest.mark.parametrize("memory", [128 * MIB, 512 * MIB, 2 * GIB, 8 * GIB, 32 * GIB, 256 * GIB])
@pytest.mark.parametrize("connections", [10, 200, 2000])
def test_sizes_fit_into_the_memory(memory, connections):
    settings = computed(memory, connections)
    shared = in_bytes(settings["shared_buffers"])
    assert 64 * MIB <= shared <= max(64 * MIB, memory // 2)
    assert shared <= in_bytes(settings["effective_cache_size"]) <= memory
    assert 4 * MIB <= in_bytes(settings["work_mem"]) <= 64 * MIB
    assert in_bytes(settings["maintenance_work_mem"]) <= max(32 * MIB, memory // 8)
    assert in_bytes(settings["min_wal_size"]) < in_bytes(settings["max_wal_size"])


def test_more_memory_gives_more():
    small, large = computed(GIB, 200), computed(16 * GIB, 200)
    for name in ("shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem", "max_wal_size"):
        assert in_bytes(small[name]) < in_bytes(large[name]), name


def test_given_settings_win_over_computed_ones():
    result = postgres_settings(
        machine_memory=8 * GIB, overrides={"work_mem": "5MB", "auto_explain.log_min_duration": "1s"}
    )
    assert value(result, "work_mem") == "'5MB'"
    assert value(result, "auto_explain.log_min_duration") == "'1s'"
    assert len(re.findall("^work_mem ", result["text"], re.MULTILINE)) == 1


def test_values_are_quoted():
    result = postgres_settings(fixed={"a": True, "b": False, "c": 5, "d": 0.5, "e": "it's \\ so", "f": ""})
    assert [value(result, name) for name in "abcdef"] == ["on", "off", "5", "0.5", "'it''s \\\\ so'", "''"]


@pytest.mark.parametrize("bad", ["a\nport = 1", ["x"], None, {"a": 1}])
def test_a_value_cannot_bring_lines_of_its_own(bad):
    with pytest.raises(SettingsError, match="postgres_settings: work_mem="):
        postgres_settings(overrides={"work_mem": bad})


@pytest.mark.parametrize("bad", ["Work_Mem", "work mem", "a.b.c", "x = 1\ny", ""])
def test_a_name_must_be_one(bad):
    with pytest.raises(SettingsError, match="is not the name of a setting"):
        postgres_settings(overrides={bad: 1})


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_what_the_role_sets_is_refused(name):
    with pytest.raises(SettingsError, match=rf"postgres_settings: {name}='x': the role sets it"):
        postgres_settings(overrides={name: "x"})


@pytest.mark.parametrize("bad", ["many", 5, True, 100000, None])
def test_number_of_connections(bad):
    with pytest.raises(SettingsError, match="postgres_max_connections="):
        postgres_settings(max_connections=bad)


def test_only_what_needs_a_restart_changes_the_key():
    key = postgres_settings()["restart_key"]
    assert postgres_settings(overrides={"work_mem": "77MB"})["restart_key"] == key
    assert postgres_settings(overrides={"shared_buffers": "77MB"})["restart_key"] != key
    assert postgres_settings(max_connections=300)["restart_key"] != key
    assert {"archive_mode", "wal_level", "shared_preload_libraries"} <= NEED_RESTART


def test_same_input_same_text():
    one = postgres_settings(fixed={"b": 1, "a": 2}, overrides={"work_mem": "9MB"})
    assert one == postgres_settings(overrides={"work_mem": "9MB"}, fixed={"a": 2, "b": 1})


def test_filter_reports_the_line_for_people():
    assert as_filter({}, memory="1g")["memory_bytes"] == GIB
    with pytest.raises(AnsibleFilterError, match="postgres_settings=5: give a dictionary"):
        as_filter(5)
