# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small things that every proof needs: the Docker client, waiting, and what a playbook's output says."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import time
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[3]
WORK = ROOT / ".work" / "prove"
VENV = ROOT / ".work" / "venv"
VENV_TEST = ROOT / ".work" / "venv-test"
# Whose images a proof uses; those of the demo when nobody says otherwise.
IMAGES = os.environ.get("PROVE_IMAGES", "odoo-cloud")
# Places in a checkout.
RUNTIME = "plugins/module_utils/_runtime"
ENTRYPOINT = "roles/image/files/odoo/odoo-cloud"
ADDONS = "roles/image/files/addons"


class Shortfall(Exception):
    """Something that a bar needs did not come about; one line that says what."""


def docker(*args: str, check: bool = True, text: str | None = None, timeout: float = 300) -> str:
    """The Docker client's output, both streams.

    check: a failure is a shortfall. text: what it reads. timeout: seconds.
    """
    done = subprocess.run(
        ["docker", *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        timeout=timeout,
    )  # fmt: skip
    if check and done.returncode:
        raise Shortfall(f"docker {' '.join(args[:3])}: {done.stdout.strip()[-400:]}")
    return done.stdout


def until(question: t.Callable[[], t.Any], seconds: float, what: str, step: float = 0.1) -> t.Any:
    """The first true answer to a question that is asked every `step` seconds; a shortfall when none came in time."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Shortfall(f"after {seconds:.0f} s: {what}")
        time.sleep(step)


def as_json(body: bytes) -> dict[str, t.Any]:
    """The body as an object; empty when it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def last_error(output: str) -> str:
    """The lines of a playbook's output that say what went wrong."""
    lines = [line.strip() for line in output.splitlines() if re.search(r"fatal:|ERROR|msg:", line)]
    return " ".join(lines[-3:])[:400] or output[-400:]


def recap(output: str) -> dict[str, int]:
    """The sums of a playbook's recap over all hosts: ok, changed, unreachable, failed."""
    sums: dict[str, int] = {}
    for key, number in re.findall(r"\b(ok|changed|unreachable|failed)=(\d+)", output.partition("PLAY RECAP")[2]):
        sums[key] = sums.get(key, 0) + int(number)
    return sums


def readable(folder: pathlib.Path) -> pathlib.Path:
    """The folder, which containers' users can read now; files in `bin` can be run."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    return folder
