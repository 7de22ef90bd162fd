# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the bars of the delivery of own code.

bench         `aws s3 sync` and ours side by side on the same tree and store
switches      a reader in a loop over the addons during 50 switches of real runs of the module
kills         pulls and syncs killed at 20 random moments each: never a half release in use or visible
input         everything that can be wrong with sources, through ansible-playbook: named with file and line, nothing uploaded
cut           the connection to the store breaks in the middle: the next run goes on
requirements  git over https with a password, hashes, constraints, Debian packages, a pip that fails; the passwords are looked for
registry      images pushed to a registry, and taken from it by a machine that has none
deploy        on a platform of its own: one addon's view and one requirement change under load, in one playbook run;
              Chromium looks at it; then again, with a requirement that can't be had, with one that conflicts, and back
rebuild       `rebuild_images` with nothing newer, and with something newer
aws           the role for AWS, twice against moto and stubs (`make aws`)
"""

from __future__ import annotations

import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import typing as t

from .. import frame
from ..benchmarks import delivery as bench
from ..frame import ADDONS, IMAGES, PLATFORM_LABEL, Line, Mutant, Proof, Shortfall, docker, last_error, parts_of, recap
from ..platforms import Platform
from . import images
from .lab import (
    KEYS,
    Bucket,
    Cable,
    Code,
    Index,
    Load,
    marks,
    own_platform,
    page,
    shown_in_browser,
    sync_arguments,
    write_addons,
)

SWITCHES = 50
KILLS = 20

MUTANTS = {
    "link-not-atomic": Mutant.one(
        "switches",
        "plugins/module_utils/_delivery/host.py",
        '        os.symlink(f"releases/{folder}", temporary)\n        os.rename(temporary, link)',
        "        with contextlib.suppress(FileNotFoundError):\n            os.unlink(link)\n        import time\n\n"
        '        time.sleep(0.05)\n        os.symlink(f"releases/{folder}", link)',
    ),
    "visible-before-whole": Mutant.one(
        "kills",
        "plugins/module_utils/_delivery/host.py",
        'new = os.path.join(self._releases, f".new-{folder}")',
        "new = os.path.join(self._releases, folder)",
    ),
    "no-drain": Mutant.one(
        "deploy", "roles/odoo/tasks/replica.yml", "intersect(['recreate', 'restart'])", "intersect(['nothing'])"
    ),
    "update-all": Mutant.one(
        "deploy",
        "plugins/module_utils/_services/odoo_containers.py",
        '"UPDATE": instance.update_modules',
        '"UPDATE": "all"',
    ),
    "channel-first": Mutant.one(
        "kills",
        "plugins/module_utils/_delivery/bucket.py",
        '        if self.pointer.layout == "pack":\n            self._upload_packs',
        "        if not self.check_mode:\n            self._publish(manifest, packages)\n"
        '        if self.pointer.layout == "pack":\n            self._upload_packs',
    ),
    "blind-sources": Mutant.one(
        "input",
        "plugins/module_utils/_delivery/sources.py",
        "        if self.problems:\n            raise DeliveryError(*self.problems)\n        return [",
        "        return [",
    ),
    "starts-over": Mutant.one(
        "cut",
        "plugins/module_utils/_delivery/bucket.py",
        "there = {one.key for one in self.objects.list(self.places.packs)[0] if one.size}",
        "there: set[str] = set()",
    ),
    "password-in-layer": Mutant.one(
        "requirements",
        "roles/image/files/code/install-packages",
        "mkdir -p /out/packages\n",
        "mkdir -p /out/packages\ncp /run/pip/.git-credentials /run/pip/.netrc /out/packages/\n",
    ),
    "pushes-always": Mutant.one(
        "registry",
        "roles/image/tasks/registry_push.yml",
        "rejectattr('hash', 'in', image_registry_stamps",
        "rejectattr('name', 'in', image_registry_stamps",
    ),
    "cuts-requests": Mutant.one(
        "deploy", "plugins/module_utils/_runtime/restore/point.py", "PATIENCE = 9", "PATIENCE = 0"
    ),
    "no-reconnect": Mutant.one(
        "deploy",
        f"{ADDONS}/database_reconnect/cursor.py",
        "    sql_db.Cursor.execute = execute\n",
        "    del execute\n",
    ),
    "nothing-is-newer": Mutant.one(
        "rebuild", "plugins/module_utils/_images/security.py", "match = _UPGRADE.match(line.strip())", "match = None"
    ),
}


class Run(frame.Run):
    """With `make aws` beside it when all parts are run."""

    aws: Aws | None = None

    def close(self) -> None:
        if self.aws is not None and self.aws.process.poll() is None:
            self.aws.process.terminate()

    @property
    def short(self) -> bool:
        """Whether the part deploy goes only as far as its mutants can be noticed."""
        return self.mutant is not None


def part_bench(run: Run) -> t.Iterator[Line]:
    """The bars against awscli. `make aws`, which measures no time, begins after it."""
    with tempfile.TemporaryDirectory(dir=run.place.work) as name:
        result = bench.measured(bench.Size(), pathlib.Path(name), os.environ.get("PROVE_AWS") or "aws", run.tree)
    for line in bench.lines(result):
        line.bar = f"against aws s3 sync, {line.bar}"
        yield line
    if "aws" in run.parts:
        run.aws = Aws(run)


def part_switches(run: Run) -> t.Iterator[Line]:
    """A reader that follows the link once, as a container's definition does, during real switches."""
    count = SWITCHES // 5 if run.sample else SWITCHES
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bucket = Bucket(run.tree, folder)
        try:
            releases = []
            for mark in ("one", "two"):
                write_addons(folder / "addons", mark)
                releases.append(bucket.sync(folder / "addons")["release"])
                bucket.pull(folder / "host")
            stop, mixed, reads, troubles = threading.Event(), [], [0], []

            def read() -> None:
                while not stop.is_set():
                    try:
                        seen, files = marks(pathlib.Path(os.path.realpath(folder / "host" / "current")))
                        reads[0] += 1
                        if len(seen) != 1 or files != 300:
                            mixed.append((seen, files))
                    except OSError as error:
                        troubles.append(str(error))

            reader = threading.Thread(target=read)
            reader.start()
            for number in range(count):
                bucket.pull(folder / "host", release=releases[number % 2])
            stop.set()
            reader.join()
        finally:
            bucket.store.stop()
    yield Line(
        f"a reader over all addons during {count} switches",
        f"{reads[0]} whole looks, {len(mixed)} mixed, {len(troubles)} broken",
        "none mixed or broken",
        not mixed and not troubles and reads[0] > count,
    )


def killed(process: subprocess.Popen[str], after: float) -> bool:
    """Whether the process was still there to be killed."""
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


def part_kills(run: Run) -> t.Iterator[Line]:
    """Runs killed at random moments; after each, everything that has a release's name is looked at."""
    count = KILLS // 4 if run.sample else KILLS
    choice = random.Random(20)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bucket = Bucket(run.tree, folder)
        try:
            write_addons(folder / "addons", "first")
            bucket.sync(folder / "addons")
            begin = time.monotonic()
            bucket.pull(folder / "host")
            length = time.monotonic() - begin
            hits, bad, number = 0, [], 0
            while hits < count and number < count * 4:
                number += 1
                write_addons(folder / "addons", f"pull{number}")
                bucket.sync(folder / "addons")
                process = bucket.start("odoo_release", path=str(folder / "host"), **KEYS)
                hits += killed(process, choice.uniform(length * 0.2, length))
                places = [*(folder / "host" / "releases").glob("[0-9a-f]*"), folder / "host" / "current"]
                for place in places:
                    seen, files = marks(pathlib.Path(os.path.realpath(place)))
                    if len(seen) != 1 or files != 300:
                        bad.append(f"{place.name}: {files} files of {'/'.join(sorted(seen))}")
            bucket.pull(folder / "host")
            whole = marks(pathlib.Path(os.path.realpath(folder / "host" / "current"))) == ({f"pull{number}"}, 300)
            yield Line(
                f"pulls killed at {hits} random moments",
                f"{len(bad)} half releases{': ' + bad[0] if bad else ''}; the next run "
                f"{'finishes' if whole else 'does not finish'}",
                f"{count} kills, none half, finished",
                not bad and whole and hits >= count,
            )
            hits, bad, number = 0, [], 0
            begin = time.monotonic()
            write_addons(folder / "addons", "timed")
            bucket.sync(folder / "addons")
            length = time.monotonic() - begin
            while hits < count and number < count * 4:
                number += 1
                try:
                    before = bucket.pull(folder / "look", verify_content=True)["release"]
                    write_addons(folder / "addons", f"sync{number}")
                    hits += killed(
                        bucket.start("odoo_addons_sync", **sync_arguments(folder / "addons")),
                        choice.uniform(length * 0.2, length),
                    )
                    shutil.rmtree(folder / "look")
                    after = bucket.pull(folder / "look", verify_content=True)["release"]
                except Shortfall:
                    bad.append("a release that can't be pulled")
                    continue
                seen, files = marks(pathlib.Path(os.path.realpath(folder / "look" / "current")))
                if len(seen) != 1 or files != 300 or (after == before) != (seen != {f"sync{number}"}):
                    bad.append(f"{files} files of {'/'.join(sorted(seen))}")
            yield Line(
                f"syncs killed at {hits} random moments",
                f"{len(bad)} times a half release was visible{': ' + bad[0] if bad else ''}",
                f"{count} kills, none",
                not bad and hits >= count,
            )
        finally:
            bucket.store.stop()


class Sources:
    """Sources that are right at first; each fault is put into one of their files."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.reset()

    def reset(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("oc_one", "oc_two", "oc_three", "oc_four"):
            self.manifest(name)
        (self.folder / "more").mkdir()
        (self.folder / "empty").mkdir()
        (self.folder / "requirements.txt").write_text("# what the addons need\npackaging\n")
        self.paths = ["addons"]

    def manifest(
        self, name: str, version: str = "19.0.1.0.0", depends: t.Sequence[str] = ("base",), end: str = "}"
    ) -> None:
        path = self.folder / "addons" / name / "__manifest__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"{{\n    'name': {name!r},\n    'version': {version!r},\n    'depends': {list(depends)!r},\n{end}\n"
        )

    def variables(self) -> dict[str, t.Any]:
        return {
            "odoo_custom_modules_paths": [str(self.folder / one) for one in self.paths],
            "odoo_python_requirements_file": str(self.folder / "requirements.txt"),
        }

    def no_module(self) -> str:
        self.paths.append("empty")
        return f"odoo_custom_modules_paths: '{self.folder}/empty' holds no addon"

    def does_not_parse(self) -> str:
        self.manifest("oc_three", end="")
        return f"{self.folder}/addons/oc_three/__manifest__.py:1: does not parse: "

    def other_series(self) -> str:
        self.manifest("oc_one", version="14.0.1.0.0")
        path = self.folder / "addons" / "oc_one" / "__manifest__.py"
        return f"{path}:3: 'oc_one' has version '14.0.1.0.0', made for Odoo 14.0, but this release is for 19.0"

    def missing_dependency(self) -> str:
        self.manifest("oc_two", depends=["base", "no_such_addon"])
        return f"{self.folder}/addons/oc_two/__manifest__.py:4: 'oc_two' depends on 'no_such_addon', which is neither delivered nor"

    def one_name_twice(self) -> str:
        shutil.copytree(self.folder / "addons" / "oc_four", self.folder / "more" / "oc_four")
        self.paths.append("more")
        return f"two addons with the name 'oc_four': {self.folder}/addons/oc_four and {self.folder}/more/oc_four"

    def conflict(self) -> str:
        (self.folder / "requirements.txt").write_text("# what the addons need\n-r more.txt\n")
        (self.folder / "more.txt").write_text("packaging\n\nBabel==0.1\n")
        return f"{self.folder}/more.txt:3: 'Babel==0.1' conflicts with Babel "


FAULTS = ("no_module", "does_not_parse", "other_series", "missing_dependency", "one_name_twice", "conflict")


def part_input(run: Run) -> t.Iterator[Line]:
    """Faults in sources, one after the other and together, through the playbook."""
    platform = own_platform(run, "19")
    with tempfile.TemporaryDirectory(dir=run.place.work) as name:
        folder = pathlib.Path(name)
        bucket, sources = Bucket(run.tree, folder), Sources(folder / "code")
        platform.variables.update({f"odoo_release_{key}": value for key, value in KEYS.items()})
        platform.variables["odoo_release_endpoint"] = bucket.store.endpoint
        try:
            for kinds in [FAULTS] if run.sample else [*((kind,) for kind in FAULTS), FAULTS]:
                sources.reset()
                wanted = [getattr(sources, kind)() for kind in kinds]
                before = bucket.requests("PUT", "POST", "DELETE")
                status, output, seconds = platform.playbook("code", **sources.variables())
                text = re.sub(r"\s+", " ", output)
                missing = [one for one in wanted if one not in text]
                written = bucket.requests("PUT", "POST", "DELETE") - before
                yield Line(
                    f"wrong input: {kinds[0] if len(kinds) == 1 else f'{len(wanted)} faults at once'}",
                    f"exit {status}, {'named' if not missing else 'not named: ' + missing[0]}, {written} writes to the store "
                    f"in {seconds:.0f} s",
                    "refused, named with file and line, nothing uploaded",
                    status != 0 and not missing and not written,
                )
            sources.reset()
            status, output, dummy = platform.playbook("code", **sources.variables())
            written = bucket.requests("PUT")
            yield Line(
                "the same sources without a fault",
                f"exit {status}, {written} writes to the store" + ("" if not status else "; " + last_error(output)),
                "delivered",
                status == 0 and written > 3,
            )
        finally:
            bucket.store.stop()
            platform.remove()


def part_cut(run: Run) -> t.Iterator[Line]:
    """The connection breaks in the middle of a delivery, and of a pull; each is run again."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bucket = Bucket(run.tree, folder)
        cable = Cable(int(bucket.store.endpoint.rpartition(":")[2]))
        through = {"endpoint_url": f"http://127.0.0.1:{cable.port}", "timeout": 5}
        try:
            write_addons(folder / "addons", "first", addons=40, weight=50_000)
            whole = bucket.sync(folder / "addons")
            bucket.pull(folder / "host")
            write_addons(folder / "addons", "second", addons=40, weight=50_000)
            packs = len(list((folder / "addons").iterdir()))
            size = whole["stats"]["bytes_sent"]
            before = bucket.requests("PUT")
            cable.cut_after(size // 2)
            broken = bucket.fails("odoo_addons_sync", **{**sync_arguments(folder / "addons"), **through})
            sent = bucket.requests("PUT") - before
            visible = bucket.pull(folder / "look")["release"]
            cable.cut_after(None)
            again = bucket.run("odoo_addons_sync", **{**sync_arguments(folder / "addons"), **through})
            rest = again["stats"]["uploaded"]
            new = bucket.pull(folder / "look")
            seen, dummy = marks(folder / "look" / "current")
            yield Line(
                "a delivery whose connection breaks, run again",
                f"{sent} of {packs} archives sent, then {'the old release' if visible == whole['release'] else 'something else'} visible; "
                f"told: {broken[:90]!r}; the next run sends {rest} and its release is whole: {seen == {'second'}}",
                "old release visible, only the rest is sent, then whole",
                visible == whole["release"]
                and 0 < sent < packs
                and 0 < rest <= packs - sent + 8
                and rest < packs
                and new["release"] == again["release"]
                and seen == {"second"},
            )
            total = new["bytes_received"]
            cable.cut_after(total // 2)
            broken = bucket.fails("odoo_release", path=str(folder / "host"), **{**KEYS, **through})
            seen, files = marks(pathlib.Path(os.path.realpath(folder / "host" / "current")))
            old = seen == {"first"} and files == packs * 25
            cable.cut_after(None)
            again = bucket.run("odoo_release", path=str(folder / "host"), **{**KEYS, **through})
            seen, files = marks(pathlib.Path(os.path.realpath(folder / "host" / "current")))
            yield Line(
                "a pull whose connection breaks, run again",
                f"{'the old release' if old else 'something else'} in use, told: {broken[:90]!r}; the next run fetches "
                f"{len(again['downloaded'])} of {packs} archives and its release is whole: {seen == {'second'} and files == packs * 25}",
                "old release in use, only the rest is fetched, then whole",
                old and 0 < len(again["downloaded"]) < packs and seen == {"second"} and files == packs * 25,
            )
        finally:
            cable.close()
            bucket.store.stop()


def updated_modules(output: str) -> list[str]:
    """The modules that the update verified as done, as the playbook tells them. Times of rows don't tell: a refresh of the list of
    apps writes rows of modules that nothing else happened to."""
    return sorted(set(re.findall(r"^ *demo: module (\w+):", output, re.MULTILINE)))


def part_deploy(run: Run) -> t.Iterator[Line]:
    """End to end, with a load that counts what fails."""
    for version in run.versions:
        platform = own_platform(run, version)
        there = set(docker("images", "-q", "--no-trunc").split())
        folder = pathlib.Path(tempfile.mkdtemp(dir=run.place.work))
        index = Index(folder / "index")
        try:
            platform.remove()
            code = Code(folder / "code", version, index)
            platform.variables.update(code.variables())
            yield from deploy(run, platform, code, version)
        finally:
            index.server.shutdown()
            if not run.keep:
                platform.remove()
                made = docker("images", "-q", "--no-trunc", "--filter", "label=org.odoo-cloud.kind=code").split()
                for image in set(made) - there:
                    docker("rmi", "-f", image, check=False)
                shutil.rmtree(folder, ignore_errors=True)


def state_of(platform: Platform) -> dict[str, str]:
    """Everything that a deployment changes: containers, files of the platform, the bucket of the code, rows of the history."""
    found = {
        name: docker("inspect", "-f", "{{.Id}} {{.Image}} {{.State.StartedAt}}", name) for name in platform.containers()
    }
    found["images"] = "".join(
        sorted(docker("images", "-q", "--no-trunc", "--filter", f"label={PLATFORM_LABEL}={IMAGES}"))
    )
    for path in sorted(platform.root.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif (
            path.is_file()
            and "/runs/" not in str(path)
            and "/postgres/" not in str(path)
            and "/objects/" not in str(path)
        ):
            found[str(path)] = f"{path.stat().st_size} {path.stat().st_mtime_ns}"
    found["history"] = platform.psql("SELECT count(*), max(id) FROM curq_state_history", "demo")
    return found


def deploy(run: Run, platform: Platform, code: Code, version: str) -> t.Iterator[Line]:
    what = f"Odoo {version}"
    platform.site()
    platform.wait_for_login(60)
    shown, seen = page(platform), shown_in_browser(platform, "/oc/view")
    if (
        "first" not in shown
        or "|1.0|vendored" not in shown
        or (seen.get("text"), seen.get("needed")) != ("first", "1.0")
    ):
        raise Shortfall(f"the first delivery shows {shown[:200]!r}, Chromium {seen}")
    code.write("second", "2.0")
    # What doesn't depend on Odoo's version is looked at on one of them.
    first, last = (version == run.versions[number] for number in (0, -1))
    if first:
        yield outlook(platform, version)
    with Load(platform) as load:
        time.sleep(3)
        dummy, output, seconds = platform.play("deploy_code")
        time.sleep(3)
    updated = updated_modules(output)
    shown, seen = page(platform), shown_in_browser(platform, "/oc/view")
    yield Line(
        f"{what}: a view and a requirement changed, one playbook run",
        f"Chromium shows the view {seen.get('text')!r} and of the package {seen.get('needed')!r}, in {seconds:.0f} s",
        "'second' and '2.0'",
        "second" in shown and (seen.get("text"), seen.get("needed")) == ("second", "2.0"),
    )
    yield Line(f"{what}: modules updated by it", ", ".join(updated) or "none", "oc_page alone", updated == ["oc_page"])
    yield requests_line(f"{what}: requests during it", load)
    if run.short:
        return
    dummy, output, seconds = platform.play("deploy_code")
    yield Line(
        f"{what}: the same again",
        f"changed={recap(output).get('changed')} in {seconds:.0f} s",
        "changed=0",
        recap(output).get("changed") == 0,
    )
    if last:
        yield from faulty_requirements(platform, code, what)
    if first and last:
        code.write("second", "2.0")
        platform.play("deploy_code")
    if first:
        yield from back_again(platform, what)
    yield leaks(platform, code.index)


def outlook(platform: Platform, version: str) -> Line:
    """What check mode tells of a deployment, and that it touches nothing."""
    before = state_of(platform)
    dummy, output, seconds = platform.play("deploy_code", "--check", "--diff")
    after = state_of(platform)
    touched = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    tells = {
        "the addon": "oc_page" in output,
        "the requirement": "+oc-needed==2.0" in output.replace(" ", ""),
        "the image": re.search(
            rf"odoo-{version}-code-\w+: \S+ is not there and would be built", " ".join(output.split())
        ),
        "the update": "Instance demo, UpdateOnly" in output,
        "each replica": all(f"{platform.name}-demo-{number}" in output for number in (1, 2)),
    }
    silent = [name for name, told in tells.items() if not told]
    return Line(
        f"Odoo {version}: --check --diff before it",
        f"tells {'all' if not silent else 'nothing of ' + ', '.join(silent)}, touched: "
        f"{', '.join(touched[:3]) or 'nothing'}, in {seconds:.0f} s",
        "tells addon, requirement, image, update, replicas; touches nothing",
        not silent and not touched,
    )


def faulty_requirements(platform: Platform, code: Code, what: str) -> t.Iterator[Line]:
    """Requirements that can't be met: the old release serves on."""
    code.write("third", "9.9")
    with Load(platform) as load:
        status, output, dummy = platform.playbook("deploy_code")
    told = "oc-needed==9.9" in output and "No matching distribution" in output
    yield Line(
        f"{what}: a requirement that can't be had",
        f"exit {status}, pip's message {'shown' if told else 'not shown'}, page shows "
        f"{'the old view' if 'second' in page(platform) else 'something else'}, {len(load.failed)} of {load.count} requests failed",
        "fails with pip's message, old release serves",
        status != 0 and told and "second" in page(platform) and not load.failed,
    )
    code.write("third", "2.0", "babel==0.1\n")
    status, output, dummy = platform.playbook("deploy_code")
    told = "requirements.txt:3: 'babel==0.1' conflicts with" in output
    yield Line(
        f"{what}: a requirement against Odoo's own packages",
        f"exit {status}, {'named' if told else last_error(output)}",
        "refused with file and line",
        status != 0 and told,
    )


def back_again(platform: Platform, what: str) -> t.Iterator[Line]:
    """To the release before, under load."""
    with Load(platform) as load:
        dummy, output, seconds = platform.play("rollback_release", odoo_cloud_instance="demo")
    shown = page(platform)
    yield Line(
        f"{what}: back to the release before",
        f"page {'shows' if 'first' in shown else 'does not show'} the first view, package "
        f"{shown.split('|')[1:2]}, in {seconds:.0f} s",
        "first view, package 1.0",
        "first" in shown and "|1.0|" in shown,
    )
    yield requests_line(f"{what}: requests during that", load)
    dummy, output, seconds = platform.play("deploy_code")
    yield Line(
        f"{what}: deploy_code after that",
        f"changed={recap(output).get('changed')}, page {'still shows' if 'first' in page(platform) else 'lost'} the first view",
        "changed=0, the rejected release doesn't come back",
        recap(output).get("changed") == 0 and "first" in page(platform),
    )


def requests_line(what: str, load: Load) -> Line:
    return Line(
        what,
        f"{len(load.failed)} of {load.count} failed" + (f" ({'; '.join(load.failed[:4])})" if load.failed else ""),
        "none failed",
        not load.failed and load.count > 50,
    )


def leaks(platform: Platform, index: Index) -> Line:
    """The password of the package index, looked for wherever people and tools look."""
    made = docker("images", "-q", "--filter", "label=org.odoo-cloud.kind=code").split()
    names = platform.containers()
    places = {
        "docker inspect": docker("inspect", *names, *made),
        "image history": "".join(docker("history", "--no-trunc", image) for image in made),
        "container logs": "".join(docker("logs", name) for name in names),
        "output of the playbooks": "".join(path.read_text() for path in platform.logs.glob("*.log")),
    }
    found = [place for place, text in places.items() if index.password in text]
    for path in platform.root.rglob("*"):
        if path.is_file() and path.stat().st_size < 50_000_000 and index.password.encode() in path.read_bytes():
            found.append(str(path))
    return Line(
        f"the password of the package index ({index.served} requests with it) in {', '.join(places)}, files",
        ", ".join(found) or "none found",
        "none, and it was needed",
        not found and index.served > 0 and bool(made),
    )


class Aws:
    """`make aws`. When all parts are run it runs beside those that measure no time."""

    def __init__(self, run: Run) -> None:
        self.log = run.place.logs / "aws.log"
        with open(self.log, "w", encoding="utf-8") as stream:
            self.process = subprocess.Popen(["make", "aws"], cwd=run.tree, stdout=stream, stderr=subprocess.STDOUT)


def part_aws(run: Run) -> t.Iterator[Line]:
    """The bar of the role for AWS."""
    aws = run.aws or Aws(run)
    status = aws.process.wait()
    output = aws.log.read_text(encoding="utf-8", errors="replace")
    last = (re.findall(r"^.*(?:passed|failed|error).*$", output, re.M) or [output.strip()[-200:]])[-1]
    yield Line(
        "the role aws_delivery twice against moto and stubs, --check on an empty account",
        last.strip("= "),
        "passes",
        status == 0,
    )


PARTS = {**parts_of(globals()), "requirements": images.part_requirements, "registry": images.part_registry,
         "rebuild": images.part_rebuild}  # fmt: skip
ORDER = ("bench", "switches", "kills", "input", "cut", "requirements", "registry", "deploy", "rebuild", "aws")
PROOF = Proof(
    "delivery", __doc__, Run, {name: PARTS[name] for name in ORDER}, port=9600, mutants=MUTANTS,
    sample=("input", "cut"), mutant_version="19",
)  # fmt: skip
