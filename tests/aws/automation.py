# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A STUB of what Systems Manager does with an automation document: the five kinds of steps that ours has, against an endpoint.

Scripts are really run, API calls really made (botocore checks their parameters). What Systems Manager itself would refuse in a document,
and its retries and times, are not imitated.
"""

from __future__ import annotations

import json
import re
import typing as t

import boto3
import jmespath
from botocore import xform_name

VARIABLE = re.compile(r"\{\{\s*([\w.:]+)\s*\}\}")
SAME = ("Service", "Api", "PropertySelector", "DesiredValues")


class Failed(Exception):
    """A step failed, so the execution ends."""


def matches(pattern: t.Any, event: t.Any) -> bool:
    """Whether an event is one that a rule's pattern speaks of: equal values and prefixes."""
    if isinstance(pattern, dict):
        return isinstance(event, dict) and all(matches(value, event.get(key)) for key, value in pattern.items())
    values = event if isinstance(event, list) else [event]
    return any(
        str(value).startswith(one["prefix"]) if isinstance(one, dict) else value == one
        for one in pattern
        for value in values
    )


class Execution:
    """One run of a document. ``steps`` are the names of the steps in the order in which they ran."""

    def __init__(self, document: dict[str, t.Any], name: str, turns: int = 20) -> None:
        self.document = document
        self.name = name
        self.turns = turns  # how often a waiting step looks before it gives up
        self.outputs: dict[str, t.Any] = {"automation:EXECUTION_ID": name}
        self.steps: list[str] = []
        self.on_step: t.Callable[[str], None] = lambda step: None

    def run(self) -> Execution:
        steps = self.document["mainSteps"]
        names = [step["name"] for step in steps]
        assert len(set(names)) == len(names)
        place = 0
        while place < len(steps):
            step = steps[place]
            self.steps.append(step["name"])
            self.on_step(step["name"])
            method = getattr(self, re.sub(r"\W", "_", step["action"]))
            target = method(step, self._fill(step["inputs"]))
            if target:
                place = names.index(target)
            elif step.get("isEnd"):
                break
            else:
                place += 1
        return self

    def _fill(self, value: t.Any) -> t.Any:
        if isinstance(value, dict):
            return {key: one if key == "Script" else self._fill(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._fill(one) for one in value]
        if not isinstance(value, str):
            return value
        return VARIABLE.sub(lambda match: str(self.outputs[match[1]]), value)

    def _keep(self, step: dict[str, t.Any], answer: t.Any) -> None:
        for output in step.get("outputs") or ():
            found = jmespath.search(output["Selector"].removeprefix("$."), answer)
            if found is None:
                raise Failed(f"{step['name']}: no {output['Selector']} in {answer}")
            self.outputs[f"{step['name']}.{output['Name']}"] = found

    def _call(self, inputs: dict[str, t.Any]) -> t.Any:
        params = {key: value for key, value in inputs.items() if key not in SAME}
        answer = getattr(boto3.client(inputs["Service"]), xform_name(inputs["Api"]))(**params)
        return json.loads(json.dumps(answer, default=str))

    def aws_executeScript(self, step: dict[str, t.Any], inputs: dict[str, t.Any]) -> None:
        space: dict[str, t.Any] = {}
        exec(compile(inputs["Script"], step["name"], "exec"), space)
        try:
            payload = space[inputs["Handler"]](inputs["InputPayload"], {})
        except Exception as error:
            raise Failed(f"{step['name']}: {error}") from error
        self._keep(step, {"Payload": json.loads(json.dumps(payload))})

    def aws_executeAwsApi(self, step: dict[str, t.Any], inputs: dict[str, t.Any]) -> None:
        self._keep(step, self._call(inputs))

    def aws_waitForAwsResourceProperty(self, step: dict[str, t.Any], inputs: dict[str, t.Any]) -> None:
        found = None
        for _turn in range(self.turns):
            found = jmespath.search(inputs["PropertySelector"].removeprefix("$."), self._call(inputs))
            if found in inputs["DesiredValues"]:
                return
        raise Failed(f"{step['name']}: timed out at {found}")

    def aws_assertAwsResourceProperty(self, step: dict[str, t.Any], inputs: dict[str, t.Any]) -> None:
        found = jmespath.search(inputs["PropertySelector"].removeprefix("$."), self._call(inputs))
        if found not in inputs["DesiredValues"]:
            raise Failed(f"{step['name']}: {found} is none of {inputs['DesiredValues']}")

    def aws_branch(self, step: dict[str, t.Any], inputs: dict[str, t.Any]) -> str | None:
        for choice in inputs["Choices"]:
            if all(one["Variable"] == one["StringEquals"] for one in choice.get("And") or [choice]):
                return str(choice["NextStep"])
        return inputs.get("Default")
