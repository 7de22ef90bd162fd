# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers the task definition of the new release, and starts the one-off task that updates the database with it."""

import json


def handler(events, context):
    """Returns the new task definition and the task. The service isn't touched."""
    import boto3

    ecs, s3 = boto3.client("ecs"), boto3.client("s3")
    key = events["Prefix"] + "channels/" + events["Channel"] + ".json"
    pointer = json.loads(s3.get_object(Bucket=events["Bucket"], Key=key)["Body"].read())
    if pointer["release"] != events["Release"]:
        raise Exception(
            "the channel names " + pointer["release"] + " by now; the execution that it started goes on with that"
        )
    service = ecs.describe_services(cluster=events["Cluster"], services=[events["Service"]])["services"][0]
    found = ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
    known = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    definition = {name: value for name, value in found["taskDefinition"].items() if name in known}
    if found.get("tags"):
        definition["tags"] = found["tags"]
    for container in definition["containerDefinitions"]:
        if container["name"] == events["Container"]:
            change(container, events)
    made = ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    return {"TaskDefinition": made, "Task": start_update(ecs, events, service, made)}


def change(container, events):
    environment = {one["name"]: one["value"] for one in container.get("environment", [])}
    for name, value in events["Environment"].items():
        environment[name] = value.replace("{release}", events["Release"])
    container["environment"] = [{"name": name, "value": value} for name, value in sorted(environment.items())]
    if events["Image"]:
        container["image"] = events["Image"]


def start_update(ecs, events, service, definition):
    """The one-off runs where the service runs, with the same network."""
    overrides = [{"name": name, "value": value} for name, value in sorted(events["Update"].items())]
    request = {
        "cluster": events["Cluster"],
        "taskDefinition": definition,
        "count": 1,
        "startedBy": "odoo-cloud-delivery",
        "overrides": {"containerOverrides": [{"name": events["Container"], "environment": overrides}]},
    }
    for name in ("networkConfiguration", "platformVersion"):
        if service.get(name):
            request[name] = service[name]
    if service.get("capacityProviderStrategy"):
        request["capacityProviderStrategy"] = service["capacityProviderStrategy"]
    elif service.get("launchType"):
        request["launchType"] = service["launchType"]
    answer = ecs.run_task(**request)
    if answer.get("failures") or not answer["tasks"]:
        raise Exception("the task that updates could not be started: " + json.dumps(answer.get("failures")))
    return answer["tasks"][0]["taskArn"]
