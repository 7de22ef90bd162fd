# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what the channel names with what runs, and says what is to be done.

It looks up everything itself, so any event may start it, and a lost or doubled one does no harm.
"""

import json
import time

UNFINISHED = ("PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING")
INPUTS = ("requirements.txt", "constraints.txt", "system_packages.txt")


def handler(events, context):
    """Action is nothing, build, wait or deliver."""
    import boto3

    clients = {name: boto3.client(name) for name in ("s3", "ecs", "ecr", "imagebuilder")}
    pointer = read(clients["s3"], events["Bucket"], events["Prefix"] + "channels/" + events["Channel"] + ".json")
    if pointer is None:
        return answer("nothing", "the channel names no release yet")
    pointer = json.loads(pointer)
    if pointer["layout"] != "tree" or pointer.get("in_place"):
        raise Exception(
            "the release was delivered with another layout; use layout=tree and in_place=false of odoo_addons_sync"
        )
    release = pointer["release"]
    found = {"Release": release}
    if events["Pipeline"]:
        manifest = json.loads(read(clients["s3"], events["Bucket"], events["Prefix"] + "releases/" + release + ".json"))
        since = write_inputs(clients["s3"], events["Bucket"], events["Prefix"] + "image/", manifest)
        found["Image"], building = newest_image(clients["imagebuilder"], clients["ecr"], events["Pipeline"], since)
        if not found["Image"]:
            if building:
                return answer("wait", "image " + building + " is being built; its end starts this again", **found)
            return answer("build", "no image has these requirements", **found)
    if running(clients["ecs"], events, found):
        return answer("nothing", "release " + release + " runs already", **found)
    folders = clients["s3"].list_objects_v2(
        Bucket=events["Bucket"], Prefix=events["Prefix"] + "releases/" + release + "/", Delimiter="/"
    )
    names = [one["Prefix"].rstrip("/").rpartition("/")[2] for one in folders.get("CommonPrefixes", [])]
    for name in ("modules", "python"):
        found[name.capitalize()] = "yes" if name in names else "no"
    return answer("deliver", "release " + release + " is new, or its image is", **found)


def answer(action, why, **more):
    return {"Action": action, "Why": why, "Release": "", "Image": "", "Modules": "no", "Python": "no", **more}


def read(s3, bucket, key):
    try:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8")
    except s3.exceptions.NoSuchKey:
        return None


def write_inputs(s3, bucket, folder, manifest):
    """Puts what the image is built from where the build looks for it; returns since when it is there."""
    texts = (
        manifest["requirements"],
        manifest["constraints"],
        "".join(name + "\n" for name in manifest["system_packages"]),
    )
    wrote = False
    for name, text in zip(INPUTS, texts):
        if read(s3, bucket, folder + name) != text:
            s3.put_object(Bucket=bucket, Key=folder + name, Body=text.encode("utf-8"))
            wrote = True
    if wrote:
        time.sleep(2)  # S3 tells times in whole seconds: a build that starts now must count as later
    return max(s3.head_object(Bucket=bucket, Key=folder + name)["LastModified"].timestamp() for name in INPUTS)


def newest_image(builder, ecr, pipeline, since):
    """The address of the newest image that was begun after the inputs were written, and one that is being built."""
    usable, building, more = [], "", {}
    while True:
        page = builder.list_image_pipeline_images(imagePipelineArn=pipeline, **more)
        for image in page["imageSummaryList"]:
            if seconds(image["dateCreated"]) < since + 1:
                continue
            if image["state"]["status"] == "AVAILABLE":
                usable.append((seconds(image["dateCreated"]), image))
            elif image["state"]["status"] in UNFINISHED:
                building = image["arn"]
        if not page.get("nextToken"):
            break
        more = {"nextToken": page["nextToken"]}
    if not usable:
        return "", building
    image = max(usable, key=lambda one: one[0])[1]
    return by_digest(ecr, image["outputResources"]["containers"][0]["imageUris"][0]), building


def seconds(text):
    import datetime

    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def by_digest(ecr, address):
    """An address that can never mean another image."""
    place, tag = address.split(":", 1)
    repository = place.partition("/")[2]
    details = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    return place + "@" + details[0]["imageDigest"]


def running(ecs, events, found):
    """Whether the service has been told of this release and image, and reached it."""
    service = ecs.describe_services(cluster=events["Cluster"], services=[events["Service"]])["services"]
    if not service:
        raise Exception("service " + events["Service"] + " isn't in cluster " + events["Cluster"])
    if len(service[0].get("deployments", [])) > 1:
        return False
    definition = ecs.describe_task_definition(taskDefinition=service[0]["taskDefinition"])["taskDefinition"]
    containers = [one for one in definition["containerDefinitions"] if one["name"] == events["Container"]]
    if not containers:
        raise Exception("the task definition has no container " + events["Container"])
    environment = {one["name"]: one["value"] for one in containers[0].get("environment", [])}
    wanted = {name: value.replace("{release}", found["Release"]) for name, value in events["Environment"].items()}
    same_image = not found.get("Image") or containers[0]["image"] == found["Image"]
    return same_image and all(environment.get(name) == value for name, value in wanted.items())
