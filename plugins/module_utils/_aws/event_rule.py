# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of EventBridge with their targets. PRIVATE to the collection."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import (
    AwsInvalid,
    Changes,
    Service,
    same,
    to_list,
    to_map,
    wanted_tags,
)


def _parsed(text: str | None) -> t.Any:
    """JSON text as a value, so that texts with different spaces compare equal."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _target(given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    target: dict[str, t.Any] = {"Id": given["id"], "Arn": given["arn"]}
    if given["role_arn"]:
        target["RoleArn"] = given["role_arn"]
    if given["input"] is not None:
        target["Input"] = json.dumps(given["input"], sort_keys=True)
    if given["dead_letter_arn"]:
        target["DeadLetterConfig"] = {"Arn": given["dead_letter_arn"]}
    if given["retries"] is not None:
        target["RetryPolicy"] = {"MaximumRetryAttempts": given["retries"]}
    return target


def _comparable(target: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {key: _parsed(value) if key == "Input" else value for key, value in target.items()}


class Rule:
    """One rule with its targets. `given` is one entry of the module's option `rules`."""

    def __init__(
        self, params: t.Mapping[str, t.Any], given: t.Mapping[str, t.Any], changes: Changes, service: Service
    ) -> None:
        self.params = params
        self.given = given
        self.changes = changes
        self.service = service
        self.name: str = given["name"]
        self.bus: str = params["event_bus"]
        self.what = f"rule {self.name}"
        self.tags = wanted_tags(params)

    def _read(self) -> tuple[dict[str, t.Any] | None, dict[str, str]]:
        rule = self.service.find("describe_rule", f"looking for {self.what}", Name=self.name, EventBusName=self.bus)
        if rule is None:
            return None, {}
        answer = self.service.call(
            "list_tags_for_resource", f"reading the tags of {self.what}", ResourceARN=rule["Arn"]
        )
        tags = to_map(answer.get("Tags"))
        self.changes.own(self.what, tags)
        return rule, tags

    def _targets(self) -> list[dict[str, t.Any]]:
        return self.service.all(
            "list_targets_by_rule",
            "Targets",
            f"reading the targets of {self.what}",
            "NextToken",
            Rule=self.name,
            EventBusName=self.bus,
        )

    def ensure(self) -> None:
        """Creates or changes the rule and its targets.

        Raises `AwsInvalid` for a rule with neither pattern nor schedule, otherwise `AwsFailure`.
        """
        given = self.given
        if not given["pattern"] and not given["schedule"]:
            raise AwsInvalid(f"rules: {self.name!r} has neither a pattern nor a schedule; give one of them")
        wanted = {
            "EventPattern": given["pattern"],
            "ScheduleExpression": given["schedule"],
            "State": "ENABLED" if given["enabled"] else "DISABLED",
            "Description": given["description"],
        }
        sent = {key: value for key, value in wanted.items() if value}
        if given["pattern"]:
            sent["EventPattern"] = json.dumps(given["pattern"], sort_keys=True)
        rule, tags = self._read()

        def write(**more: t.Any) -> dict[str, t.Any]:
            return self.service.call(
                "put_rule", f"writing {self.what}", Name=self.name, EventBusName=self.bus, **sent, **more
            )

        if rule is None:
            self.changes.create(self.what, wanted, lambda: write(Tags=to_list(self.tags or {})))
            targets: list[dict[str, t.Any]] = []
        else:
            current = {**rule, "EventPattern": _parsed(rule.get("EventPattern"))}
            self.changes.update(self.what, current, wanted, write)
            self.changes.retag(
                self.what,
                tags,
                self.tags,
                lambda new: self.service.call(
                    "tag_resource", f"tagging {self.what}", ResourceARN=rule["Arn"], Tags=to_list(new)
                ),
                lambda keys: self.service.call(
                    "untag_resource", f"removing tags of {self.what}", ResourceARN=rule["Arn"], TagKeys=keys
                ),
            )
            targets = self._targets()
        self._ensure_targets({one["Id"]: one for one in targets})

    def _ensure_targets(self, current: dict[str, dict[str, t.Any]]) -> None:
        wanted = {one["id"]: _target(one) for one in self.given["targets"]}
        put = [
            target
            for name, target in wanted.items()
            if name not in current
            or set(current[name]) - set(target)
            or not same(_comparable(current[name]), _comparable(target))
        ]
        gone = sorted(set(current) - set(wanted))
        if put or gone:
            names = sorted({*gone, *(one["Id"] for one in put)})
            self.changes.show(
                f"targets of {self.what}",
                {name: _comparable(current[name]) for name in names if name in current},
                {name: _comparable(wanted[name]) for name in names if name in wanted},
            )
        if put:
            self.changes.do(
                f"set the targets {', '.join(one['Id'] for one in put)} of {self.what}",
                lambda: self._checked("put_targets", "setting targets of", Targets=put),
            )
        if gone:
            self._remove_targets(gone)

    def _remove_targets(self, names: list[str]) -> None:
        self.changes.do(
            f"remove the targets {', '.join(names)} of {self.what}",
            lambda: self._checked("remove_targets", "removing targets of", Ids=names),
        )

    def _checked(self, operation: str, doing: str, **params: t.Any) -> None:
        """Sends a request for several targets. EventBridge reports success even when single targets
        fail.
        """
        answer = self.service.call(operation, f"{doing} {self.what}", Rule=self.name, EventBusName=self.bus, **params)
        failed = [
            f"{one.get('TargetId')}: {one.get('ErrorCode')}: {one.get('ErrorMessage')}"
            for one in answer.get("FailedEntries") or ()
        ]
        if failed:
            raise AwsInvalid(f"{doing} {self.what}: {'; '.join(failed)}")

    def remove(self) -> None:
        """Deletes the targets, then the rule. Raises `AwsFailure`."""
        rule, _tags = self._read()
        if rule is None:
            return
        names = sorted(one["Id"] for one in self._targets())
        if names:
            self._remove_targets(names)
        self.changes.delete(
            self.what,
            {"arn": rule["Arn"]},
            lambda: self.service.find("delete_rule", f"deleting {self.what}", Name=self.name, EventBusName=self.bus),
        )


def work(params: t.Mapping[str, t.Any], changes: Changes, service: Service) -> dict[str, t.Any]:
    """What the module `aws_event_rule` does: the module's own return values. Raises `AwsFailure`."""
    for given in params["rules"]:
        rule = Rule(params, given, changes, service)
        if params["state"] == "present":
            rule.ensure()
        else:
            rule.remove()
    return {}
