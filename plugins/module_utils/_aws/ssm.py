# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of Systems Manager. PRIVATE to the collection."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import (
    AwsConflict,
    AwsInvalid,
    Changes,
    Service,
    to_list,
    to_map,
    wait_for,
    wanted_tags,
)

MAX_SIZE = 64 * 1024  # bytes; limit of Systems Manager


def parse(name: str, content: str) -> t.Any:
    """The value of a JSON text. `name`: the document, for the message. Raises `AwsInvalid`."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise AwsInvalid(f"content of {name!r}: is no JSON: {error}") from None


class Document:
    """One document, always written as JSON."""

    def __init__(self, params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> None:
        self.params = params
        self.changes = changes
        self.service = service
        self.name: str = params["name"]
        self.what = f"document {self.name}"
        self.tags = wanted_tags(params)

    def _read(self) -> dict[str, t.Any] | None:
        found = self.service.find("describe_document", f"looking for {self.what}", Name=self.name)
        return found["Document"] if found else None

    def _own(self) -> dict[str, str]:
        answer = self.service.call(
            "list_tags_for_resource", f"reading the tags of {self.what}", ResourceType="Document", ResourceId=self.name
        )
        tags = to_map(answer.get("TagList"))
        self.changes.own(self.what, tags)
        return tags

    def ensure(self) -> dict[str, t.Any]:
        """Creates the document, or a new version of it if its content differs, and waits until it
        is active.

        Returns `name` and `version`. Raises `AwsInvalid` for content above 64 KiB, otherwise
        `AwsFailure`.
        """
        wanted = parse(self.name, json.dumps(self.params["content"]))
        text = json.dumps(wanted, indent=1)
        if len(text.encode("utf-8")) > MAX_SIZE:
            raise AwsInvalid(
                f"content of {self.name!r}: has {len(text.encode('utf-8'))} bytes; Systems Manager takes {MAX_SIZE}"
            )
        found = self._read()
        if found is None:
            self.changes.create(self.what, {"type": self.params["type"], "content": wanted}, lambda: self._create(text))
            version = "1"
        else:
            version = self._update(found, wanted, text)
        return {"name": self.name, "version": version}

    def _create(self, text: str) -> None:
        self.service.call(
            "create_document",
            f"creating {self.what}",
            Name=self.name,
            Content=text,
            DocumentType=self.params["type"],
            DocumentFormat="JSON",
            Tags=to_list(self.tags or {}),
        )
        self._ready()

    def _update(self, found: dict[str, t.Any], wanted: t.Any, text: str) -> str:
        tags = self._own()
        if found["DocumentType"] != self.params["type"]:
            raise AwsConflict(
                f"{self.what}: is of type {found['DocumentType']}, not {self.params['type']}, and can't become one; choose another name"
            )
        latest, default = str(found.get("LatestVersion") or "1"), str(found.get("DefaultVersion") or "1")
        now = self.service.call(
            "get_document", f"reading {self.what}", Name=self.name, DocumentVersion=latest, DocumentFormat="JSON"
        )
        current = parse(self.name, now["Content"])
        if current != wanted:

            def write() -> str:
                made = self.service.call(
                    "update_document",
                    f"changing {self.what}",
                    Name=self.name,
                    Content=text,
                    DocumentFormat="JSON",
                    DocumentVersion="$LATEST",
                )["DocumentDescription"]
                self._ready(str(made["DocumentVersion"]))
                return str(made["DocumentVersion"])

            self.changes.show(self.what, current, wanted)
            latest = self.changes.do(f"create a new version of {self.what}", write) or str(int(latest) + 1)
        if default != latest:
            self.changes.do(
                f"make version {latest} of {self.what} the default",
                lambda: self.service.call(
                    "update_document_default_version", f"changing {self.what}", Name=self.name, DocumentVersion=latest
                ),
            )
        given = {"ResourceType": "Document", "ResourceId": self.name}
        self.changes.retag(
            self.what,
            tags,
            self.tags,
            lambda new: self.service.call("add_tags_to_resource", f"tagging {self.what}", Tags=to_list(new), **given),
            lambda keys: self.service.call(
                "remove_tags_from_resource", f"removing tags of {self.what}", TagKeys=keys, **given
            ),
        )
        return latest

    def _ready(self, version: str | None = None) -> None:
        wait_for(
            self.what,
            lambda: self.service.call(
                "describe_document", f"waiting for {self.what}", Name=self.name, DocumentVersion=version
            )["Document"],
            lambda document: str(document.get("Status") or ""),
            ("Active",),
            ("Failed", "Deleting"),
            self.params["wait_timeout"],
            lambda document: str(document.get("StatusInformation") or ""),
            sleep=self.service.sleep,
        )

    def remove(self) -> dict[str, t.Any]:
        """Deletes the document. Returns an empty dictionary. Raises `AwsFailure`."""
        if self._read() is not None:
            self._own()
            self.changes.delete(
                self.what,
                {"name": self.name},
                lambda: self.service.find("delete_document", f"deleting {self.what}", Name=self.name),
            )
        return {}


def work(params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> dict[str, t.Any]:
    """What the module `aws_ssm_document` does: the module's own return values. Raises `AwsFailure`."""
    document = Document(params, changes, service)
    return document.ensure() if params["state"] == "present" else document.remove()
