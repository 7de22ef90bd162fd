# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No platform harms another one or itself: another one's folder, a limit with a part of an instance, lost or foreign secrets."""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import typing as t

from ..frame import Line, Mutant, docker, recap, sentence
from ..platforms import Platform
from .bench import Bench

MARK = ".odoo-cloud.json"


def files_of(folder: pathlib.Path) -> dict[str, str]:
    """Every file below a folder with a digest of its content. What nginx writes while it works is left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and "tmp" not in path.relative_to(folder).parts
    }


def machine(site: Platform) -> t.Any:
    """All that a refused run must leave alone: files, containers, when they were started."""
    names = sorted(site.containers())
    state = (
        docker("inspect", "--format", "{{.Name}} {{.Id}} {{.State.StartedAt}} {{.State.Running}}", *names)
        if names
        else ""
    )
    return files_of(site.root), state


def differs(before: t.Any, after: t.Any) -> list[str]:
    """In words, what is not as before."""
    files = [name for name in {**before[0], **after[0]} if before[0].get(name) != after[0].get(name)]
    found = [f"{len(files)} files differ ({', '.join(sorted(files)[:3])})"] if files else []
    return found + (["containers differ"] if before[1] != after[1] else [])


def up(bench: Bench) -> Platform:
    """The platform that all parts share, as site makes it."""
    site = bench.site("main", 0)
    if not site.containers():
        site.site()
    site.wait_for_login()
    return site


def refused(site: Platform, name: str, says: str, *args: str, **variables: t.Any) -> list[str]:
    """Troubles with a run that must be refused at its beginning, in one line that says something."""
    code, output, dummy = site.playbook(name, *args, **variables)
    sums = recap(output)
    what = f"{name} {' '.join(args)}".strip()
    lines = [line for line in output.splitlines() if line.startswith("[ERROR]") and says in line]
    trouble = []
    if code == 0:
        trouble.append(f"{what} ended with 0")
    if sums.get("changed"):
        trouble.append(f"{what} changed {sums['changed']}")
    if not lines:
        said = re.findall(r"^\[ERROR\]: (.*)", output, re.MULTILINE)
        trouble.append(f"{what} does not say {says!r}" + (f" but {said[0][:160]!r}" if said else ""))
    return trouble


def root_of(site: Platform, secrets: pathlib.Path) -> str:
    """What the collection takes for the platform's root, with this folder of secrets."""
    command = site.command("site")
    tool = command["args"][0].replace("ansible-playbook", "ansible")
    message = "msg=root:{{ lookup('odoo_cloud.platform.root') }}:"
    variables = json.dumps({"odoo_cloud_secrets_dir": str(secrets)})
    args = [tool, "-i", str(site.inventory), "localhost", "-o", "-m", "debug", "-a", message, "-e", variables]
    done = subprocess.run(
        **{**command, "args": args}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    found = re.search(r"root:(.*?):", done.stdout)
    return found[1] if found else done.stdout[-300:]


def secret_set(folder: pathlib.Path, **files: str) -> pathlib.Path:
    """A folder of secrets as a platform has it: names (with __ for /) and contents."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return folder


def part_roots(bench: Bench) -> t.Iterator[Line]:
    """Platform B beside platform A: never in A's folder, and never removes it."""
    one, other = (Platform(bench.place, letter, 5, bench.tree, {"demo": {}}) for letter in ("owner-b", "owner-c"))
    trial = bench.place.work / "trial"
    shutil.rmtree(trial, ignore_errors=True)
    for site in (one, other):
        site.write()
    try:
        generated = "A" * 39
        fresh = [root_of(site, trial / "none") for site in (one, other)]
        old = root_of(
            one, secret_set(trial / "old", demo__db_password=generated + "1", postgres__admin_password=generated + "2")
        )
        one.variables["odoo_cloud_root"] = "/srv/elsewhere"
        one.write()
        stated = root_of(one, trial / "old")
        found = {"fresh": fresh, "of another name, made before": [old], "stated": [stated]}
        right = {
            "fresh": [f"/srv/{one.name}", f"/srv/{other.name}"],
            "of another name, made before": ["/srv/odoo-cloud"],
            "stated": ["/srv/elsewhere"],
        }
        yield Line(
            "roots of two platforms on one machine", "; ".join(f"{key}: {' and '.join(value)}" for key, value in found.items()),
            "by name, an older one keeps its own", found == right,
        )  # fmt: skip
        if found != right:
            return  # such code would take the root of the platform that runs here for its own

        if bench.sample:  # a folder with a mark stands for the platform
            first = Platform(bench.place, "stand-in", 6, bench.tree, {"demo": {}}, odoo_cloud_root=str(trial / "root"))
            secret_set(trial / "root", demo__odoo_conf="text")
            (trial / "root" / MARK).write_text(json.dumps({"platform": first.name, "secrets": "0" * 64}))
        else:
            first = up(bench)
        before = machine(first)
        trouble: list[str] = []
        confirm = {"odoo_cloud_clean_confirm": one.name}
        for root in (first.root, first.root / "below"):
            one.variables["odoo_cloud_root"] = str(root)
            says = f"odoo_cloud_root='{root}' of platform '{one.name}' on machine 'localhost': "
            trouble += refused(one, "site", says) if root == first.root or not bench.sample else []
            trouble += refused(one, "clean", says, **confirm)
            trouble += differs(before, machine(first))
            if one.secrets.exists():
                trouble.append("a refused run left secrets behind")
                shutil.rmtree(one.secrets)
        if (first.root / MARK).exists() and not trouble and not bench.sample:  # told by its containers alone
            mark = (first.root / MARK).rename(trial / "mark")
            trouble += refused(one, "clean", f"of platform '{first.name}' has ", **confirm)
            shutil.move(mark, first.root / MARK)
        yield Line(
            "platform B with the root of A, or one below it", sentence(trouble, "site and clean refuse it, A has all files and containers"),
            "refused before anything is touched", not trouble,
        )  # fmt: skip

        one.variables.pop("odoo_cloud_root")
        code, output, dummy = one.playbook("clean", **confirm)
        trouble = [] if code == 0 else [f"clean ended with {code}"]
        trouble += (
            [] if f"Of platform {one.name} on localhost are removed" in output else ["it doesn't say what it removes"]
        )
        trouble += differs(before, machine(first))
        yield Line(
            "clean of B, neither with a root of its own",
            sentence(trouble, "A has all files and containers"),
            "A as before",
            not trouble,
        )
    finally:
        for site in (one, other):
            shutil.rmtree(site.folder, ignore_errors=True)
        shutil.rmtree(trial, ignore_errors=True)


def part_limits(bench: Bench) -> t.Iterator[Line]:
    """Every kind of limit, with an update that stops replicas."""
    site = up(bench)
    before = machine(site)
    trouble: list[str] = []
    for limit, left_out in (
        ("localhost", "demo-1"),
        ("demo", "localhost"),
        ("demo-1", "localhost"),
        ("all:!demo-1", "demo-1"),
    ):
        says = f"--limit {limit}: it has a part of an instance without the rest, {left_out}; right is --limit localhost,demo"
        for name in ("update", "site") if limit != "all:!demo-1" else ("update",):
            trouble += refused(
                site, name, says, "--limit", limit, **({"odoo_update": "base"} if name == "update" else {})
            )
        trouble += differs(before, machine(site))
        if not site.log_in():
            trouble.append(f"after --limit {limit} nobody can log in")
            break
    yield Line(
        "a limit with a part of an instance", sentence(trouble, "7 of 7 refused, the replica serves"),
        "refused, names the right limit, nothing touched", not trouble,
    )  # fmt: skip

    ended = []
    for name, variables in (("update", {"odoo_update": "base"}), ("site", {})):
        code, output, dummy = site.playbook(name, "--limit", "localhost,demo", **variables)
        ended.append((code, recap(output).get("changed", 0)))
        site.wait_for_login()
    yield Line(
        "an update and site with the limit that is named",
        "; ".join(f"exit {code}, changed={changed}" for code, changed in ended) + "; the replica serves after each", "done, serves",
        [code for code, dummy in ended] == [0, 0] and ended[0][1] > 0,
    )  # fmt: skip


def part_secrets(bench: Bench) -> t.Iterator[Line]:
    """A platform that runs, with no secrets and with others on the controller."""
    site = up(bench)
    before = machine(site)
    mark = site.root / MARK
    trial = bench.place.work / "trial"
    shutil.rmtree(trial, ignore_errors=True)
    trouble: list[str] = []
    try:
        none, other, old = trial / "none", trial / "other", trial / "old"
        values = {"demo__db_password": "B" * 40, "demo__admin_password": "C" * 40, "postgres__admin_password": "D" * 40}
        secret_set(other, **values, platform_json=json.dumps({"name": "shop", "identity": "E" * 40}))
        (other / "platform_json").rename(other / "platform.json")
        secret_set(old, **values)
        none.mkdir()
        kept = trial / "mark"
        for folder, name, args, marked in (
            (old, "database", (), False),
            (none, "database", (), False),
            (none, "status", (), True),
            (none, "site", ("--check",), True),
            (none, "site", (), True),
            (other, "update", (), True),
            (old, "status", (), True),
        ):
            was = files_of(folder)
            if not marked:  # as if an older version had made it
                mark.rename(kept)
            try:
                # Beside secrets from before, a root that nobody states is /srv/odoo-cloud; it is stated where only secrets shall tell.
                variables = {
                    "odoo_cloud_secrets_dir": str(folder),
                    **({} if marked else {"odoo_cloud_root": str(site.root)}),
                }
                trouble += refused(site, name, f"odoo_cloud_secrets_dir='{folder}': the", *args, **variables)
            finally:
                if not marked and kept.exists():
                    shutil.move(kept, mark)
            trouble += differs(before, machine(site))
            if files_of(folder) != was:
                trouble.append(f"{name} wrote into {folder.name}")
            if trouble:
                break
        yield Line(
            "a platform that runs, without secrets or with another's", sentence(trouble, "7 of 7 refused in one line, nothing written"),
            "refused, nothing touched", not trouble,
        )  # fmt: skip
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    if trouble:
        return
    code, output, dummy = site.playbook("site")
    sums = recap(output)
    yield Line(
        "with the right ones back", f"exit {code}, changed={sums.get('changed')}", "changed=0, the replica serves",
        code == 0 and sums.get("changed") == 0 and bool(site.log_in()),
    )  # fmt: skip


PARTS = {"platform-roots": part_roots, "platform-limits": part_limits, "platform-secrets": part_secrets}
MUTANTS = {
    "one-root": Mutant(
        ("platform-roots",),
        (
            (
                "plugins/module_utils/_inventory/secret.py",
                'has_secrets(folder) else f"/srv/{name}"',
                "has_secrets(folder) else FORMER_ROOT",
            ),
        ),
    ),
    "any-root": Mutant(
        ("platform-roots",),
        (("plugins/module_utils/_preflight/owner.py", '        elif root["others"]:\n', "        elif False:\n"),),
    ),
    "any-limit": Mutant(
        ("platform-limits",), (("plugins/module_utils/_inventory/limit.py", "    if not reason:\n", "    if True:\n"),)
    ),
    "any-secrets": Mutant(
        ("platform-secrets",),
        (
            (
                "plugins/module_utils/_preflight/owner.py",
                "        if wrong:\n            return [",
                "        if False:\n            return [",
            ),
        ),
    ),
    "secrets-of-a-marked-platform-only": Mutant(
        ("platform-secrets",),
        (("plugins/module_utils/_preflight/owner.py", ' or (root["digests"] and secret_set["digests"])', ""),),
    ),
}
SAMPLE = ["platform-roots"]
