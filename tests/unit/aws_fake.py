# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One address that answers like AWS: moto where moto has the service, and a STUB of our own for Image Builder, DataSync and the
execution of SSM automations.

The stub keeps state and refuses what the rules of these services refuse, as far as their documentation tells. Every request to a service
with a JSON or CBOR protocol, moto's too, is held against botocore's model of the service (types, required members, unknown members,
enumerations, patterns, lengths), and every answer of the stub too. It is no AWS: what AWS does beyond its models was not tried.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import re
import threading
import time
import typing as t
import urllib.parse
import urllib.request
import uuid

import botocore.parsers
import botocore.serialize
import botocore.session
import yaml
from moto.backends import get_backend
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ACCOUNT = "123456789012"
REGION = "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
UNFINISHED = ("PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING")

Params = dict[str, t.Any]


class Refused(Exception):
    """An error answer of the service."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


# -- models --------------------------------------------------------------------------------------------------------------------

_SESSION = botocore.session.Session()
_CLASSES = {r"\p{Zs}": r" ", r"\p{L}": r"\w", r"\p{Z}": r"\s", r"\p{N}": r"\d", r"\p{M}": r"\w"}


def model(service: str) -> t.Any:
    return _SESSION.get_service_model(service)


def complaints(shape: t.Any, value: t.Any, where: str = "") -> list[str]:
    """What botocore's model of a shape doesn't allow in a value."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no structure"]
        found = [f"{where}.{name}: is required" for name in shape.required_members if value.get(name) is None]
        for name, one in value.items():
            if name not in shape.members:
                found.append(f"{where}.{name}: is unknown")
            elif one is not None:
                found += complaints(shape.members[name], one, f"{where}.{name}")
        return found
    if kind == "list":
        if not isinstance(value, (list, tuple)):
            return [f"{where}: {value!r} is no list"]
        return _size(shape, len(value), where) + [
            text for number, one in enumerate(value) for text in complaints(shape.member, one, f"{where}[{number}]")
        ]
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no map"]
        found = _size(shape, len(value), where)
        for key, one in value.items():
            found += complaints(shape.key, key, f"{where} key {key!r}") + complaints(shape.value, one, f"{where}.{key}")
        return found
    if kind == "string":
        if not isinstance(value, str):
            return [f"{where}: {value!r} is no string"]
        found = _size(shape, len(value), where)
        if getattr(shape, "enum", None) and value not in shape.enum:
            found.append(f"{where}: {value!r} is none of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        if pattern:
            for name, plain in _CLASSES.items():
                pattern = pattern.replace(name, plain)
            if not re.fullmatch(pattern, value, re.DOTALL):
                found.append(f"{where}: {value[:100]!r} doesn't match {pattern}")
        return found
    if kind in ("integer", "long"):
        if isinstance(value, bool) or not isinstance(value, int):
            return [f"{where}: {value!r} is no integer"]
        return _size(shape, value, where)
    if kind == "boolean":
        return [] if isinstance(value, bool) else [f"{where}: {value!r} is no boolean"]
    return []  # timestamps, floats and blobs: their forms depend on the protocol


def _size(shape: t.Any, number: int, where: str) -> list[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and number < low:
        return [f"{where}: {number} is less than {low}"]
    if high is not None and number > high:
        return [f"{where}: {number} is more than {high}"]
    return []


def validate(service: str, operation: str, params: Params) -> None:
    shape = model(service).operation_model(operation).input_shape
    found = complaints(shape, params) if shape is not None else []
    if found:
        raise Refused("ValidationException", f"{service} {operation}: " + "; ".join(found))


# -- the stub of Image Builder -------------------------------------------------------------------------------------------------


def slug(name: str) -> str:
    return re.sub(r"[ _]", "-", name.lower())


class ImageBuilder:
    """Components, recipes, configurations, pipelines and the images that pipelines make."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.things: dict[str, Params] = {}  # by ARN
        self.kinds: dict[str, str] = {}
        self.made_by: dict[str, str] = {}  # image: pipeline
        self.profile_lag = 0  # how often a new instance profile isn't known yet

    def _arn(self, kind: str, rest: str) -> str:
        return f"arn:aws:imagebuilder:{REGION}:{ACCOUNT}:{kind}/{rest}"

    def _get(self, kind: str, arn: str) -> Params:
        if self.kinds.get(arn) != kind:
            raise Refused("ResourceNotFoundException", f"The resource {arn} cannot be found.", 404)
        return self.things[arn]

    def _add(self, kind: str, arn: str, thing: Params) -> str:
        if arn in self.things:
            raise Refused("ResourceAlreadyExistsException", f"The resource {arn} already exists.")
        self.things[arn] = {"arn": arn, "dateCreated": _now(), **thing}
        self.kinds[arn] = kind
        return arn

    def _drop(self, kind: str, arn: str) -> None:
        self._get(kind, arn)
        users = [
            other for other, thing in self.things.items() if other != arn and arn in json.dumps(thing, default=str)
        ]
        users = [other for other in users if self.kinds[other] != "image"]
        if users:
            raise Refused(
                "ResourceDependencyException", f"Resource dependency error: {arn} is used by {', '.join(users)}."
            )
        del self.things[arn], self.kinds[arn]

    def _named(self, kind: str, params: Params) -> list[Params]:
        names = [name for one in params.get("filters") or () if one["name"] == "name" for name in one["values"]]
        return [
            thing
            for arn, thing in sorted(self.things.items())
            if self.kinds[arn] == kind and (not names or thing["name"] in names)
        ]

    @staticmethod
    def _summary(thing: Params, keys: str) -> Params:
        return {key: thing[key] for key in keys.split() if key in thing}

    def create_component(self, params: Params) -> Params:
        if ("data" in params) == ("uri" in params):
            raise Refused("InvalidParameterCombinationException", "Specify exactly one of data and uri.")
        document = yaml.safe_load(params["data"])
        if not isinstance(document, dict) or document.get("schemaVersion") != 1.0 or not document.get("phases"):
            raise Refused("InvalidParameterValueException", "The value supplied for parameter 'data' is not valid.")
        for phase in document["phases"]:
            if phase["name"] not in ("build", "validate", "test") or not all(
                {"name", "action"} <= set(step) for step in phase["steps"]
            ):
                raise Refused("InvalidParameterValueException", "The value supplied for parameter 'data' is not valid.")
        arn = self._arn("component", f"{slug(params['name'])}/{params['semanticVersion']}/1")
        thing = {key: params[key] for key in ("name", "platform", "data", "tags", "description") if key in params}
        self._add("component", arn, {**thing, "version": params["semanticVersion"], "type": "BUILD", "owner": ACCOUNT})
        return {"componentBuildVersionArn": arn}

    def get_component(self, params: Params) -> Params:
        return {"component": self._get("component", params["componentBuildVersionArn"])}

    def list_components(self, params: Params) -> Params:
        keys = "name version platform type owner dateCreated"
        found = self._named("component", params)
        page = 1 if self.fake.small_pages else 100
        start = int(params.get("nextToken") or 0)
        answer: Params = {
            "componentVersionList": [
                {**self._summary(one, keys), "arn": one["arn"].rpartition("/")[0]}
                for one in found[start : start + page]
            ]
        }
        if start + page < len(found):
            answer["nextToken"] = str(start + page)
        return answer

    def list_component_build_versions(self, params: Params) -> Params:
        keys = "arn name version platform type owner dateCreated tags"
        found = [
            self._summary(thing, keys)
            for arn, thing in self.things.items()
            if arn.startswith(params["componentVersionArn"] + "/")
        ]
        return {"componentSummaryList": found}

    def delete_component(self, params: Params) -> Params:
        self._drop("component", params["componentBuildVersionArn"])
        return {}

    def create_container_recipe(self, params: Params) -> Params:
        for one in params.get("components") or ():
            if one["componentArn"].split(":")[4] != "aws":
                self._get("component", one["componentArn"])
        if ("dockerfileTemplateData" in params) == ("dockerfileTemplateUri" in params):
            raise Refused("InvalidParameterCombinationException", "Specify exactly one Dockerfile template.")
        arn = self._arn("container-recipe", f"{slug(params['name'])}/{params['semanticVersion']}")
        keys = "name containerType description components parentImage targetRepository dockerfileTemplateData tags instanceConfiguration"
        # AWS gives back a form of its own: here too, so that nobody compares texts.
        thing = {
            **self._summary(params, keys),
            "version": params["semanticVersion"],
            "owner": ACCOUNT,
            "platform": "Linux",
        }
        thing["dockerfileTemplateData"] = thing["dockerfileTemplateData"].strip()
        self._add("recipe", arn, thing)
        return {"containerRecipeArn": arn}

    def list_container_recipes(self, params: Params) -> Params:
        keys = "arn name containerType platform owner parentImage dateCreated tags"
        return {"containerRecipeSummaryList": [self._summary(one, keys) for one in self._named("recipe", params)]}

    def delete_container_recipe(self, params: Params) -> Params:
        self._drop("recipe", params["containerRecipeArn"])
        return {}

    def _profile(self, name: str) -> None:
        try:
            get_backend("iam")[ACCOUNT]["aws"].get_instance_profile(name)
        except Exception:
            self.profile_lag = 0
            known = False
        else:
            known = self.profile_lag == 0
            self.profile_lag = max(0, self.profile_lag - 1)
        if not known:
            raise Refused(
                "InvalidParameterValueException",
                "The value supplied for parameter 'instanceProfileName' is not valid. The provided instance profile does not exist.",
            )

    def create_infrastructure_configuration(self, params: Params) -> Params:
        self._profile(params["instanceProfileName"])
        arn = self._arn("infrastructure-configuration", slug(params["name"]))
        thing = {key: value for key, value in params.items() if key != "clientToken"}
        # Defaults that AWS writes down.
        self._add("infrastructure", arn, {"terminateInstanceOnFailure": True, **thing})
        return {"infrastructureConfigurationArn": arn}

    def get_infrastructure_configuration(self, params: Params) -> Params:
        return {"infrastructureConfiguration": self._get("infrastructure", params["infrastructureConfigurationArn"])}

    def list_infrastructure_configurations(self, params: Params) -> Params:
        keys = "arn name description dateCreated tags instanceTypes instanceProfileName"
        return {
            "infrastructureConfigurationSummaryList": [
                self._summary(one, keys) for one in self._named("infrastructure", params)
            ]
        }

    def _change(self, kind: str, key: str, params: Params, keep: str) -> Params:
        """An update replaces everything but what it can't speak of."""
        arn = params[key]
        old = self._get(kind, arn)
        new = {name: value for name, value in params.items() if name not in (key, "clientToken")}
        self.things[arn] = {**self._summary(old, keep), **new, "dateUpdated": _now()}
        return {key: arn}

    def update_infrastructure_configuration(self, params: Params) -> Params:
        self._profile(params["instanceProfileName"])
        return self._change("infrastructure", "infrastructureConfigurationArn", params, "arn name tags dateCreated")

    def delete_infrastructure_configuration(self, params: Params) -> Params:
        self._drop("infrastructure", params["infrastructureConfigurationArn"])
        return {}

    def create_distribution_configuration(self, params: Params) -> Params:
        arn = self._arn("distribution-configuration", slug(params["name"]))
        thing = {key: value for key, value in params.items() if key != "clientToken"}
        self._add("distribution", arn, {**thing, "timeoutMinutes": 720})
        return {"distributionConfigurationArn": arn}

    def get_distribution_configuration(self, params: Params) -> Params:
        return {"distributionConfiguration": self._get("distribution", params["distributionConfigurationArn"])}

    def list_distribution_configurations(self, params: Params) -> Params:
        keys = "arn name description dateCreated tags"
        return {
            "distributionConfigurationSummaryList": [
                self._summary(one, keys) for one in self._named("distribution", params)
            ]
        }

    def update_distribution_configuration(self, params: Params) -> Params:
        return self._change(
            "distribution", "distributionConfigurationArn", params, "arn name tags dateCreated timeoutMinutes"
        )

    def delete_distribution_configuration(self, params: Params) -> Params:
        self._drop("distribution", params["distributionConfigurationArn"])
        return {}

    def _parts(self, params: Params) -> None:
        self._get("recipe", params["containerRecipeArn"])
        self._get("infrastructure", params["infrastructureConfigurationArn"])
        self._get("distribution", params["distributionConfigurationArn"])
        if not re.fullmatch(
            r"(cron|rate)\(.+\)",
            (params.get("schedule") or {"scheduleExpression": "rate(1 day)"})["scheduleExpression"],
        ):
            raise Refused("InvalidParameterValueException", "The value supplied for parameter 'schedule' is not valid.")

    def create_image_pipeline(self, params: Params) -> Params:
        self._parts(params)
        arn = self._arn("image-pipeline", slug(params["name"]))
        thing = {key: value for key, value in params.items() if key != "clientToken"}
        self._add("pipeline", arn, {"status": "ENABLED", "platform": "Linux", **thing})
        return {"imagePipelineArn": arn}

    def get_image_pipeline(self, params: Params) -> Params:
        return {"imagePipeline": self._get("pipeline", params["imagePipelineArn"])}

    def list_image_pipelines(self, params: Params) -> Params:
        return {"imagePipelineList": self._named("pipeline", params)}

    def update_image_pipeline(self, params: Params) -> Params:
        self._parts(params)
        return self._change("pipeline", "imagePipelineArn", params, "arn name tags dateCreated platform")

    def delete_image_pipeline(self, params: Params) -> Params:
        self._drop("pipeline", params["imagePipelineArn"])
        return {}

    def start_image_pipeline_execution(self, params: Params) -> Params:
        pipeline = self._get("pipeline", params["imagePipelineArn"])
        recipe = self.things[pipeline["containerRecipeArn"]]
        number = sum(1 for arn in self.made_by) + 1
        arn = self._add(
            "image",
            self._arn("image", f"{slug(recipe['name'])}/{recipe['version']}/{number}"),
            {
                "name": recipe["name"],
                "version": f"{recipe['version']}/{number}",
                "type": "DOCKER",
                "platform": "Linux",
                "state": {"status": "BUILDING"},
            },
        )
        self.things[arn]["recipe"] = recipe
        self.made_by[arn] = params["imagePipelineArn"]
        self.fake.log.append(("image", arn))
        return {"imageBuildVersionArn": arn}

    def finish(self, arn: str, status: str = "AVAILABLE", reason: str = "") -> None:
        """For tests: a build ends. Its image is pushed to moto's ECR under a tag of its own."""
        image = self.things[arn]
        image["state"] = {"status": status, **({"reason": reason} if reason else {})}
        if status == "AVAILABLE":
            repository = image["recipe"]["targetRepository"]["repositoryName"]
            tag = image["version"].replace("/", "-")
            manifest = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {"digest": arn},
            }
            # With a digest of its own: moto would invent another one each time it is asked.
            digest = "sha256:" + hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
            get_backend("ecr")[ACCOUNT][REGION].put_image(repository, json.dumps(manifest), tag, digest=digest)
            address = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{repository}:{tag}"
            image["outputResources"] = {"containers": [{"region": REGION, "imageUris": [address]}]}

    def _image(self, arn: str) -> Params:
        return {key: value for key, value in self._get("image", arn).items() if key != "recipe"}

    def get_image(self, params: Params) -> Params:
        return {"image": self._image(params["imageBuildVersionArn"])}

    def list_image_pipeline_images(self, params: Params) -> Params:
        self._get("pipeline", params["imagePipelineArn"])
        return {
            "imageSummaryList": [
                self._image(arn)
                for arn, pipeline in self.made_by.items()
                if pipeline == params["imagePipelineArn"] and arn in self.things
            ]
        }

    def delete_image(self, params: Params) -> Params:
        arn = params["imageBuildVersionArn"]
        self._get("image", arn)
        del self.things[arn], self.kinds[arn], self.made_by[arn]
        return {"imageBuildVersionArn": arn}

    def _any(self, arn: str) -> Params:
        if arn not in self.things:
            raise Refused("ResourceNotFoundException", f"The resource {arn} cannot be found.", 404)
        return self.things[arn]

    def list_tags_for_resource(self, params: Params) -> Params:
        return {"tags": self._any(params["resourceArn"]).get("tags") or {}}

    def tag_resource(self, params: Params) -> Params:
        self._any(params["resourceArn"]).setdefault("tags", {}).update(params["tags"])
        return {}

    def untag_resource(self, params: Params) -> Params:
        for key in params["tagKeys"]:
            self._any(params["resourceArn"]).get("tags", {}).pop(key, None)
        return {}


# -- the stub of DataSync ------------------------------------------------------------------------------------------------------


class DataSync:
    """Locations and tasks; an execution really copies from moto's S3 into ``files``."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.locations: dict[str, Params] = {}
        self.tasks: dict[str, Params] = {}
        self.executions: dict[str, Params] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.files: dict[str, dict[str, bytes]] = {}  # file system: path, content
        self.role_lag = 0
        self.task_states = ["CREATING", "AVAILABLE"]  # what a new task goes through
        self.execution_states = ["LAUNCHING", "TRANSFERRING", "SUCCESS"]

    def _new(self, kind: str) -> str:
        return f"arn:aws:datasync:{REGION}:{ACCOUNT}:{kind}-{uuid.uuid4().hex[:17]}"

    def _find(self, table: dict[str, Params], arn: str, what: str) -> Params:
        if arn not in table:
            raise Refused("InvalidRequestException", f"{what} {arn} is not found.")
        return table[arn]

    def _role(self, arn: str) -> None:
        if self.role_lag > 0:
            self.role_lag -= 1
            raise Refused(
                "InvalidRequestException",
                f"Unable to assume role. Reason: Access denied when calling sts:AssumeRole for {arn}",
            )
        try:
            role = get_backend("iam")[ACCOUNT]["aws"].get_role(arn.rpartition("/")[2])
        except Exception:
            raise Refused("InvalidRequestException", f"Unable to assume role {arn}.") from None
        if "datasync.amazonaws.com" not in json.dumps(role.assume_role_policy_document):
            raise Refused("InvalidRequestException", f"Unable to assume role {arn}.")

    def create_location_s3(self, params: Params) -> Params:
        self._role(params["S3Config"]["BucketAccessRoleArn"])
        bucket = params["S3BucketArn"].rpartition(":")[2]
        if bucket not in get_backend("s3")[ACCOUNT]["aws"].buckets:
            raise Refused("InvalidRequestException", f"Bucket {bucket} could not be found.")
        arn = self._new("location/loc")
        self.locations[arn] = {
            "kind": "s3",
            "host": bucket,
            "Subdirectory": params.get("Subdirectory", "/"),
            "S3Config": params["S3Config"],
            "S3StorageClass": params.get("S3StorageClass", "STANDARD"),
        }
        self.tags[arn] = _tags(params)
        return {"LocationArn": arn}

    def create_location_efs(self, params: Params) -> Params:
        system = params["EfsFilesystemArn"].rpartition("/")[2]
        if system not in get_backend("efs")[ACCOUNT][REGION].file_systems_by_id:
            raise Refused("InvalidRequestException", f"EFS file system {system} could not be found.")
        if params.get("AccessPointArn") and params.get("InTransitEncryption") != "TLS1_2":
            raise Refused("InvalidRequestException", "An access point needs InTransitEncryption TLS1_2.")
        arn = self._new("location/loc")
        keys = ("Ec2Config", "AccessPointArn", "FileSystemAccessRoleArn", "InTransitEncryption")
        self.locations[arn] = {
            "kind": "efs",
            "host": f"{REGION}.{system}",
            "Subdirectory": params.get("Subdirectory", "/"),
            **{key: params[key] for key in keys if key in params},
        }
        self.tags[arn] = _tags(params)
        return {"LocationArn": arn}

    def _uri(self, location: Params) -> str:
        return f"{location['kind']}://{location['host']}/{location['Subdirectory'].strip('/')}".rstrip("/") + "/"

    def _describe(self, arn: str, kind: str) -> Params:
        location = self._find(self.locations, arn, "Location")
        if location["kind"] != kind:
            raise Refused("InvalidRequestException", f"Location {arn} is not of this type.")
        more = {
            key: value for key, value in location.items() if key not in ("kind", "host", "Subdirectory") and value != ""
        }
        return {"LocationArn": arn, "LocationUri": self._uri(location), **more}

    def describe_location_s3(self, params: Params) -> Params:
        return self._describe(params["LocationArn"], "s3")

    def describe_location_efs(self, params: Params) -> Params:
        return self._describe(params["LocationArn"], "efs")

    def update_location_s3(self, params: Params) -> Params:
        location = self._find(self.locations, params.pop("LocationArn"), "Location")
        if "S3Config" in params:
            self._role(params["S3Config"]["BucketAccessRoleArn"])
        location.update(params)
        return {}

    def update_location_efs(self, params: Params) -> Params:
        self._find(self.locations, params.pop("LocationArn"), "Location").update(params)
        return {}

    def list_locations(self, params: Params) -> Params:
        arns = list(self.locations)
        page = 1 if self.fake.small_pages else 100
        start = int(params.get("NextToken") or 0)
        answer: Params = {
            "Locations": [
                {"LocationArn": arn, "LocationUri": self._uri(self.locations[arn])}
                for arn in arns[start : start + page]
            ]
        }
        if start + page < len(arns):
            answer["NextToken"] = str(start + page)
        return answer

    def delete_location(self, params: Params) -> Params:
        arn = params["LocationArn"]
        self._find(self.locations, arn, "Location")
        users = [
            task for task in self.tasks.values() if arn in (task["SourceLocationArn"], task["DestinationLocationArn"])
        ]
        if users:
            raise Refused("InvalidRequestException", f"Location {arn} is in use by a task.")
        del self.locations[arn], self.tags[arn]
        return {}

    def create_task(self, params: Params) -> Params:
        for key in ("SourceLocationArn", "DestinationLocationArn"):
            self._find(self.locations, params[key], "Location")
        arn = self._new("task/task")
        self.tags[arn] = _tags(params)
        params.pop("Tags", None)
        options = {
            "VerifyMode": "POINT_IN_TIME_CONSISTENT",
            "OverwriteMode": "ALWAYS",
            "TaskQueueing": "ENABLED",
            **(params.pop("Options", None) or {}),
        }
        self.tasks[arn] = {**params, "Options": options, "states": list(self.task_states)}
        return {"TaskArn": arn}

    def describe_task(self, params: Params) -> Params:
        task = self._find(self.tasks, params["TaskArn"], "Task")
        status = task["states"][0]
        if len(task["states"]) > 1:
            task["states"].pop(0)
        answer = {
            "TaskArn": params["TaskArn"],
            "Status": status,
            **{key: value for key, value in task.items() if key != "states"},
        }
        if status == "UNAVAILABLE":
            answer |= {"ErrorCode": "EfsMountFailed", "ErrorDetail": "the mount target can't be reached"}
        return answer

    def update_task(self, params: Params) -> Params:
        task = self._find(self.tasks, params.pop("TaskArn"), "Task")
        task["Options"].update(params.pop("Options", {}))
        if params.get("Schedule") == {"ScheduleExpression": ""}:
            params.pop("Schedule")
            task.pop("Schedule", None)
        task.update(params)
        return {}

    def list_tasks(self, params: Params) -> Params:
        return {
            "Tasks": [
                {"TaskArn": arn, "Status": "AVAILABLE", "Name": task.get("Name", "")}
                for arn, task in self.tasks.items()
            ]
        }

    def delete_task(self, params: Params) -> Params:
        self._find(self.tasks, params["TaskArn"], "Task")
        del self.tasks[params["TaskArn"]], self.tags[params["TaskArn"]]
        return {}

    def start_task_execution(self, params: Params) -> Params:
        task = self._find(self.tasks, params["TaskArn"], "Task")
        source, target = self.locations[task["SourceLocationArn"]], self.locations[task["DestinationLocationArn"]]
        includes = [
            one for rule in params.get("Includes") or task.get("Includes") or () for one in rule["Value"].split("|")
        ]
        arn = f"{params['TaskArn']}/execution/exec-{uuid.uuid4().hex[:17]}"
        self.executions[arn] = {"states": list(self.execution_states)}
        if self.execution_states[-1] == "SUCCESS":
            self._copy(source, target, includes, task["Options"].get("PreserveDeletedFiles", "PRESERVE") == "REMOVE")
        self.fake.log.append(("sync", task["Name"], tuple(includes)))
        return {"TaskExecutionArn": arn}

    def _copy(self, source: Params, target: Params, includes: list[str], remove: bool) -> None:
        store = get_backend("s3")[ACCOUNT]["aws"]
        prefix = source["Subdirectory"].strip("/")
        prefix = f"{prefix}/" if prefix else ""
        there = self.files.setdefault(target["host"].partition(".")[2], {})
        root = "/" + target["Subdirectory"].strip("/")
        copied = set()
        for key, value in store.buckets[source["host"]].keys.items():
            path = "/" + key[len(prefix) :]
            if key.startswith(prefix) and (
                not includes or any(path.startswith(f"{one}/") or path == one for one in includes)
            ):
                there[root.rstrip("/") + path] = value.value
                copied.add(root.rstrip("/") + path)
        if remove:
            for path in [path for path in there if path.startswith(root) and path not in copied]:
                del there[path]

    def describe_task_execution(self, params: Params) -> Params:
        execution = self._find(self.executions, params["TaskExecutionArn"], "Task execution")
        status = execution["states"][0]
        if len(execution["states"]) > 1:
            execution["states"].pop(0)
        return {"TaskExecutionArn": params["TaskExecutionArn"], "Status": status}

    def list_tags_for_resource(self, params: Params) -> Params:
        found = self.tags.get(params["ResourceArn"])
        if found is None:
            raise Refused("InvalidRequestException", f"Resource {params['ResourceArn']} is not found.")
        return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}

    def tag_resource(self, params: Params) -> Params:
        self.tags[params["ResourceArn"]].update(_tags(params))
        return {}

    def untag_resource(self, params: Params) -> Params:
        for key in params["Keys"]:
            self.tags[params["ResourceArn"]].pop(key, None)
        return {}


class Automations:
    """The two calls of Systems Manager about executions that our automation makes."""

    def __init__(self, fake: Fake) -> None:
        self.executions: list[Params] = []

    def describe_automation_executions(self, params: Params) -> Params:
        found = self.executions
        for one in params.get("Filters") or ():
            key = {"ExecutionStatus": "AutomationExecutionStatus", "DocumentNamePrefix": "DocumentName"}[one["Key"]]
            found = [each for each in found if any(each[key].startswith(value) for value in one["Values"])]
        return {"AutomationExecutionMetadataList": found}


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"


def _tags(params: Params) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in params.get("Tags") or ()}


# -- the server ----------------------------------------------------------------------------------------------------------------


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


class _Cbor(botocore.serialize.CBORSerializer):
    def dump(self, value: t.Any, shape: t.Any) -> bytes:
        out = bytearray()
        self._serialize_data_item(out, value, shape)
        return bytes(out)


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: t.Any = "-", size: t.Any = "-") -> None:
        pass


class Fake:
    """The server. ``requests`` are all calls with a JSON or CBOR protocol, ``log`` what the stub and tests note."""

    STUBS = {"imagebuilder": ImageBuilder, "datasync": DataSync}
    TARGETS = {
        "AmazonSSM": "ssm",
        "AWSEvents": "events",
        "AmazonEC2ContainerRegistry_V20150921": "ecr",
        "AmazonEC2ContainerServiceV20141113": "ecs",
    }
    READS = re.compile(r"^(List|Get|Describe|Head|BatchGet)")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.reset()
        self.server: t.Any = None

    def reset(self) -> None:
        """An empty account."""
        self.requests: list[tuple[str, str, Params]] = []
        self.writes = 0
        self.refusals: list[str] = []
        self.log: list[t.Any] = []
        self.small_pages = False
        self.imagebuilder = ImageBuilder(self)
        self.datasync = DataSync(self)
        self.automations = Automations(self)
        if getattr(self, "server", None):
            urllib.request.urlopen(
                urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=10
            ).read()

    def __call__(self, environ: dict[str, t.Any], start: t.Any) -> t.Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        if environ.get("HTTP_TRANSFER_ENCODING") == "chunked":
            body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
        service = scope[1] if scope else ""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        with self.lock:
            try:
                if service == "imagebuilder":
                    return self._rest_json(environ, start, body)
                if service == "datasync":
                    return self._datasync(environ, start, body, target)
                if target.partition(".")[0] in self.TARGETS:
                    name, operation = self.TARGETS[target.partition(".")[0]], target.partition(".")[2]
                    params = json.loads(body or b"{}")
                    self._note(name, operation, params)
                    validate(name, operation, params)
                    method = getattr(self.automations, _snake(operation), None) if name == "ssm" else None
                    if method:
                        return _answer(start, 200, json.dumps(method(params)).encode(), "application/x-amz-json-1.1")
                elif service and not self._reads(service, environ, body):
                    self.writes += 1
            except Refused as refused:
                self.refusals.append(f"{refused.code}: {refused.message}")
                text = json.dumps({"__type": refused.code, "message": refused.message}).encode()
                return _answer(
                    start, refused.status, text, "application/x-amz-json-1.1", {"x-amzn-ErrorType": refused.code}
                )
        if (
            service == "s3"
            and environ["REQUEST_METHOD"] == "GET"
            and re.match("notification(=|$)", environ.get("QUERY_STRING", ""))
        ):
            return self._notification(environ, start)
        return self.moto(environ, start)

    def _notification(self, environ: dict[str, t.Any], start: t.Any) -> t.Iterable[bytes]:
        """moto keeps whether a bucket tells EventBridge, but doesn't give it back."""
        name = environ["PATH_INFO"].strip("/")
        bucket = get_backend("s3")[ACCOUNT]["aws"].buckets.get(name)
        kept = getattr(bucket, "notification_configuration", None)
        if bucket is None or getattr(kept, "event_bridge", None) is None:
            return self.moto(environ, start)
        told = b"<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>"
        return _answer(start, 200, told, "application/xml")

    @staticmethod
    def _reads(service: str, environ: dict[str, t.Any], body: bytes) -> bool:
        """Whether a request of another protocol only reads."""
        if service == "s3":
            return environ["REQUEST_METHOD"] in ("GET", "HEAD")
        action = urllib.parse.parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
        return bool(Fake.READS.match(action))

    def _note(self, service: str, operation: str, params: Params) -> None:
        self.requests.append((service, operation, copy.deepcopy(params)))
        if not self.READS.match(operation):
            self.writes += 1

    def _run(self, service: str, operation: str, params: Params) -> Params:
        self._note(service, operation, params)
        validate(service, operation, params)
        stub = getattr(self, service)
        method = getattr(stub, _snake(operation), None)
        if method is None:
            raise Refused("NotImplemented", f"the stub of {service} has no {operation}", 501)
        answer = t.cast("Params", copy.deepcopy(method(copy.deepcopy(params))))
        shape = model(service).operation_model(operation).output_shape
        wrong = complaints(shape, answer) if shape is not None else []
        if wrong:
            raise AssertionError(f"the stub's answer to {service} {operation} isn't one: {'; '.join(wrong)}")
        return answer

    def _rest_json(self, environ: dict[str, t.Any], start: t.Any, body: bytes) -> t.Iterable[bytes]:
        method, path = (
            environ["REQUEST_METHOD"],
            urllib.parse.unquote(environ.get("RAW_URI", environ["PATH_INFO"]).partition("?")[0]),
        )
        service = model("imagebuilder")
        for name in service.operation_names:
            operation = service.operation_model(name)
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(operation.http["requestUri"].partition("?")[0]))
            match = re.fullmatch(pattern, path)
            if not match or operation.http["method"] != method:
                continue
            params = json.loads(body) if body else {}
            query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
            for member, shape in (operation.input_shape.members if operation.input_shape else {}).items():
                place, wire = shape.serialization.get("location"), shape.serialization.get("name", member)
                if place == "uri":
                    params[member] = match[wire]
                elif place == "querystring" and wire in query:
                    params[member] = query[wire] if shape.type_name == "list" else query[wire][0]
            answer = self._run("imagebuilder", name, params)
            return _answer(start, 200, json.dumps(answer, default=str).encode(), "application/json")
        raise Refused("UnknownOperationException", f"{method} {path} is no operation of Image Builder", 404)

    def _datasync(self, environ: dict[str, t.Any], start: t.Any, body: bytes, target: str) -> t.Iterable[bytes]:
        if target:  # older botocore
            name = target.partition(".")[2]
            answer = self._run("datasync", name, json.loads(body or b"{}"))
            return _answer(start, 200, json.dumps(answer, default=str).encode(), "application/x-amz-json-1.1")
        name = environ["PATH_INFO"].rpartition("/")[2]
        parser = botocore.parsers.RpcV2CBORParser()
        params = parser.parse_data_item(parser.get_peekable_stream_from_bytes(body)) if body else {}
        writer = _Cbor()
        headers = {"smithy-protocol": "rpc-v2-cbor"}
        try:
            answer = self._run("datasync", name, params)
        except Refused as refused:
            self.refusals.append(f"{refused.code}: {refused.message}")
            shape = model("datasync").shape_for("TagListEntry")  # any structure of strings serves to write one
            text = bytearray(b"\xa2")
            for one in ("__type", f"com.amazonaws.datasync#{refused.code}", "message", refused.message):
                writer._serialize_type_string(text, one, shape, None)
            return _answer(start, refused.status, bytes(text), "application/cbor", headers)
        shape = model("datasync").operation_model(name).output_shape
        return _answer(start, 200, writer.dump(answer, shape) if shape else b"\xa0", "application/cbor", headers)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @contextlib.contextmanager
    def serve(self) -> t.Iterator[str]:
        self.server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self.url
        finally:
            self.server.shutdown()
            thread.join(10)


def _answer(start: t.Any, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> list[bytes]:
    more = [("x-amzn-RequestId", str(uuid.uuid4())), *(headers or {}).items()]
    start(f"{status} X", [("Content-Type", kind), ("Content-Length", str(len(body))), *more])
    return [body]
