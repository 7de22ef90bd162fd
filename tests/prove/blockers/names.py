# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Derived names that two instances would share, the collection as Galaxy takes it in, and the platform of the version before."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import shutil
import subprocess
import typing as t

from ..frame import ROOT, VENV, Line, Mutant, Shortfall, broken_tree, docker, last_error, of_commit
from .bench import Bench

# What landed last before these faults were mended; `part_takeover` starts from a platform of it.
BEFORE = "0c14b95"


def part_names(bench: Bench) -> t.Iterator[Line]:
    """Two instances whose bucket and sessions would be the same are refused by the pre-flight, before anything exists."""
    one = bench.site("names", 6, instances={"demo": {}, "demo_prod": {}})
    code, output, dummy = one.playbook("preflight")
    told = [
        text
        for text in ("odoo-prod' of its sessions in Redis already", "has the bucket 'demo-odoo-prod' already")
        if text in output
    ]
    left = [str(path) for path in (one.root,) if path.exists()] + one.containers()
    yield Line(
        "instances demo and demo_prod, both below prod",
        f"exit {code}, {len(told)} of 2 shared names told, left behind: {', '.join(left) or 'nothing'}",
        "refused, both told, nothing left",
        code != 0 and len(told) == 2 and not left,
    )
    one.instances["demo_prod"]["odoo_project"] = "other"
    code, output, dummy = one.playbook("preflight")
    yield Line(
        "the same with another odoo_project",
        f"exit {code}" + (f"; {last_error(output)}" if code else ""),
        "exit 0",
        code == 0,
    )


def tarball(tree: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The collection of a checkout as it is published."""
    shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run(
        [str(VENV / "bin/ansible-galaxy"), "collection", "build", "--force", "--output-path", str(folder), str(tree)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Shortfall(done.stderr.strip()[-300:])
    return next(folder.glob("*.tar.gz"))


def imported(path: pathlib.Path) -> tuple[int, str]:
    """What galaxy-importer says of a tarball."""
    work = ROOT / ".work"
    subprocess.run(
        [str(ROOT / "tools/venv.sh"), str(work / "venv-galaxy"), "requirements/galaxy.txt"], cwd=ROOT, check=True,
        capture_output=True,
    )  # fmt: skip
    done = subprocess.run(
        [str(ROOT / "tools/galaxy.sh"), str(work), str(path)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]]
    return done.returncode, lines[0]


def part_galaxy(bench: Bench) -> t.Iterator[Line]:
    """Galaxy's own importer takes the collection in; one with `__main__.py` below module_utils it refuses."""
    code, said = imported(tarball(bench.tree, bench.place.work / "galaxy"))
    yield Line("galaxy-importer on the built collection", f"exit {code}: {said}", "exit 0", code == 0)
    copy = broken_tree(bench.tree, bench.place.work / "galaxy-tree", ())
    (copy / "plugins/module_utils/_runtime/__main__.py").write_text("from __future__ import annotations\n")
    code, said = imported(tarball(copy, bench.place.work / "galaxy"))
    shutil.rmtree(copy)
    yield Line("the same with a __main__.py, which must be noticed", f"exit {code}: {said}", "refused", code != 0)


def part_takeover(bench: Bench) -> t.Iterator[Line]:
    """A platform of the version before becomes one of this version: no session and no file is lost, nothing is lost from sight."""
    old = of_commit(BEFORE, bench.place.work / "before")
    one = bench.site("before", 7, tree=old, odoo_cloud_root=f"/srv/{bench.place.name}-before", replicas=2)
    one.site()
    cookie = one.wait_for_login()
    content = os.urandom(200_000)

    def call(model: str, method: str, *values: t.Any) -> t.Any:
        body = {"jsonrpc": "2.0", "method": "call",
                "params": {"model": model, "method": method, "args": list(values), "kwargs": {}}}  # fmt: skip
        status, dummy, text = one.request("/web/dataset/call_kw", body, headers={"Cookie": f"session_id={cookie}"})
        answer = json.loads(text)
        if status != 200 or "result" not in answer:
            raise Shortfall(f"{model}.{method}: {status} {str(answer)[:200]}")
        return answer["result"]

    ids = call("ir.attachment", "create", [{"name": "proof.bin", "datas": base64.b64encode(content).decode()}])
    before = {one: docker("inspect", "-f", "{{.Id}}", one).strip() for one in one.containers()}
    secrets = {path: path.read_bytes() for path in one.secrets.rglob("*") if path.is_file()}
    rows = one.psql("SELECT count(*) FROM curq_state_history", "demo")
    one.tree = bench.tree
    changed = one.site().changed
    after = {one: docker("inspect", "-f", "{{.Id}}", one).strip() for one in one.containers()}
    kept = base64.b64decode(call("ir.attachment", "read", ids, ["datas"])[0]["datas"]) == content
    status, dummy, body = one.request("/web/static/img/favicon.ico")
    again = one.site().changed
    lost = [str(path) for path, text in secrets.items() if not path.is_file() or path.read_bytes() != text]
    now = one.psql("SELECT count(*) FROM curq_state_history", "demo")
    same = sorted(name for name in before if after.get(name) == before[name])
    yield Line(
        f"a platform made by {BEFORE}, taken over by `site`",
        f"session {'kept' if one.logged_in(cookie) else 'LOST'}, attachment {'kept' if kept else 'LOST'}, static file {status} with"
        f" {len(body)} bytes, containers gone: {', '.join(sorted(set(before) - set(after))) or 'none'}, unchanged: {len(same)} of"
        f" {len(before)}, secrets changed: {', '.join(lost) or 'none'}, history of {rows} and then {now} rows,"
        f" changed={changed}, then {again}",
        "nothing lost, the second run changes nothing",
        one.logged_in(cookie) and kept and status == 200 and bool(body) and set(before) <= set(after) and not lost and again == 0,
    )  # fmt: skip


PARTS: dict[str, t.Callable[[Bench], t.Iterator[Line]]] = {
    "names": part_names,
    "galaxy": part_galaxy,
    "takeover": part_takeover,
}
MUTANTS = {
    "names-shared": Mutant(
        ("names",),
        (("plugins/module_utils/_inventory/instance.py", "    problems += collisions.problems(instances)\n", ""),),
    ),
    "no-repository": Mutant(
        ("galaxy",), (("galaxy.yml", "repository: https://github.com/odoo-cloud/odoo_cloud.platform\n", ""),)
    ),
}
SAMPLE: tuple[str, ...] = ("names",)
