# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fails, before the service is touched, when the one-off task didn't end well."""


def handler(events, context):
    import boto3

    task = boto3.client("ecs").describe_tasks(cluster=events["Cluster"], tasks=[events["Task"]])["tasks"][0]
    for container in task["containers"]:
        if container["name"] == events["Container"] and container.get("exitCode") == 0:
            return {"Updated": "yes"}
    codes = [container["name"] + "=" + str(container.get("exitCode")) for container in task["containers"]]
    raise Exception(
        "the update failed, the service stays as it is: " + ", ".join(codes) + ": " + str(task.get("stoppedReason", ""))
    )
