# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery of custom code against `aws s3 sync`, side by side in one run, on the same tree and the same store.

The tree: 100 addons with 10,000 small files, about 60 MB. The store: moto in server mode, started here.
Timed are whole commands: the program `aws`, against a run of the module as Ansible starts it (a fresh Python process that
gets its arguments as JSON), and once more through the program `ansible` with everything it loads. Requests are counted in the
store's own log.

Needs moto[server] and ansible-core in the Python that runs it, and awscli.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.request

from ..frame import Line, Proof, Run, Shortfall, add_options, given_options, option

MODULE = "ansible_collections.odoo_cloud.platform.plugins.modules.odoo_addons_sync"
PULL = "ansible_collections.odoo_cloud.platform.plugins.modules.odoo_release"
KEYS = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_DEFAULT_REGION": "us-east-1"}
WORDS = [
    "self",
    "record",
    "env",
    "model",
    "field",
    "compute",
    "depends",
    "partner",
    "order",
    "line",
    "amount",
    "company",
    "state",
]
# name: (what is divided by what, at least)
BARS = {
    "pack first upload": ("first", "pack", 8.0),
    "pack nothing changed": ("nothing", "pack", 3.0),
    "pack 10 files changed": ("changed", "pack", 2.5),
    "tree first upload": ("first", "tree", 1.0),
    "tree nothing changed": ("nothing", "tree", 3.0),
}


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is delivered, and how often."""

    addons: int = option(100, "addons")
    files: int = option(10000, "files of all addons")
    size: int = option(6000, "mean size of a file in bytes")
    rounds: int = option(3, "rounds with nothing and with 10 files changed")
    rounds_first: int = option(1, "rounds of first uploads")


def make_tree(folder: pathlib.Path, addons: int, files: int, size: int) -> list[pathlib.Path]:
    """Addons with files that compress like source text; the same at each run."""
    choice = random.Random(6)
    lines = [" ".join(choice.choices(WORDS, k=8)) + f" = {choice.random()}\n" for dummy in range(2000)]
    made = []
    for number in range(addons):
        addon = folder / f"addon_{number:03}"
        for index in range(files // addons):
            kind, suffix = (("models", ".py"), ("views", ".xml"), ("static/src", ".js"), ("i18n", ".po"))[index % 4]
            path = addon / kind / f"file_{index:03}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            length = max(200, int(choice.expovariate(1 / size)))
            text = "".join(choice.choices(lines, k=length // 60 + 1))[:length]
            path.write_text(text, encoding="utf-8")
            made.append(path)
        manifest = addon / "__manifest__.py"
        made[-1].rename(manifest)
        made[-1] = manifest
        manifest.write_text(
            f"{{'name': 'addon {number}', 'version': '19.0.1.0.0', 'depends': ['base']}}\n", encoding="utf-8"
        )
    return made


class Store:
    """moto in server mode, in a process of its own, with the requests in its log."""

    def __init__(self, folder: pathlib.Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.log = folder / "store.log"
        with open(self.log, "wb") as stream:
            program = "from moto.server import main; main()"
            command = [sys.executable, "-c", program, "-H", "127.0.0.1", "-p", str(port)]
            self.process = subprocess.Popen(command, stdout=stream, stderr=stream)
        for dummy in range(150):
            if self.process.poll() is not None:
                raise Shortfall(f"moto did not start: {self.log.read_text()[-300:]}")
            try:
                urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise Shortfall("moto did not start")

    def requests(self) -> int:
        return sum(b" HTTP/1.1" in line for line in self.log.read_bytes().splitlines())

    def reset(self) -> None:
        """Everything forgotten, and one empty bucket for each."""
        urllib.request.urlopen(
            urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST"), timeout=30
        ).close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Bench:
    """Times commands and counts their requests."""

    def __init__(
        self, store: Store, tree: pathlib.Path, folder: pathlib.Path, aws: str, checkout: pathlib.Path
    ) -> None:
        """tree: what is delivered. folder: for files. aws: the program. checkout: whose module delivers."""
        self.store, self.tree, self.folder, self.aws = store, tree, folder, aws
        collections = str(checkout / ".work" / "collections")  # the module is found with Ansible and without
        self.environment = {
            **os.environ, **KEYS, "AWS_EC2_METADATA_DISABLED": "true", "LC_ALL": "C.UTF-8",
            "PYTHONPATH": collections, "ANSIBLE_COLLECTIONS_PATH": collections,
        }  # fmt: skip

    def time(self, command: list[str]) -> dict[str, t.Any]:
        before, begun = self.store.requests(), time.monotonic()
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begun
        if done.returncode:
            raise Shortfall(f"{' '.join(command[:4])} ...: {(done.stderr or done.stdout).strip()[-600:]}")
        return {"seconds": seconds, "requests": self.store.requests() - before, "output": done.stdout}

    def make_bucket(self, name: str) -> None:
        self.time([self.aws, "--endpoint-url", self.store.endpoint, "s3", "mb", f"s3://{name}"])

    def sync_aws(self, bucket: str) -> dict[str, t.Any]:
        return self.time(
            [
                self.aws,
                "--endpoint-url",
                self.store.endpoint,
                "s3",
                "sync",
                "--delete",
                "--quiet",
                str(self.tree),
                f"s3://{bucket}/",
            ]
        )

    def arguments(self, bucket: str, layout: str) -> dict[str, t.Any]:
        return {
            "endpoint_url": self.store.endpoint, "region": "us-east-1", "bucket": bucket, "layout": layout, "odoo_version": "19",
            "odoo_custom_modules_paths": [str(self.tree)], "access_key": "benchmark", "secret_key": "benchmark-secret",
        }  # fmt: skip

    def sync_module(self, bucket: str, layout: str, **more: t.Any) -> dict[str, t.Any]:
        path = self.folder / "arguments.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {**self.arguments(bucket, layout), **more}}))
        done = self.time([sys.executable, "-m", MODULE, str(path)])
        done["result"] = json.loads(done.pop("output"))
        return done

    def pull(self) -> dict[str, t.Any]:
        """The release of layout pack, into a folder of this machine."""
        given = self.arguments("bench-pack", "pack")
        path = self.folder / "arguments.json"
        taken = {key: given[key] for key in ("endpoint_url", "region", "bucket", "access_key", "secret_key")}
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {**taken, "path": str(self.folder / "host")}}))
        done = self.time([sys.executable, "-m", PULL, str(path)])
        done["result"] = json.loads(done.pop("output"))
        return done

    def sync_ansible(self, bucket: str, layout: str) -> dict[str, t.Any]:
        program = pathlib.Path(sys.executable).with_name("ansible")
        options = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}", "localhost"]
        given = json.dumps(self.arguments(bucket, layout))
        return self.time([str(program), *options, "-m", "odoo_cloud.platform.odoo_addons_sync", "-a", given])


def change(files: list[pathlib.Path], count: int, round_number: int) -> None:
    """Other content in some files, each of another addon."""
    texts = [path for path in files if path.suffix != ".py"]
    for path in random.Random(round_number).sample(texts, count):
        path.write_text(f"{path.read_text(encoding='utf-8')}\n# round {round_number}\n", encoding="utf-8")


def measured(options: Size, folder: pathlib.Path, aws: str, checkout: pathlib.Path) -> dict[str, t.Any]:
    """Seconds and requests of each way, for a first delivery, one without a change and one with 10 changed files."""
    tree = folder / "tree"
    files = make_tree(tree, options.addons, options.files, options.size)
    store = Store(folder)
    try:
        bench = Bench(store, tree, folder, aws, checkout)
        ways: dict[str, t.Callable[[], dict[str, t.Any]]] = {
            "aws": lambda: bench.sync_aws("bench-aws"),
            "pack": lambda: bench.sync_module("bench-pack", "pack"),
            "tree": lambda: bench.sync_module("bench-tree", "tree"),
            "tree in place": lambda: bench.sync_module("bench-place", "tree", in_place=True),
        }
        found: dict[str, dict[str, list[dict[str, t.Any]]]] = {}

        def note(step: str, way: str, done: dict[str, t.Any]) -> None:
            found.setdefault(step, {}).setdefault(way, []).append(done)
            print(f"  {step} {way}: {done['seconds']:.2f} s, {done['requests']} requests", file=sys.stderr, flush=True)

        for dummy in range(options.rounds_first):
            store.reset()
            for name in ("aws", "pack", "tree", "place"):
                bench.make_bucket(f"bench-{name}")
            for way, work in ways.items():
                note("first", way, work())
            shutil.rmtree(folder / "host", ignore_errors=True)
            note("first", "pull", bench.pull())
        for dummy in range(options.rounds):
            for way, work in ways.items():
                done = work()
                if way != "aws" and done["result"]["changed"]:
                    raise Shortfall(f"{way}: something changed where nothing should: {done['result']['actions'][:3]}")
                note("nothing", way, done)
            note("nothing", "pull", bench.pull())
            note("nothing", "pack through ansible", bench.sync_ansible("bench-pack", "pack"))
        for number in range(options.rounds):
            change(files, 10, number)
            for way, work in ways.items():
                note("changed", way, work())
            note("changed", "pull", bench.pull())
    finally:
        store.stop()
    result: dict[str, t.Any] = {
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "steps": {
            step: {
                way: {
                    "seconds": round(statistics.median(one["seconds"] for one in done), 2),
                    "all": [round(one["seconds"], 2) for one in done],
                    "requests": done[-1]["requests"],
                }
                for way, done in by_way.items()
            }
            for step, by_way in found.items()
        },
    }
    result["sent"] = {step: by_way["pack"][-1]["result"]["stats"]["bytes_sent"] for step, by_way in found.items()}
    return result


def lines(found: t.Mapping[str, t.Any]) -> t.Iterator[Line]:
    """The bars."""
    for name, (step, way, target) in BARS.items():
        ours, theirs = found["steps"][step][way], found["steps"][step]["aws"]
        ratio = theirs["seconds"] / ours["seconds"]
        yield Line(
            name,
            f"{ratio:.1f} times: {ours['seconds']:.2f} s and {ours['requests']} requests, aws s3 sync {theirs['seconds']:.2f} s and"
            f" {theirs['requests']}",
            f">= {target:g} times" + (", 2 requests at most" if step == "nothing" else ""),
            ratio >= target and (step != "nothing" or ours["requests"] <= 2),
        )


def part_delivery(run: Run) -> t.Iterator[Line]:
    """The one measurement."""
    with tempfile.TemporaryDirectory(dir=run.place.work) as name:
        found = measured(given_options(Size, run.options), pathlib.Path(name), run.options.aws, run.tree)
    run.figures(found)
    yield from lines(found)


def options(parser: argparse.ArgumentParser) -> None:
    beside = pathlib.Path(sys.executable).with_name("aws")
    parser.add_argument(
        "--aws", default=str(beside) if beside.exists() else "aws", help="the program (default: beside Python)"
    )
    add_options(parser, Size)


PROOF = Proof("bench-delivery", __doc__, Run, {"delivery": part_delivery}, port=0, versions=(), options=options)
