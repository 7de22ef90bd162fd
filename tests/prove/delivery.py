#!/usr/bin/env python3
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the bars of the delivery of own code on this machine, one line each; exits 1 when one falls short.

    bench      `aws s3 sync` and ours side by side on the same tree and store
    switches   a reader in a loop over the addons during 50 switches of real runs of the module
    kills      pulls and syncs killed at 20 random moments each: never a half release in use or visible
    deploy     on a platform of its own (`oc-delivery`): one addon's view and one requirement change under load, in one playbook run; then
               again, with a requirement that can't be had, with one that conflicts, and back to the release before
    aws        the role for AWS, twice against moto and stubs (`make aws`)

--part NAME      run one part (`--list` names them)
--mutant NAME    break one protection in a copy of the collection and run the part that must notice
--sample         switches and kills, smaller; what `make test` runs
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.server
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))  # its delivery.py comes before this one

import delivery as bench  # noqa: E402
import demo  # noqa: E402
from demo import Line, Mutant, Platform, Shortfall, docker, last_error, recap, request, show  # noqa: E402

NAME = os.environ.get("PROVE_DELIVERY_NAME", "oc-delivery")
IMAGES = os.environ.get("PROVE_IMAGES", "odoo-cloud")
VERSIONS = ("19", "14")
SWITCHES = 50
KILLS = 20
MODULES = "ansible_collections.odoo_cloud.platform.plugins.modules"
KEYS = {"region": "us-east-1", "access_key": "proof", "secret_key": "proof-secret", "bucket": "proof"}

MUTANTS = {
    "link-not-atomic": Mutant(
        "switches",
        "plugins/module_utils/_delivery_host.py",
        '        os.symlink(f"releases/{folder}", temporary)\n        os.rename(temporary, link)',
        "        with contextlib.suppress(FileNotFoundError):\n            os.unlink(link)\n        import time\n\n"
        '        time.sleep(0.05)\n        os.symlink(f"releases/{folder}", link)',
    ),
    "visible-before-whole": Mutant(
        "kills",
        "plugins/module_utils/_delivery_host.py",
        'new = os.path.join(self._releases, f".new-{folder}")',
        "new = os.path.join(self._releases, folder)",
    ),
    "no-drain": Mutant(
        "deploy", "roles/odoo/tasks/replica.yml", "intersect(['recreate', 'restart'])", "intersect(['nothing'])"
    ),
    "update-all": Mutant(
        "deploy", "roles/odoo/templates/containers.yml.j2", "{{ instance.update_modules | to_json }}", '"all"'
    ),
}


class Bucket:
    """A store (moto) with one bucket, and the modules as Ansible starts them: a fresh Python each."""

    def __init__(self, tree: pathlib.Path, folder: pathlib.Path) -> None:
        self.tree, self.folder = tree, folder
        self.store = bench.Store(folder)
        self.environment = {
            **os.environ, "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(tree / ".work" / "collections"),
        }  # fmt: skip
        self.make()

    def make(self) -> None:
        self.run("s3_bucket", buckets=[{"name": "proof", "versioning": False, "encryption": "none"}], provider="generic",
                 **{key: value for key, value in KEYS.items() if key != "bucket"})  # fmt: skip

    def start(self, module: str, **arguments: t.Any) -> subprocess.Popen[str]:
        path = self.folder / f"arguments-{secrets.token_hex(4)}.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"endpoint_url": self.store.endpoint, **arguments}}))
        return subprocess.Popen([sys.executable, "-m", f"{MODULES}.{module}", str(path)], env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip

    def run(self, module: str, **arguments: t.Any) -> dict[str, t.Any]:
        process = self.start(module, **arguments)
        output, errors = process.communicate()
        if process.returncode:
            raise Shortfall(f"{module}: {(output or errors).strip()[-400:]}")
        return t.cast("dict[str, t.Any]", json.loads(output))

    def sync(self, addons: pathlib.Path, channel: str = "current") -> dict[str, t.Any]:
        return self.run("odoo_addons_sync", **sync_arguments(addons, channel))

    def pull(self, path: pathlib.Path, **more: t.Any) -> dict[str, t.Any]:
        return self.run("odoo_release", path=str(path), **KEYS, **more)


def sync_arguments(addons: pathlib.Path, channel: str = "current") -> dict[str, t.Any]:
    return {
        **KEYS,
        "odoo_version": "19",
        "odoo_custom_modules_paths": [str(addons)],
        "channel": channel,
        "keep_releases": 0,
    }


def write_addons(folder: pathlib.Path, mark: str, addons: int = 12, files: int = 25) -> None:
    """Addons in whose every file the same mark stands, so that a mix is seen."""
    for number in range(addons):
        addon = folder / f"oc_{number:02}"
        (addon / "data").mkdir(parents=True, exist_ok=True)
        (addon / "__manifest__.py").write_text(f"{{'name': '{mark}', 'version': '19.0.1.0.0', 'depends': ['base']}}\n")
        for index in range(files - 1):
            (addon / "data" / f"file_{index:03}.xml").write_text(f"<odoo>{mark}</odoo>\n" + "<!-- filler -->\n" * 50)


def marks(release: pathlib.Path) -> tuple[set[str], int]:
    """The marks in all files of a release, and how many files there are; read without the code under proof."""
    found, count = set(), 0
    for path in release.joinpath("addons").rglob("*"):
        if path.is_file():
            match = re.search(r"(?:'name': '|<odoo>)(\w+)", path.read_text())
            found.add(match[1] if match else "?")
            count += 1
    return found, count


def part_bench(tree: pathlib.Path, sample: bool) -> t.Iterator[Line]:
    """The bars against awscli."""
    aws = os.environ.get("PROVE_AWS") or "aws"
    done = subprocess.run([sys.executable, str(tree / "benchmarks" / "delivery.py"), "--aws", aws], cwd=tree,
                          capture_output=True, text=True, check=False)  # fmt: skip
    lines = re.findall(r"^delivery: (.*?): (.*? times) \(target (\S+)\): (.*): (holds|falls short)$", done.stdout, re.M)
    if len(lines) != len(bench.BARS):
        raise Shortfall(f"the benchmark did not run: {(done.stderr or done.stdout).strip()[-300:]}")
    for bar, ratio, target, figures, verdict in lines:
        yield Line(f"against aws s3 sync, {bar}", f"{ratio}: {figures}", f">= {target} times", verdict == "holds")


def part_switches(tree: pathlib.Path, sample: bool) -> t.Iterator[Line]:
    """A reader that follows the link once, as a container's definition does, during real switches."""
    count = SWITCHES // 5 if sample else SWITCHES
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bucket = Bucket(tree, folder)
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
    yield Line(f"a reader over all addons during {count} switches",
               f"{reads[0]} whole looks, {len(mixed)} mixed, {len(troubles)} broken", "none mixed or broken",
               not mixed and not troubles and reads[0] > count)  # fmt: skip


def killed(process: subprocess.Popen[str], after: float) -> bool:
    """Whether the process was still there to be killed."""
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True


def part_kills(tree: pathlib.Path, sample: bool) -> t.Iterator[Line]:
    """Runs killed at random moments; after each, everything that has a release's name is looked at."""
    count = KILLS // 4 if sample else KILLS
    choice = random.Random(20)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bucket = Bucket(tree, folder)
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
            yield Line(f"pulls killed at {hits} random moments", f"{len(bad)} half releases{': ' + bad[0] if bad else ''}; the next run "
                       f"{'finishes' if whole else 'does not finish'}", f"{count} kills, none half, finished",
                       not bad and whole and hits >= count)  # fmt: skip
            hits, bad, number = 0, [], 0
            begin = time.monotonic()
            write_addons(folder / "addons", "timed")
            bucket.sync(folder / "addons")
            length = time.monotonic() - begin
            while hits < count and number < count * 4:
                number += 1
                before = bucket.pull(folder / "look", verify_content=True)["release"]
                write_addons(folder / "addons", f"sync{number}")
                hits += killed(bucket.start("odoo_addons_sync", **sync_arguments(folder / "addons")),
                               choice.uniform(length * 0.2, length))  # fmt: skip
                shutil.rmtree(folder / "look")
                after = bucket.pull(folder / "look", verify_content=True)["release"]
                seen, files = marks(pathlib.Path(os.path.realpath(folder / "look" / "current")))
                if len(seen) != 1 or files != 300 or (after == before) != (seen != {f"sync{number}"}):
                    bad.append(f"{files} files of {'/'.join(sorted(seen))}")
            yield Line(f"syncs killed at {hits} random moments", f"{len(bad)} times a half release was visible", f"{count} kills, none",
                       not bad and hits >= count)  # fmt: skip
        finally:
            bucket.store.stop()


class Index:
    """A package index that wants a password, on this machine alone."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.password = secrets.token_urlsafe(18)
        self.refused = self.served = 0
        wanted = "Basic " + base64.b64encode(f"proof:{self.password}".encode()).decode()
        for version in ("1.0", "2.0"):
            make_wheel(folder, version)
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers.get("Authorization") != wanted:
                    index.refused += 1
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="proof"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                index.served += 1
                name = self.path.rstrip("/").rpartition("/")[2]
                if (folder / name).is_file():
                    body = (folder / name).read_bytes()
                else:
                    body = "".join(
                        f'<a href="/files/{one.name}">{one.name}</a>' for one in folder.glob("*.whl")
                    ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream" if name.endswith(".whl") else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *dummy: t.Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def requirements(self, version: str) -> str:
        return f"--index-url http://127.0.0.1:{self.port}/simple\noc-needed=={version}\n"

    def netrc(self) -> str:
        return f"machine 127.0.0.1 login proof password {self.password}\n"


def make_wheel(folder: pathlib.Path, version: str) -> None:
    """The package oc-needed."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"oc_needed-{version}.dist-info"
    files = {
        "oc_needed.py": f'VERSION = "{version}"\n',
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: oc-needed\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: proof\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for name, text in files.items()
    )
    with zipfile.ZipFile(folder / f"oc_needed-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, f"{about}/RECORD": record + f"{about}/RECORD,,\n"}.items():
            wheel.writestr(name, text)


CONTROLLER = """
import time
from odoo import http
from odoo.http import request


class Page(http.Controller):
    @http.route("/oc/page", type="http", auth="none", csrf=False)
    def page(self, slow="0"):
        import oc_needed
        import oc_vendored
        time.sleep(float(slow))
        view = request.env["ir.ui.view"].sudo().search([("key", "=", "oc_page.page")], limit=1)
        return "|".join([view.arch_db, oc_needed.VERSION, oc_vendored.VALUE])
"""


class Code:
    """The sources of the proof's instance."""

    def __init__(self, folder: pathlib.Path, version: str, index: Index) -> None:
        self.folder, self.index = folder, index
        for name, depends in (("oc_page", "web"), ("oc_other", "web")):
            addon = folder / "addons" / name
            (addon / "static" / "src").mkdir(parents=True)
            (addon / "static" / "src" / "text.txt").write_text(name)
            (addon / "__init__.py").write_text("from . import controllers\n" if name == "oc_page" else "")
            data = ["views/page.xml"] if name == "oc_page" else []
            (addon / "__manifest__.py").write_text(
                repr(
                    {
                        "name": name,
                        "version": f"{version}.0.1.0.0",
                        "depends": [depends],
                        "data": data,
                        "license": "LGPL-3",
                    }
                )
                + "\n"
            )
        (folder / "addons" / "oc_page" / "controllers.py").write_text(CONTROLLER)
        (folder / "python" / "oc_vendored").mkdir(parents=True)
        (folder / "python" / "oc_vendored" / "__init__.py").write_text('VALUE = "vendored"\n')
        self.write("first", "1.0")

    def write(self, text: str, needed: str, more: str = "") -> None:
        view = self.folder / "addons" / "oc_page" / "views" / "page.xml"
        view.parent.mkdir(exist_ok=True)
        view.write_text(f'<odoo><template id="page" name="Page of the proof"><p>{text}</p></template></odoo>\n')
        (self.folder / "requirements.txt").write_text(self.index.requirements(needed) + more)

    def variables(self) -> dict[str, t.Any]:
        return {
            "odoo_custom_modules_paths": [str(self.folder / "addons")],
            "odoo_python_dependencies_paths": [str(self.folder / "python")],
            "odoo_python_requirements_file": str(self.folder / "requirements.txt"),
            "odoo_modules": ["base", "web", "oc_page", "oc_other"],
            "odoo_update_live": True,
            "image_pip_files": {".netrc": self.index.netrc()},
        }


class Load:
    """Requests one after the other from several browsers; also one that takes a while and must not be sent twice."""

    def __init__(self) -> None:
        self.count, self.failed, self.pages = 0, [], set()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(kind,)) for kind in ("page", "login", "slow", "static")
        ]

    def _run(self, kind: str) -> None:
        path = {
            "page": "/oc/page",
            "login": "/web/login",
            "slow": "/oc/page?slow=1.5",
            "static": "/oc_page/static/src/text.txt",
        }
        while not self._stop.is_set():
            try:
                status, body = request("POST" if kind == "slow" else "GET", path[kind], {} if kind == "slow" else None)
                self.count += 1
                if status != 200:
                    self.failed.append(f"{kind}: {status}")
                elif kind == "page":
                    self.pages.add(body.decode())
            except OSError as error:
                self.failed.append(f"{kind}: {type(error).__name__} {error}")
            except Exception as error:  # noqa: BLE001 -- http.client's own kinds; each is a request that failed
                self.failed.append(f"{kind}: {type(error).__name__} {error}")
            self._stop.wait(0.15)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def page() -> str:
    status, body = request("GET", "/oc/page")
    return body.decode() if status == 200 else f"status {status}"


def updated_modules(output: str) -> list[str]:
    """The modules that the update verified as done, as the playbook tells them. Times of rows don't tell: a refresh of the list of
    apps writes rows of modules that nothing else happened to."""
    return sorted(set(re.findall(r"^ *demo: module (\w+):", output, re.MULTILINE)))


def part_deploy(tree: pathlib.Path, sample: bool, versions: t.Sequence[str] = VERSIONS) -> t.Iterator[Line]:
    """End to end, with a load that counts what fails."""
    for version in versions:
        platform = Platform(tree, version)
        platform.variables.update(odoo_cloud_name=NAME, image_name=IMAGES, odoo_cloud_http_port=demo.HTTPS_PORT + 1,
                                  object_storage_port=demo.HTTPS_PORT + 2)  # fmt: skip
        images = set(docker("images", "-q", "--no-trunc").split())
        folder = pathlib.Path(tempfile.mkdtemp(dir=demo.WORK))
        index = Index(folder / "index")
        try:
            platform.clean()
            code = Code(folder / "code", version, index)
            platform.variables.update(code.variables())
            yield from deploy(platform, code, version)
        finally:
            index.server.shutdown()
            if not KEEP:
                platform.clean()
                for image in (
                    set(docker("images", "-q", "--no-trunc", "--filter", "label=org.odoo-cloud.kind=code").split())
                    - images
                ):
                    docker("rmi", "-f", image, check=False)
            shutil.rmtree(folder, ignore_errors=True)


KEEP = False


def playbook(platform: Platform, name: str, **keywords: t.Any) -> tuple[str, float]:
    status, output, seconds = platform.playbook(name, **keywords)
    if status:
        raise Shortfall(f"{name}.yml failed: {last_error(output)}")
    return output, seconds


def deploy(platform: Platform, code: Code, version: str) -> t.Iterator[Line]:
    what = f"Odoo {version}"
    platform.site()
    demo.wait_for_login(60)
    shown = page()
    if "first" not in shown or "|1.0|vendored" not in shown:
        raise Shortfall(f"the first delivery shows {shown[:200]!r}")
    with Load() as load:
        time.sleep(3)
        code.write("second", "2.0")
        output, seconds = playbook(platform, "deploy_code")
        time.sleep(3)
    updated = updated_modules(output)
    shown = page()
    yield Line(f"{what}: a view and a requirement changed, one playbook run",
               f"page {'shows' if 'second' in shown else 'without'} the new view, package {shown.split('|')[1:2]}, in {seconds:.0f} s",
               "new view, package 2.0", "second" in shown and "|2.0|" in shown)  # fmt: skip
    yield Line(f"{what}: modules updated by it", ", ".join(updated) or "none", "oc_page alone", updated == ["oc_page"])
    yield Line(f"{what}: requests during it", f"{len(load.failed)} of {load.count} failed"
               + (f" ({load.failed[0]})" if load.failed else ""), "none failed", not load.failed and load.count > 50)  # fmt: skip
    output, seconds = playbook(platform, "deploy_code")
    yield Line(f"{what}: the same again", f"changed={recap(output).get('changed')} in {seconds:.0f} s", "changed=0",
               recap(output).get("changed") == 0)  # fmt: skip
    code.write("third", "9.9")
    with Load() as load:
        status, output, dummy = platform.playbook("deploy_code")
    told = "oc-needed==9.9" in output and "No matching distribution" in output
    yield Line(f"{what}: a requirement that can't be had", f"exit {status}, pip's message {'shown' if told else 'not shown'}, page shows "
               f"{'the old view' if 'second' in page() else 'something else'}, {len(load.failed)} of {load.count} requests failed",
               "fails with pip's message, old release serves", status != 0 and told and "second" in page() and not load.failed)  # fmt: skip
    code.write("third", "2.0", "babel==0.1\n")
    status, output, dummy = platform.playbook("deploy_code")
    told = "requirements.txt:3: 'babel==0.1' conflicts with" in output
    yield Line(f"{what}: a requirement against Odoo's own packages", f"exit {status}, {'named' if told else last_error(output)}",
               "refused with file and line", status != 0 and told)  # fmt: skip
    code.write("second", "2.0")
    playbook(platform, "deploy_code")
    with Load() as load:
        playbook(platform, "rollback_release", variables={"odoo_cloud_instance": "demo"})
    shown = page()
    yield Line(f"{what}: back to the release before", f"page {'shows' if 'first' in shown else 'does not show'} the first view, package "
               f"{shown.split('|')[1:2]}, {len(load.failed)} of {load.count} requests failed", "first view, package 1.0, none failed",
               "first" in shown and "|1.0|" in shown and not load.failed)  # fmt: skip
    yield leaks(code.index)


def leaks(index: Index) -> Line:
    """The password of the package index, looked for wherever people and tools look."""
    images = docker("images", "-q", "--filter", "label=org.odoo-cloud.kind=code").split()
    names = [name for name in demo.containers() if name]
    places = {
        "docker inspect": docker("inspect", *names, *images),
        "image history": "".join(docker("history", "--no-trunc", image) for image in images),
        "container logs": "".join(docker("logs", name) for name in names),
        "output of the playbooks": "".join(path.read_text() for path in demo.LOGS.glob("*.log")),
    }
    found = [place for place, text in places.items() if index.password in text]
    for path in demo.PLATFORM_ROOT.rglob("*"):
        if path.is_file() and path.stat().st_size < 50_000_000 and index.password.encode() in path.read_bytes():
            found.append(str(path))
    return Line(f"the password of the package index ({index.served} requests with it) in {', '.join(places)}, files",
                ", ".join(found) or "none found", "none, and it was needed", not found and index.served > 0 and bool(images))  # fmt: skip


def part_aws(tree: pathlib.Path, sample: bool) -> t.Iterator[Line]:
    """The bar of the role for AWS."""
    begin = time.monotonic()
    done = subprocess.run(
        ["make", "aws"], cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    last = (re.findall(r"^.*(?:passed|failed|error).*$", done.stdout, re.M) or [done.stdout.strip()[-200:]])[-1]
    yield Line("the role aws_delivery twice against moto and stubs, --check on an empty account",
               f"{last.strip('= ')} in {time.monotonic() - begin:.0f} s", "passes", done.returncode == 0)  # fmt: skip


PARTS = {name.removeprefix("part_"): function for name, function in list(globals().items()) if name.startswith("part_")}
SAMPLE = ("switches", "kills")


def run_part(name: str, tree: pathlib.Path, sample: bool) -> list[Line]:
    lines: list[Line] = []
    try:
        for line in PARTS[name](tree, sample):
            lines.append(line)
            show(line)
    except (Shortfall, bench.BenchmarkError, OSError, subprocess.CalledProcessError, ValueError) as error:
        lines.append(Line(name, str(error), "runs", False, ran=False))
        show(lines[-1])
    return lines


def main() -> int:
    global KEEP, VERSIONS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=sorted(PARTS))
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    parser.add_argument("--version", choices=VERSIONS, help="of the part deploy; both by default")
    parser.add_argument("--sample", action="store_true", help=f"the parts {' '.join(SAMPLE)}, smaller")
    parser.add_argument("--list", action="store_true", help="name parts and mutants")
    parser.add_argument("--keep", action="store_true", help="leave the platform there at the end")
    given = parser.parse_args()
    if given.list:
        print("parts:", *PARTS, "\nmutants:", *(f"{name} ({mutant.part})" for name, mutant in MUTANTS.items()))
        return 0
    KEEP = given.keep
    # The tools of the other proof, on a platform of our own.
    demo.NAME, demo.PLATFORM_ROOT, demo.SECRETS = (
        NAME,
        pathlib.Path("/srv") / NAME,
        pathlib.Path.home() / ".odoo-cloud" / NAME,
    )
    demo.HTTPS_PORT = int(os.environ.get("PROVE_DELIVERY_PORT", "9743"))
    demo.LOGS = demo.WORK / "prove" / "delivery" / "log"
    demo.MUTANTS = MUTANTS
    shutil.rmtree(demo.LOGS, ignore_errors=True)
    tree = demo.mutated(given.mutant) if given.mutant else ROOT
    parts = (
        [MUTANTS[given.mutant].part]
        if given.mutant
        else [given.part]
        if given.part
        else list(SAMPLE if given.sample else PARTS)
    )
    if given.version or given.mutant:
        chosen = (given.version or "19",)
        PARTS["deploy"] = lambda tree, sample: part_deploy(tree, sample, chosen)
    begin = time.monotonic()
    lines = [line for name in parts for line in run_part(name, tree, given.sample)]
    short = sum(not line.holds for line in lines)
    print(f"{len(lines) - short} passed, {short} failed")
    print(
        f"{len(lines)} bars in {time.monotonic() - begin:.0f} s"
        + (f" with the mutant {given.mutant}" if given.mutant else "")
    )
    return 1 if short or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
