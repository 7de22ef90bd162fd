# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module odoo_attachments without an engine: its command line, and what becomes of the runtime's answer."""

from __future__ import annotations

import json

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import attachments as _attachments
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import one_off
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.attachments import options
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import UsageError

PARAMS = {
    "instance": "acme", "action": "move", "to": None, "sources": [], "set_location": False, "keep_sources": False,
    "include_foreign": False, "verify": "store", "batch": 200, "workers": 16, "drain": 60, "deep": False, "repair": False,
    "grace": 3600, "orphan_limit": 50,
}  # fmt: skip


def test_every_option_is_understood_by_the_runtime():
    words = _attachments.command(
        {**PARAMS, "to": "s3", "sources": ["file", "db"], "set_location": True, "keep_sources": True,
         "include_foreign": True, "verify": "read", "batch": 10, "workers": 4, "drain": 5}, True,
    )  # fmt: skip
    found = options.parse_options(words[1:])
    assert words[0] == "attachments"
    assert found == options.CommandOptions(
        action="move", to="s3", sources=("file", "db"), dry_run=True, workers=4, batch=10, keep=True, foreign=True,
        verify="read", set_location=True, drain=5.0,
    )  # fmt: skip
    words = _attachments.command({**PARAMS, "action": "audit", "deep": True, "repair": True}, False)
    found = options.parse_options(words[1:])
    assert (found.action, found.deep, found.repair, found.dry_run, found.grace) == ("audit", True, True, False, 3600.0)
    assert options.parse_options(_attachments.command(PARAMS, False)[1:]).to == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "required: action"),
        (["move", "--to", "azure"], "invalid choice: 'azure'"),
        (["move", "--from", "file,azure"], "--from azure: must be of file, db, s3, swift"),
        (["move", "--workers", "0"], "'0': must be a number from 1 to 64"),
        (["move", "--repair"], "unrecognized arguments: --repair"),
        (["audit", "--orphan-limit=101"], "'101': must be a number from 0 to 100"),
        (["audit", "--orphan-limit=1.5"], "argument --orphan-limit: '1.5': must be a whole number from 0 to 100"),
        (["move", "--drain=nan"], "argument --drain: 'nan': must be a number from 0 to 86400"),
    ],
)
def test_wrong_arguments(words, sentence):
    with pytest.raises(UsageError, match=sentence.replace("(", r"\(")):
        options.parse_options(words)


def progress(code):
    return one_off.Progress(True, exit_code=code, name="p-acme-attachments", container="1")


def test_result_of_a_move():
    told = {"action": "move", "changed": True, "moved": {"file -> s3": 3, "file -> db": 1}, "plan": {}, "counts": {}}
    log = "2026-11-25 20:58:08,058 31 INFO odoo-cloud: 4 attachments moved\n"
    found = _attachments.finished(PARAMS, progress(0), json.dumps(told), log + json.dumps(told))
    assert (found["changed"], found["good"], found["log"]) == (True, True, [log.strip()])
    assert found["warnings"] == []
    warned = _attachments.finished(
        PARAMS, progress(0), json.dumps(told), log.replace("INFO odoo-cloud: ", "WARNING odoo-cloud: look: ")
    )
    assert [line.split(":")[0] for line in warned["warnings"]] == ["look"]
    assert found["diff"] == {"before": "file: 4 attachments\n", "after": "db: 1 attachments\ns3: 3 attachments\n"}
    assert found["moved"] == told["moved"]


def test_check_mode_tells_the_plan():
    told = {"action": "move", "changed": True, "plan": {"db -> file": {"attachments": 2, "bytes": 9}}, "dry_run": True}
    assert _attachments.finished(PARAMS, progress(0), json.dumps(told), "")["diff"]["after"] == "file: 2 attachments\n"


def test_troubles_are_no_failure_but_not_good():
    told = {"action": "move", "changed": False, "counts": {"missing": 1}, "missing": [{"id": 1}]}
    found = _attachments.finished(PARAMS, progress(90), json.dumps(told), "")
    assert (found["good"], found["missing"]) == (False, [{"id": 1}])
    assert not _attachments.finished({**PARAMS}, progress(90), json.dumps({"action": "audit", "good": False}), "")[
        "good"
    ]


def test_what_went_wrong_is_told():
    log = "2026-11-25 20:58:08,058 31 ERROR odoo-cloud: AWS_BUCKETNAME is not set: it must name the bucket of the attachments\n"
    with pytest.raises(_attachments.Failed) as caught:
        _attachments.finished(PARAMS, progress(78), "", log)
    assert "exit code 78" in str(caught.value)
    assert "AWS_BUCKETNAME is not set" in str(caught.value)
    with pytest.raises(_attachments.Failed, match="no result, exit code 0"):
        _attachments.finished(PARAMS, progress(0), "nonsense", "")
