# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2 Image Builder: everything that builds one container image. PRIVATE to the collection.

Components and recipes can't be changed, only followed by a new version. AWS reformats the content
of a version, so its hash is kept in a tag and a later run compares hashes.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import (
    AwsConflict,
    AwsInvalid,
    Changes,
    Service,
    Tags,
    wanted_tags,
)

CONTENT_TAG = "odoo-cloud:content"
LATER = "(known after creation)"
_UNFINISHED = ("PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING")


def content_hash(document: t.Mapping[str, t.Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a document, independent of the order of its
    keys.
    """
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode("utf-8")).hexdigest()[:16]


def version_of(arn: str) -> tuple[int, ...]:
    """The semantic version in an ARN such as `…:component/name/1.2.3` or `…/1.2.3/1`.

    Raises `AwsInvalid` when the ARN has none.
    """
    parts = arn.split(":", 5)[-1].split("/")
    try:
        return tuple(int(number) for number in parts[2].split("."))
    except (IndexError, ValueError):
        raise AwsInvalid(f"{arn}: has no version of the form 1.2.3") from None


def next_version(versions: t.Iterable[tuple[int, ...]]) -> str:
    """The version after the newest one, with the last number raised by 1; `1.0.0` when there is
    none.
    """
    newest = max(versions, default=None)
    if newest is None:
        return "1.0.0"
    return ".".join(str(number) for number in (*newest[:2], newest[2] + 1))


def _without_none(document: dict[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in document.items() if value is not None}


class Image:
    """The component, container recipe, infrastructure, distribution and pipeline of one name."""

    def __init__(self, params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> None:
        self.params = params
        self.changes = changes
        self.service = service
        self.name: str = params["name"]
        self.tags = wanted_tags(params)
        self.timeout: float = params["wait_timeout"]

    # -- what all have in common -----------------------------------------------------------------------------------------------

    def _list(self, operation: str, key: str, what: str, **params: t.Any) -> list[dict[str, t.Any]]:
        found = self.service.all(
            operation,
            key,
            f"looking for {what} {self.name!r}",
            filters=[{"name": "name", "values": [self.name]}],
            **params,
        )
        return [one for one in found if one.get("name", self.name) == self.name]

    def _tags(self, arn: str, what: str) -> Tags:
        answer = self.service.call("list_tags_for_resource", f"reading the tags of {what}", resourceArn=arn)
        return dict(answer.get("tags") or {})

    def _retag(self, what: str, arn: str, current: Tags, more: Tags | None = None) -> None:
        wanted = None if self.tags is None else {**self.tags, **(more or {})}
        self.changes.retag(
            what,
            current,
            wanted,
            lambda tags: self.service.call("tag_resource", f"tagging {what}", resourceArn=arn, tags=tags),
            lambda keys: self.service.call("untag_resource", f"removing tags of {what}", resourceArn=arn, tagKeys=keys),
        )

    # -- versions --------------------------------------------------------------------------------------------------------------

    def _versioned(
        self, what: str, arns: list[str], document: dict[str, t.Any], create: t.Callable[[str, Tags], str]
    ) -> str:
        """The ARN of the version with this content: the newest one, or a new one."""
        digest = content_hash(document)
        known = {version_of(arn): arn for arn in arns}
        if known:
            newest = known[max(known)]
            tags = self._tags(newest, what)
            self.changes.own(what, tags)
            if tags.get(CONTENT_TAG) == digest:
                self._retag(what, newest, tags, {CONTENT_TAG: digest})
                return newest
        version = next_version(known)
        made = self.changes.create(
            f"{what} {version}", document, lambda: create(version, {**(self.tags or {}), CONTENT_TAG: digest})
        )
        return made or LATER

    def _component_arns(self) -> list[str]:
        """The newest build of each version."""
        arns = []
        for version in self._list("list_components", "componentVersionList", "component", owner="Self"):
            builds = self.service.all(
                "list_component_build_versions",
                "componentSummaryList",
                f"listing builds of component {self.name!r}",
                componentVersionArn=version["arn"],
            )
            if builds:
                arns.append(max((one["arn"] for one in builds), key=lambda arn: int(arn.rpartition("/")[2])))
        return arns

    def component(self) -> str:
        """Creates a version of the component if its content differs. Returns its ARN. Raises
        `AwsFailure`.
        """
        given = self.params["component"]
        document = _without_none(
            {
                "data": given["data"],
                "platform": given["platform"],
                "supportedOsVersions": given["supported_os_versions"],
                "kmsKeyId": given["kms_key"],
            }
        )
        what = f"component {self.name}"
        return self._versioned(
            what,
            self._component_arns(),
            document,
            lambda version, tags: self.service.call(
                "create_component",
                f"creating {what}",
                name=self.name,
                semanticVersion=version,
                description=self.params["description"],
                tags=tags,
                **document,
            )["componentBuildVersionArn"],
        )

    def recipe(self, component: str) -> str:
        """Creates a version of the container recipe if its content differs. Returns its ARN.

        `component`: ARN of the component that is installed last. Raises `AwsFailure`.
        """
        given = self.params["recipe"]
        components = [*self.params["components_before"], component]
        instance = _without_none({"image": given["instance_image"]})
        document = _without_none(
            {
                "containerType": "DOCKER",
                "parentImage": given["parent_image"],
                "components": [{"componentArn": arn} for arn in components],
                "targetRepository": {"service": "ECR", "repositoryName": given["repository"]},
                "dockerfileTemplateData": given["dockerfile"],
                "workingDirectory": given["working_directory"],
                "platformOverride": given["platform"],
                "instanceConfiguration": instance or None,
                "kmsKeyId": given["kms_key"],
            }
        )
        what = f"container recipe {self.name}"
        found = self._list("list_container_recipes", "containerRecipeSummaryList", "container recipe", owner="Self")
        return self._versioned(
            what,
            [one["arn"] for one in found],
            document,
            lambda version, tags: self.service.call(
                "create_container_recipe",
                f"creating {what}",
                name=self.name,
                semanticVersion=version,
                description=self.params["description"],
                tags=tags,
                **document,
            )["containerRecipeArn"],
        )

    # -- what can be changed ---------------------------------------------------------------------------------------------------

    def _changeable(
        self,
        what: str,
        kind: str,
        arn_key: str,
        get_key: str,
        listing: tuple[str, str],
        wanted: dict[str, t.Any],
        **only_new: t.Any,
    ) -> str:
        """Creates or updates a resource that has an update call. `wanted`: parameters of both
        calls.
        """
        title = f"{what} {self.name}"
        found = self._list(listing[0], listing[1], what)
        sent = _without_none(wanted)
        if not found:
            made = self.changes.create(
                title,
                sent,
                lambda: self.service.settled(
                    f"create_{kind}",
                    f"creating {title}",
                    self.timeout,
                    name=self.name,
                    tags=self.tags or None,
                    **sent,
                    **only_new,
                )[arn_key],
            )
            return made or LATER
        arn = found[0]["arn"]
        current = self.service.call(f"get_{kind}", f"reading {title}", **{arn_key: arn})[get_key]
        tags = dict(current.get("tags") or {})
        self.changes.own(title, tags)
        if "distributions" in current:  # AWS returns them in no fixed order
            current["distributions"] = sorted(current["distributions"], key=lambda one: str(one["region"]))
        self.changes.update(
            title,
            current,
            wanted,
            lambda: self.service.settled(
                f"update_{kind}",
                f"changing {title}",
                self.timeout,
                **{arn_key: arn},
                **sent,
            ),
        )
        self._retag(title, arn, tags)
        return str(arn)

    def infrastructure(self) -> str:
        """Creates or changes the infrastructure configuration. Returns its ARN. Raises
        `AwsFailure`.
        """
        given = self.params["infrastructure"]
        logging = None
        if given["log_bucket"]:
            logging = {
                "s3Logs": _without_none({"s3BucketName": given["log_bucket"], "s3KeyPrefix": given["log_prefix"]})
            }
        return self._changeable(
            "infrastructure configuration",
            "infrastructure_configuration",
            "infrastructureConfigurationArn",
            "infrastructureConfiguration",
            ("list_infrastructure_configurations", "infrastructureConfigurationSummaryList"),
            {
                "description": self.params["description"],
                "instanceProfileName": given["instance_profile"],
                "instanceTypes": given["instance_types"],
                "subnetId": given["subnet"],
                "securityGroupIds": given["security_groups"],
                "terminateInstanceOnFailure": given["terminate_on_failure"],
                "instanceMetadataOptions": {
                    "httpTokens": "required",
                    "httpPutResponseHopLimit": given["metadata_hops"],
                },
                "logging": logging,
                "snsTopicArn": given["sns_topic"],
                "resourceTags": given["resource_tags"],
            },
        )

    def distribution(self) -> str:
        """Creates or changes the distribution configuration. Returns its ARN. Raises `AwsFailure`."""
        distributions = [
            {
                "region": one["region"] or self.service.region,
                "containerDistributionConfiguration": _without_none(
                    {
                        "description": self.params["description"],
                        "containerTags": one["container_tags"] or None,
                        "targetRepository": {
                            "service": "ECR",
                            "repositoryName": one["repository"] or self.params["recipe"]["repository"],
                        },
                    }
                ),
            }
            for one in self.params["distributions"] or [{"region": None, "container_tags": None, "repository": None}]
        ]
        return self._changeable(
            "distribution configuration",
            "distribution_configuration",
            "distributionConfigurationArn",
            "distributionConfiguration",
            ("list_distribution_configurations", "distributionConfigurationSummaryList"),
            {
                "description": self.params["description"],
                "distributions": sorted(distributions, key=lambda one: str(one["region"])),
            },
        )

    def pipeline(self, recipe: str, infrastructure: str, distribution: str) -> str:
        """Creates or changes the pipeline from the ARNs of its parts. Returns its ARN. Raises
        `AwsFailure`.
        """
        given = self.params["pipeline"]
        schedule = None
        if given["schedule"]:
            schedule = _without_none(
                {
                    "scheduleExpression": given["schedule"],
                    "timezone": given["timezone"],
                    "pipelineExecutionStartCondition": given["start_condition"],
                }
            )
        return self._changeable(
            "image pipeline",
            "image_pipeline",
            "imagePipelineArn",
            "imagePipeline",
            ("list_image_pipelines", "imagePipelineList"),
            {
                "description": self.params["description"],
                "containerRecipeArn": recipe,
                "infrastructureConfigurationArn": infrastructure,
                "distributionConfigurationArn": distribution,
                "imageTestsConfiguration": {
                    "imageTestsEnabled": given["tests"],
                    "timeoutMinutes": given["tests_timeout"],
                },
                "enhancedImageMetadataEnabled": given["enhanced_metadata"],
                "schedule": schedule,
                "status": "ENABLED" if given["enabled"] else "DISABLED",
            },
        )

    def ensure(self) -> dict[str, t.Any]:
        """Creates or changes all five resources.

        Returns their ARNs: `component_arn`, `recipe_arn`, `infrastructure_arn`, `distribution_arn`
        and `pipeline_arn`. Raises `AwsFailure`.
        """
        component = self.component()
        recipe = self.recipe(component)
        infrastructure = self.infrastructure()
        distribution = self.distribution()
        return {
            "component_arn": component,
            "recipe_arn": recipe,
            "infrastructure_arn": infrastructure,
            "distribution_arn": distribution,
            "pipeline_arn": self.pipeline(recipe, infrastructure, distribution),
        }

    # -- removing --------------------------------------------------------------------------------------------------------------

    def remove(self) -> dict[str, t.Any]:
        """Deletes the pipeline and its images, then the recipe, component and configurations.

        Images in ECR stay. Returns an empty dictionary. Raises `AwsConflict` while an image is
        being built, otherwise `AwsFailure`.
        """
        todo: list[tuple[str, str, str, str]] = []  # what, operation, parameter, arn
        for one in self._list("list_image_pipelines", "imagePipelineList", "image pipeline"):
            self._mine(f"image pipeline {self.name}", one)
            images = self.service.all(
                "list_image_pipeline_images",
                "imageSummaryList",
                f"listing images of {self.name!r}",
                imagePipelineArn=one["arn"],
            )
            for image in images:
                status = (image.get("state") or {}).get("status")
                if status in _UNFINISHED:
                    raise AwsConflict(
                        f"image {image['arn']}: is {status} just now; wait until it ends, or cancel it, then run again"
                    )
            todo.append((f"image pipeline {self.name}", "delete_image_pipeline", "imagePipelineArn", one["arn"]))
            todo += [
                (f"image {image['arn'].rpartition(':')[2]}", "delete_image", "imageBuildVersionArn", image["arn"])
                for image in images
                if (image.get("state") or {}).get("status") != "DELETED"
            ]
        for one in self._list("list_container_recipes", "containerRecipeSummaryList", "container recipe", owner="Self"):
            what = f"container recipe {self.name} {'.'.join(map(str, version_of(one['arn'])))}"
            self._mine(what, one)
            todo.append((what, "delete_container_recipe", "containerRecipeArn", one["arn"]))
        for arn in self._component_arns():
            what = f"component {self.name} {'.'.join(map(str, version_of(arn)))}"
            self._mine(what, {"arn": arn})
            todo.append((what, "delete_component", "componentBuildVersionArn", arn))
        for what, operation, key, kind in (
            (
                "distribution configuration",
                "list_distribution_configurations",
                "distributionConfigurationSummaryList",
                "distribution_configuration",
            ),
            (
                "infrastructure configuration",
                "list_infrastructure_configurations",
                "infrastructureConfigurationSummaryList",
                "infrastructure_configuration",
            ),
        ):
            for one in self._list(operation, key, what):
                self._mine(f"{what} {self.name}", one)
                parameter = f"{what.split()[0]}ConfigurationArn"
                todo.append((f"{what} {self.name}", f"delete_{kind}", parameter, one["arn"]))
        for what, operation, parameter, arn in todo:
            self.changes.delete(
                what,
                {"arn": arn},
                lambda operation=operation, parameter=parameter, arn=arn, what=what: self.service.find(
                    operation, f"deleting {what}", **{parameter: arn}
                ),
            )
        return {}

    def _mine(self, what: str, summary: t.Mapping[str, t.Any]) -> None:
        if self.changes.owner:
            self.changes.own(what, dict(summary.get("tags") or {}) or self._tags(summary["arn"], what))


def work(params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> dict[str, t.Any]:
    """What the module `aws_imagebuilder` does: the module's own return values. Raises `AwsFailure`."""
    image = Image(params, changes, service)
    return image.ensure() if params["state"] == "present" else image.remove()
