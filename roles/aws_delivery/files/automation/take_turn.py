# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until no older execution of this automation is at work, so that two releases never mix."""

import time


def handler(events, context):
    """Ends when it is this execution's turn; Systems Manager tries again when ten minutes weren't enough."""
    import boto3

    client = boto3.client("ssm")
    deadline = time.monotonic() + events["Seconds"]
    while True:
        running = executions(client, events["Document"])
        own = running.index(events["Execution"]) if events["Execution"] in running else len(running)
        if own == 0 or not running:
            return {"Turn": "now"}
        if time.monotonic() > deadline:
            raise Exception("an older execution is still at work: " + running[0])
        time.sleep(events["Pause"])


def executions(client, document):
    """The executions of the document that haven't ended, the oldest first."""
    filters = [
        {"Key": "DocumentNamePrefix", "Values": [document]},
        {"Key": "ExecutionStatus", "Values": ["InProgress", "Pending", "Waiting"]},
    ]
    found, more = [], {}
    while True:
        answer = client.describe_automation_executions(Filters=filters, **more)
        found += [one for one in answer["AutomationExecutionMetadataList"] if one["DocumentName"] == document]
        if not answer.get("NextToken"):
            break
        more = {"NextToken": answer["NextToken"]}
    found.sort(key=lambda one: (str(one["ExecutionStartTime"]), one["AutomationExecutionId"]))
    return [one["AutomationExecutionId"] for one in found]
