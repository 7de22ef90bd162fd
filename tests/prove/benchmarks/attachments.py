# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving attachments from Odoo's filestore to S3: the mover against one loop in one transaction and one thread.

Both run in the same Odoo container with the same library (boto3) against the same store (Swift with its S3 interface), each on a copy of
one database that Odoo 19 itself filled, by turns in one run. Once the store is asked directly, once through a proxy that adds 50 ms to
each request, as a store in a data centre does. Timed are whole commands, from the start of Python to its end. The mover's time has all
of what it does beside: verifying, writing down, deleting the local files.

Needs the images of `make demo` with the addons' libraries.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import statistics
import sys
import threading
import time
import typing as t

from ..containers.lab import Box, Database, LabRun
from ..frame import Line, Proof, Shortfall, add_options, docker, given_options, option
from ..stateless.lab import STORES, StatelessLab, runtime, shell

BARS = {"bare": 1.5, "delayed": 5.0}

FILL = """
import os, random
chance, number = random.Random(5), {number}
A = env['ir.attachment']
for begin in range(0, number, 250):
    A.create([{{'name': 'bench', 'raw': os.urandom(int(500 + chance.expovariate(1 / {size}))), 'mimetype': 'application/pdf'}}
              for n in range(min(250, number - begin))])
    env.cr.commit()
answer(A.search_count([('name', '=', 'bench')]))
"""

# The baseline: what moves attachments when nobody thinks of it. It has all that such a loop needs, and nothing more.
LOOP = """
import os, sys, boto3, botocore.config, psycopg2
secret = open(os.environ['DB_PASSWORD_FILE']).read().strip()
connection = psycopg2.connect(host=os.environ['DB_HOST'], dbname=os.environ['DB_NAME'], user=os.environ['DB_USER'], password=secret)
client = boto3.client('s3', endpoint_url=os.environ['AWS_HOST'], region_name=os.environ['AWS_REGION'],
    aws_access_key_id=os.environ['AWS_ACCESS_KEY_ID'], aws_secret_access_key=os.environ['AWS_SECRET_ACCESS_KEY'],
    config=botocore.config.Config(request_checksum_calculation='when_required', response_checksum_validation='when_required'))
bucket, folder = os.environ['AWS_BUCKETNAME'], '/var/lib/odoo/filestore/' + os.environ['DB_NAME'] + '/'
client.create_bucket(Bucket=bucket)
cursor = connection.cursor()
cursor.execute("SELECT id, store_fname, checksum FROM ir_attachment WHERE name = 'bench' AND store_fname NOT LIKE '%://%' ORDER BY id")
rows = cursor.fetchall()
for number, fname, checksum in rows:
    with open(folder + fname, 'rb') as handle:
        client.put_object(Bucket=bucket, Key=checksum, Body=handle.read())
    cursor.execute("UPDATE ir_attachment SET store_fname = %s WHERE id = %s", ('s3://' + bucket + '/' + checksum, number))
connection.commit()
for number, fname, checksum in rows:
    if os.path.exists(folder + fname):
        os.unlink(folder + fname)
print(len(rows))
"""


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is moved, and how often."""

    attachments: int = option(5000, "how many")
    size: int = option(9500, "mean size in bytes, beyond 500")
    delay: int = option(50, "milliseconds that the proxy adds to each request")
    rounds: int = option(3, "rounds without the proxy")
    rounds_delayed: int = option(1, "rounds through it")


class Delay:
    """A TCP proxy that keeps each HTTP request back for a while before it passes it on."""

    VERBS = (b"PUT ", b"GET ", b"POST ", b"HEAD ", b"DELETE ")

    def __init__(self, listen: str, target: tuple[str, int], seconds: float) -> None:
        self.listen, self.target, self.seconds = listen, target, seconds
        self.port = self.requests = 0
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        if not self.ready.wait(10):
            raise Shortfall("the proxy did not start")

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, self.listen, 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*self.target)
            await asyncio.gather(self._pump(reader, back, True), self._pump(there, writer, False))
        except OSError:
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: bool) -> None:
        try:
            while True:
                data = await reader.read(1 << 16)
                if not data:
                    break
                if requests and data.startswith(self.VERBS):
                    self.requests += 1
                    await asyncio.sleep(self.seconds)
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)


class Bench:
    """One filled database, and copies of it for each measurement."""

    def __init__(self, lab: StatelessLab, number: int, size: int, version: str) -> None:
        self.lab, self.number, self.version = lab, number, version
        self.filled = lab.ready(version, STORES)
        box = lab.idle(self.filled)
        found = shell(box, self.filled, FILL.format(number=number, size=size))
        if found != number:
            raise Shortfall(f"{found} attachments were made and not {number}")
        box.remove()
        lab.templates[version, "filled"] = self.filled

    def measure(self, way: str, endpoint: str) -> float:
        database = self.lab.installed(self.version, ("filled",))
        with self.lab.trial(database):
            box = self.lab.idle(database, **({"AWS_HOST": endpoint} if endpoint else {}))
            begin = time.monotonic()
            if way == "loop":
                self.loop(box)
            else:
                code, found, log = runtime(box, "attachments", "move", "--to", "s3", "--from", "file")
                if code or found.get("counts", {}).get("failed") or found.get("leftovers", {}).get("delete"):
                    raise Shortfall(f"the mover ended with {code}: {log[-300:]}")
            seconds = time.monotonic() - begin
            self.check(database)
        print(
            f"  {way} {'through the proxy' if endpoint else 'directly'}: {seconds:.1f} s", file=sys.stderr, flush=True
        )
        return seconds

    def loop(self, box: Box) -> None:
        out = docker("exec", "-i", box.name, "python3", "-", text=LOOP, check=False, timeout=3600)
        if out.strip() != str(self.number):
            raise Shortfall(f"the loop ended with: {out[-300:]}")

    def check(self, database: Database) -> None:
        moved = {row[0].rsplit("/", 1)[1] for row in database.rows(
            "SELECT store_fname FROM ir_attachment WHERE name = 'bench' AND store_fname LIKE 's3:%%'")}  # fmt: skip
        if len(moved) != self.number or moved - set(self.lab.swift.objects(self.lab.bucket(database))):
            raise Shortfall(f"{len(moved)} of {self.number} attachments are in the store")


def measured(lab: StatelessLab, options: Size, version: str) -> dict[str, t.Any]:
    """Both ways by turns, on a bench that has been started."""
    times: dict[str, dict[str, list[float]]] = {}
    gateway = docker("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Gateway}}{{end}}", lab.name).strip()
    proxy = Delay(gateway, (lab.swift.address, 8080), options.delay / 1000)
    try:
        bench = Bench(lab, options.attachments, options.size, version)
        for kind, endpoint, rounds in (
            ("bare", "", options.rounds),
            ("delayed", f"http://{gateway}:{proxy.port}", options.rounds_delayed),
        ):
            for turn in range(rounds):
                # By turns, and who is first too.
                for way in ("loop", "mover") if turn % 2 == 0 else ("mover", "loop"):
                    times.setdefault(kind, {}).setdefault(way, []).append(bench.measure(way, endpoint))
    finally:
        proxy.stop()
    result: dict[str, t.Any] = {
        "version": version, "attachments": options.attachments, "mean_bytes": options.size + 500, "delay_ms": options.delay,
        "steps": {},
    }  # fmt: skip
    for kind, ways in times.items():
        median = {way: statistics.median(found) for way, found in ways.items()}
        result["steps"][kind] = {
            "all": {way: [round(one, 1) for one in found] for way, found in ways.items()},
            "median": {way: round(one, 1) for way, one in median.items()},
            "ratio": round(median["loop"] / median["mover"], 2),
        }
    return result


def lines(found: t.Mapping[str, t.Any]) -> t.Iterator[Line]:
    """A bar for each way to the store."""
    for kind, target in BARS.items():
        step = found["steps"][kind]
        yield Line(
            f"mover against a plain loop, {found['attachments']} attachments to S3,"
            f" {'directly' if kind == 'bare' else str(found['delay_ms']) + ' ms a request'}, Odoo {found['version']}",
            f"{step['ratio']} times: {step['median']['mover']} s, {step['median']['loop']} s", f"{target:g} times", step["ratio"] >= target,
        )  # fmt: skip


class Run(LabRun):
    """On single containers with stores."""

    lab_class = StatelessLab
    lab: StatelessLab


def part_attachments(run: Run) -> t.Iterator[Line]:
    """The one measurement."""
    found = measured(run.lab, given_options(Size, run.options), run.versions[0])
    run.figures(found)
    yield from lines(found)


def options(parser: argparse.ArgumentParser) -> None:
    add_options(parser, Size)


PROOF = Proof(
    "bench-attachments", __doc__, Run, {"attachments": part_attachments}, port=0, versions=("19",), options=options
)  # fmt: skip
