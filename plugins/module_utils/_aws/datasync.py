# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DataSync: locations and the tasks between them. PRIVATE to the collection.

AWS gives locations no name, so their tag `Name` is used as one. The source and destination of a
task, and most of a location, can't be changed. So a replacement location is created first, then the
task that uses it; the old location is deleted last.
"""

from __future__ import annotations

import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import (
    AwsInvalid,
    Changes,
    Service,
    Tags,
    same,
    to_list,
    to_map,
    wait_for,
    wanted_tags,
)

LATER = "(known after creation)"
OPTIONS = {
    "verify_mode": "VerifyMode",
    "overwrite_mode": "OverwriteMode",
    "transfer_mode": "TransferMode",
    "deleted_files": "PreserveDeletedFiles",
    "uid": "Uid",
    "gid": "Gid",
    "permissions": "PosixPermissions",
    "bytes_per_second": "BytesPerSecond",
    "queueing": "TaskQueueing",
    "log_level": "LogLevel",
}


def _filter(patterns: t.Sequence[str] | None) -> list[dict[str, str]]:
    return [{"FilterType": "SIMPLE_PATTERN", "Value": "|".join(patterns)}] if patterns else []


def _subdirectory(uri: str) -> str:
    """The folder in a location's URI (`s3://bucket/folder/`, `efs://region.fs-1/folder/`), with a
    slash at both ends.
    """
    path = uri.split("://", 1)[-1].partition("/")[2].strip("/")
    return f"/{path}/" if path else "/"


class Sync:
    """The locations and tasks that one use of the module `aws_datasync` names."""

    def __init__(self, params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> None:
        self.params = params
        self.changes = changes
        self.service = service
        self.tags = wanted_tags(params)
        self.timeout: float = params["wait_timeout"]
        self._kinds: dict[str, str] = {}  # of all locations, by ARN

    def _tags(self, arn: str, what: str) -> Tags:
        return to_map(
            self.service.all(
                "list_tags_for_resource", "Tags", f"reading the tags of {what}", "NextToken", ResourceArn=arn
            )
        )

    def _retag(self, what: str, arn: str, current: Tags, wanted: Tags | None) -> None:
        self.changes.retag(
            what,
            current,
            wanted,
            lambda tags: self.service.call("tag_resource", f"tagging {what}", ResourceArn=arn, Tags=to_list(tags)),
            lambda keys: self.service.call("untag_resource", f"removing tags of {what}", ResourceArn=arn, Keys=keys),
        )

    # -- locations -------------------------------------------------------------------------------------------------------------

    def _location_values(self, given: t.Mapping[str, t.Any]) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        """The parameters that can't be changed later, and those that can."""
        subdirectory = "/" + given["subdirectory"].strip("/") + ("/" if given["subdirectory"].strip("/") else "")
        if given["type"] == "s3":
            return {"S3BucketArn": given["bucket_arn"]}, {
                "Subdirectory": subdirectory,
                "S3Config": {"BucketAccessRoleArn": given["role_arn"]},
                "S3StorageClass": given["storage_class"],
            }
        return {
            "EfsFilesystemArn": given["file_system_arn"],
            "Ec2Config": {"SubnetArn": given["subnet_arn"], "SecurityGroupArns": sorted(given["security_group_arns"])},
        }, {
            "Subdirectory": subdirectory,
            "AccessPointArn": given["access_point_arn"],
            "FileSystemAccessRoleArn": given["role_arn"],
            "InTransitEncryption": "TLS1_2" if given["encrypted"] else "NONE",
        }

    def _read_location(self, kind: str, arn: str) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        what = f"location {arn.rpartition('/')[2]}"
        if kind == "s3":
            now = self.service.call("describe_location_s3", f"reading {what}", LocationArn=arn)
            bucket = now["LocationUri"].split("://", 1)[1].partition("/")[0]
            partition = arn.split(":")[1]
            fixed: dict[str, t.Any] = {"S3BucketArn": f"arn:{partition}:s3:::{bucket}"}
            more = {key: now.get(key) for key in ("S3Config", "S3StorageClass")}
        else:
            now = self.service.call("describe_location_efs", f"reading {what}", LocationArn=arn)
            network = now.get("Ec2Config") or {}
            region, system = now["LocationUri"].split("://", 1)[1].partition("/")[0].split(".", 1)
            partition, account = arn.split(":")[1], arn.split(":")[4]
            fixed = {
                "EfsFilesystemArn": f"arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{system}",
                "Ec2Config": {**network, "SecurityGroupArns": sorted(network.get("SecurityGroupArns") or [])},
            }
            more = {key: now.get(key) for key in ("AccessPointArn", "FileSystemAccessRoleArn", "InTransitEncryption")}
        return fixed, {"Subdirectory": _subdirectory(now["LocationUri"]), **more}

    def _ensure_location(self, given: t.Mapping[str, t.Any], found: list[tuple[str, Tags]]) -> tuple[str, list[str]]:
        """The location's ARN, and the ARNs of the locations that it replaces."""
        what = f"location {given['name']}"
        kind = given["type"]
        fixed, changeable = self._location_values(given)
        tags = {**(self.tags or {}), "Name": given["name"]}
        kept, old = "", []
        for arn, current_tags in found:
            is_kind = self._kinds[arn]
            current = self._read_location(is_kind, arn) if is_kind == kind else ({}, {})
            if kept or is_kind != kind or not same(current[0], fixed):
                old.append(arn)
                continue
            kept = arn
            # An empty text removes a value. The storage class of a source can't be removed.
            sent = {key: "" if value is None else value for key, value in changeable.items()}
            self.changes.update(
                what,
                current[1],
                changeable,
                lambda arn=arn, sent=sent: self.service.settled(
                    f"update_location_{kind}", f"changing {what}", self.timeout, LocationArn=arn, **sent
                ),
            )
            self._retag(what, arn, current_tags, None if self.tags is None else tags)
        if not kept:
            sent = {key: value for key, value in {**fixed, **changeable}.items() if value is not None}
            made = self.changes.create(
                what,
                sent,
                lambda: self.service.settled(
                    f"create_location_{kind}", f"creating {what}", self.timeout, Tags=to_list(tags), **sent
                )["LocationArn"],
            )
            kept = made or LATER
        return kept, old

    # -- tasks -----------------------------------------------------------------------------------------------------------------

    def _tasks(self) -> dict[str, str]:
        """ARNs of the tasks with a wanted name, by that name."""
        names = {one["name"] for one in self.params["tasks"]}
        found: dict[str, str] = {}
        for one in self.service.all("list_tasks", "Tasks", "listing DataSync tasks", "NextToken"):
            if one.get("Name") in names:
                if one["Name"] in found and not self._owned(one["TaskArn"]):
                    continue
                found[one["Name"]] = one["TaskArn"]
        return found

    def _owned(self, arn: str) -> bool:
        tags = self._tags(arn, f"task {arn.rpartition('/')[2]}")
        return all(tags.get(key) == value for key, value in self.changes.owner.items())

    def _task_values(self, given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        options = {
            aws: given["options"][name]
            for name, aws in OPTIONS.items()
            if (given["options"] or {}).get(name) is not None
        }
        return {
            "Name": given["name"],
            "Options": options,
            "Includes": _filter(given["includes"]),
            "Excludes": _filter(given["excludes"]),
            "Schedule": {"ScheduleExpression": given["schedule"] or ""},
            "CloudWatchLogGroupArn": given["log_group_arn"],
        }

    def _ensure_task(self, given: t.Mapping[str, t.Any], arn: str, locations: t.Mapping[str, str]) -> str:
        what = f"task {given['name']}"
        for end in ("source", "destination"):
            if given[end] not in locations:
                raise AwsInvalid(
                    f"tasks: {end}={given[end]!r} of {given['name']!r} is none of the locations {', '.join(locations)}"
                )
        ends = {
            "SourceLocationArn": locations[given["source"]],
            "DestinationLocationArn": locations[given["destination"]],
        }
        values = self._task_values(given)
        if arn:
            current = self.service.call("describe_task", f"reading {what}", TaskArn=arn)
            tags = self._tags(arn, what)
            self.changes.own(what, tags)
            if same(current, ends):
                sent = {key: value for key, value in values.items() if value is not None}
                if self.changes.update(
                    what,
                    current,
                    values,
                    lambda: self.service.call("update_task", f"changing {what}", TaskArn=arn, **sent),
                ):
                    self._ready(what, arn)
                self._retag(what, arn, tags, self.tags)
                return arn
            self.changes.do(f"delete {what}, whose ends changed", lambda: self._delete_task(what, arn))
        sent = {key: value for key, value in values.items() if value not in (None, [], {}, {"ScheduleExpression": ""})}
        made = self.changes.create(
            what,
            {**sent, **ends},
            lambda: self.service.call("create_task", f"creating {what}", Tags=to_list(self.tags or {}), **ends, **sent)[
                "TaskArn"
            ],
        )
        if made:
            self._ready(what, made)
        return made or LATER

    def _ready(self, what: str, arn: str) -> None:
        """Waits until the task can be started; one that runs or is queued counts as ready."""
        if self.changes.check_mode:
            return
        wait_for(
            what,
            lambda: self.service.call("describe_task", f"waiting for {what}", TaskArn=arn),
            lambda task: str(task.get("Status") or ""),
            ("AVAILABLE", "RUNNING", "QUEUED"),
            ("UNAVAILABLE",),
            self.timeout,
            lambda task: " ".join(filter(None, (task.get("ErrorCode"), task.get("ErrorDetail")))),
            sleep=self.service.sleep,
        )

    def _delete_task(self, what: str, arn: str) -> None:
        task = self.service.find("describe_task", f"reading {what}", TaskArn=arn)
        if task and task.get("CurrentTaskExecutionArn"):
            raise AwsInvalid(f"{what}: runs just now; wait until it ends, or cancel it, then run again")
        self.service.find("delete_task", f"deleting {what}", TaskArn=arn)

    # -- all -------------------------------------------------------------------------------------------------------------------

    def _find(self) -> tuple[dict[str, list[tuple[str, Tags]]], dict[str, str]]:
        locations = self.service.all("list_locations", "Locations", "listing DataSync locations", "NextToken")
        found: dict[str, list[tuple[str, Tags]]] = {}
        wanted = {one["name"] for one in self.params["locations"]}
        for one in locations:
            kind = one["LocationUri"].split("://", 1)[0]
            if kind not in ("s3", "efs"):
                continue
            self._kinds[one["LocationArn"]] = kind
            tags = self._tags(one["LocationArn"], f"location {one['LocationUri']}")
            if tags.get("Name") in wanted and all(tags.get(key) == value for key, value in self.changes.owner.items()):
                found.setdefault(tags["Name"], []).append((one["LocationArn"], tags))
        return found, self._tasks()

    def ensure(self) -> dict[str, t.Any]:
        """Creates or changes the locations and tasks.

        Returns `locations` and `tasks`, each a dictionary of ARNs by name. Raises `AwsFailure`.
        """
        found, tasks = self._find()
        locations: dict[str, str] = {}
        old: list[str] = []
        for given in self.params["locations"]:
            locations[given["name"]], replaced = self._ensure_location(given, found.get(given["name"], []))
            old += replaced
        made = {
            given["name"]: self._ensure_task(given, tasks.get(given["name"], ""), locations)
            for given in self.params["tasks"]
        }
        for arn in old:
            what = f"location {arn.rpartition('/')[2]}, which was replaced"
            self.changes.do(
                f"delete {what}",
                lambda arn=arn, what=what: self.service.find("delete_location", f"deleting {what}", LocationArn=arn),
            )
        return {"locations": locations, "tasks": made}

    def remove(self) -> dict[str, t.Any]:
        """Deletes the tasks, then their locations. Returns an empty dictionary. Raises
        `AwsFailure`.
        """
        found, tasks = self._find()
        for name, arn in tasks.items():
            self.changes.own(f"task {name}", self._tags(arn, f"task {name}") if self.changes.owner else {})
        for name, arn in tasks.items():
            what = f"task {name}"
            self.changes.delete(what, {"arn": arn}, lambda what=what, arn=arn: self._delete_task(what, arn))
        for name, several in found.items():
            for arn, _tags in several:
                what = f"location {name}"
                self.changes.delete(
                    what,
                    {"arn": arn},
                    lambda what=what, arn=arn: self.service.find(
                        "delete_location", f"deleting {what}", LocationArn=arn
                    ),
                )
        return {}


def work(params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> dict[str, t.Any]:
    """What the module `aws_datasync` does: the module's own return values. Raises `AwsFailure`."""
    sync = Sync(params, changes, service)
    return sync.ensure() if params["state"] == "present" else sync.remove()
