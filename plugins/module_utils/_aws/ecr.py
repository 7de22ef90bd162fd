# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository of ECR. PRIVATE to the collection."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import (
    AwsConflict,
    Changes,
    Service,
    to_list,
    to_map,
    wanted_tags,
)


class Repository:
    """One repository, as the options of the module `aws_ecr_repository` describe it."""

    def __init__(self, params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> None:
        self.params = params
        self.changes = changes
        self.service = service
        self.name: str = params["name"]
        self.what = f"repository {self.name}"
        self.tags = wanted_tags(params)

    def _read(self) -> tuple[dict[str, t.Any] | None, dict[str, str]]:
        found = self.service.find("describe_repositories", f"looking for {self.what}", repositoryNames=[self.name])
        if not found or not found["repositories"]:
            return None, {}
        repository = found["repositories"][0]
        answer = self.service.call(
            "list_tags_for_resource", f"reading the tags of {self.what}", resourceArn=repository["repositoryArn"]
        )
        tags = to_map(answer.get("tags"))
        self.changes.own(self.what, tags)
        return repository, tags

    def _policy(self) -> t.Any:
        found = self.service.find(
            "get_lifecycle_policy", f"reading the lifecycle policy of {self.what}", repositoryName=self.name
        )
        return json.loads(found["lifecyclePolicyText"]) if found else None

    def _encryption(self) -> dict[str, str]:
        if self.params["kms_key"]:
            return {"encryptionType": "KMS", "kmsKey": self.params["kms_key"]}
        return {"encryptionType": "AES256"}

    def ensure(self) -> dict[str, t.Any]:
        """Creates or changes the repository with its lifecycle policy.

        Returns `uri` and `arn`, both empty for a repository that check mode did not create. Raises
        `AwsConflict` when another encryption is wanted, otherwise `AwsFailure`.
        """
        mutability = "IMMUTABLE" if self.params["immutable_tags"] else "MUTABLE"
        scanning = {"scanOnPush": self.params["scan_on_push"]}
        repository, tags = self._read()
        if repository is None:
            wanted = {
                "imageTagMutability": mutability,
                "imageScanningConfiguration": scanning,
                "encryptionConfiguration": self._encryption(),
            }
            made = self.changes.create(
                self.what,
                wanted,
                lambda: self.service.call(
                    "create_repository",
                    f"creating {self.what}",
                    repositoryName=self.name,
                    tags=to_list(self.tags or {}),
                    **wanted,
                )["repository"],
            )
            policy = None
        else:
            made = repository
            self._update(repository, tags, mutability, scanning)
            policy = self._policy()
        self._ensure_policy(policy)
        return {"uri": made["repositoryUri"] if made else "", "arn": made["repositoryArn"] if made else ""}

    def _update(
        self, repository: dict[str, t.Any], tags: dict[str, str], mutability: str, scanning: dict[str, t.Any]
    ) -> None:
        current = repository.get("encryptionConfiguration") or {"encryptionType": "AES256"}
        wanted = self._encryption()
        if any(current.get(key) != value for key, value in wanted.items()):
            raise AwsConflict(
                f"kms_key={self.params['kms_key']!r}: {self.what} is encrypted with {current.get('kmsKey') or current['encryptionType']}, "
                "which can't be changed; leave it, or take another name"
            )
        arn = repository["repositoryArn"]
        self.changes.update(
            self.what,
            repository,
            {"imageTagMutability": mutability},
            lambda: self.service.call(
                "put_image_tag_mutability",
                f"changing {self.what}",
                repositoryName=self.name,
                imageTagMutability=mutability,
            ),
        )
        self.changes.update(
            f"scanning of {self.what}",
            repository.get("imageScanningConfiguration") or {},
            scanning,
            lambda: self.service.call(
                "put_image_scanning_configuration",
                f"changing {self.what}",
                repositoryName=self.name,
                imageScanningConfiguration=scanning,
            ),
        )
        self.changes.retag(
            self.what,
            tags,
            self.tags,
            lambda new: self.service.call("tag_resource", f"tagging {self.what}", resourceArn=arn, tags=to_list(new)),
            lambda keys: self.service.call(
                "untag_resource", f"removing tags of {self.what}", resourceArn=arn, tagKeys=keys
            ),
        )

    def _ensure_policy(self, current: t.Any) -> None:
        wanted = self.params["lifecycle_policy"]
        if wanted is None or wanted == current or (not wanted and current is None):
            return
        what = f"lifecycle policy of {self.what}"
        self.changes.show(what, current, wanted or None)
        if not wanted:
            self.changes.do(
                f"remove the {what}",
                lambda: self.service.find("delete_lifecycle_policy", f"removing the {what}", repositoryName=self.name),
            )
            return
        self.changes.do(
            f"set the {what}",
            lambda: self.service.call(
                "put_lifecycle_policy",
                f"setting the {what}",
                repositoryName=self.name,
                lifecyclePolicyText=json.dumps(wanted, sort_keys=True),
            ),
        )

    def remove(self) -> dict[str, t.Any]:
        """Deletes the repository. Returns an empty dictionary.

        Raises `AwsConflict` when it has images and `delete_images` is false, otherwise
        `AwsFailure`.
        """
        repository, _tags = self._read()
        if repository is None:
            return {}
        if not self.params["delete_images"]:
            images = self.service.call(
                "list_images", f"looking into {self.what}", repositoryName=self.name, maxResults=1
            )
            if images.get("imageIds"):
                raise AwsConflict(f"{self.what}: still has images; give delete_images=true to remove it with them")
        self.changes.delete(
            self.what,
            {"arn": repository["repositoryArn"]},
            lambda: self.service.find(
                "delete_repository",
                f"deleting {self.what}",
                repositoryName=self.name,
                force=self.params["delete_images"],
            ),
        )
        return {}


def work(params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> dict[str, t.Any]:
    """What the module `aws_ecr_repository` does: the module's own return values. Raises
    `AwsFailure`.
    """
    repository = Repository(params, changes, service)
    return repository.ensure() if params["state"] == "present" else repository.remove()
