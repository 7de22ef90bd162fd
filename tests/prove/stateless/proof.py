# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves the bars of a stateless Odoo.

Real Odoo 14 and 19, PostgreSQL, Redis and Swift in containers, with runtime and addons of this checkout. It needs the images of
`make demo` for both versions, with the addons' Python libraries in them.
"""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import dataclasses
import functools
import hashlib
import http.client
import json
import pathlib
import random
import re
import subprocess
import threading
import time
import typing as t

import psycopg2

from ..benchmarks import attachments as bench
from ..containers.lab import Box, Database, LabRun
from ..frame import ADDONS, ROOT, RUNTIME, Line, Mutant, Proof, Shortfall, docker, parts_of, sentence, until
from . import platform
from .lab import MODULES, SERVER_WIDE, STORES, StatelessLab, odoo_arguments, runtime, shell
from .rules import rule_cases

KILLS = {"14": 10, "19": 10}
ATTACHMENTS = {"14": 2500, "19": 2500}
SESSIONS = {"14": 500, "19": 500}
REQUESTS = {"14": 600, "19": 600}
MOVED = 1000  # by the part `speed`
# Together every way from one place to another.
WAYS = {
    "19": ("s3", "swift", "db", "file", "swift", "s3", "file"),
    "14": ("swift", "file", "db", "s3", "db", "swift", "file"),
}
SAMPLE_SHARE = 10
SAMPLE = ("mover", "rollback", "rules", "counter")
EXIT_INCOMPLETE = 90
LOCK_CLASS = 0x0DC10D  # of the objects' locks; part of the contract with the addons, so said once more here


TRANSACTION = f"{ADDONS}/base_attachment_object_storage/transaction.py"
MUTANTS = {
    "delete-what-rows-name": Mutant(
        ("mover", "rollback"),
        ((f"{RUNTIME}/store/objects.py", "going = [fname for fname in ours if fname not in named]", "going = list(ours)"),),
    ),
    "no-compare-and-set": Mutant(
        ("ways",),
        ((f"{RUNTIME}/attachments/mover.py",
          "AND a.store_fname IS NOT DISTINCT FROM t.old AND a.checksum IS NOT DISTINCT FROM t.checksum AND a.type", "AND a.type"),),
    ),
    "not-verified": Mutant(
        ("ways",),
        ((f"{RUNTIME}/attachments/mover.py", "if content.checksum != group.checksum:", "if False:"),
         (f"{RUNTIME}/attachments/contents.py", 'if content is not None and row.checksum in (None, "", content.checksum):',
          "if content is not None:")),
    ),
    "uploads-not-noted": Mutant(
        ("ways",),
        ((f"{RUNTIME}/attachments/mover.py", "self.journal.note(cursor, UPLOAD, sorted(uploads))", "pass"),),
    ),
    "upload-stays": Mutant(("rollback",), ((TRANSACTION, "        self._clean(self.uploaded)\n", "        return\n"),)),
    "delete-at-once": Mutant(
        ("rollback",),
        ((f"{ADDONS}/base_attachment_object_storage/models/ir_attachment.py", "self._object_notes().unlinked.add(fname)",
          "self._store_deleter()([fname])"),),
    ),
    "sessions-not-imported": Mutant(
        ("sessions",),
        ((f"{ADDONS}/session_redis/hooks.py", "    if where.import_files:\n", "    if False:\n"),
         (f"{ADDONS}/session_redis/factory.py", "file_store=file_store if where.import_files else None", "file_store=None")),
    ),
    "redis-away-is-an-error": Mutant(
        ("redis",),
        ((f"{ADDONS}/session_redis/store.py", "except redis.exceptions.RedisError as error:\n            silent",
          "except KeyError as error:\n            silent"),),
    ),
    "each-worker-for-itself": Mutant(
        ("counter",),
        ((f"{ADDONS}/monitoring_prometheus/metrics.py", "prometheus_client.generate_latest(registry)",
          "prometheus_client.generate_latest()"),),
    ),
    "deletions-in-each-others-way": Mutant(
        ("rollback",),
        ((f"{RUNTIME}/store/objects.py", "LOCK_ALL = tuple(range(-16, 0))", "LOCK_ALL = (-1,)"),
         (TRANSACTION, "fnames = list(found.again)", "fnames = []")),
    ),
    "any-store": Mutant(
        ("tests",),
        ((f"{ADDONS}/base_attachment_object_storage/direct.py", 'if not address.startswith(store + "/"):', "if not address:"),),
    ),
    "any-bucket": Mutant(
        ("rules",),
        ((f"{RUNTIME}/rules/environment.py", "return _LIKE_PRODUCTION.match(name) is not None", "return False"),),
    ),
}  # fmt: skip


class Run(LabRun):
    """On single containers with stores."""

    lab_class = StatelessLab
    lab: StatelessLab

    def share(self, numbers: t.Mapping[str, int], version: str, least: int = 1) -> int:
        """How many of something; in a sample a tenth of it, but so many at least."""
        return max(numbers[version] // (SAMPLE_SHARE if self.sample else 1), least)

    def use(self, tree: pathlib.Path) -> bool:
        """Databases, which the whole code has installed, serve all mutants."""
        self.tree = tree
        self.lab.use(tree)
        return True


def each_version(function: t.Callable[[Run, str], t.Iterator[Line]]) -> t.Callable[[Run], t.Iterator[Line]]:
    """A part that is run with one version after the other."""

    @functools.wraps(function)
    def part(run: Run) -> t.Iterator[Line]:
        for version in run.versions:
            yield from function(run, version)

    return part


# Contents, looked at without the code that is tried


@dataclasses.dataclass
class Contents:
    """What rows name against what is there."""

    lost: list[str]
    corrupt: list[str]
    orphans: list[str]
    rows: int = 0
    places: dict[str, int] = dataclasses.field(default_factory=dict)

    def troubles(self) -> list[str]:
        return [f"{len(found)} {name} ({found[0]})" for name, found in
                (("lost", self.lost), ("corrupt", self.corrupt), ("orphans", self.orphans)) if found]  # fmt: skip


def look(lab: StatelessLab, database: Database) -> Contents:
    """Every content is read from where its row says, by other means than the mover's and the addons'."""
    rows = database.rows(
        "SELECT id, store_fname, checksum, db_datas FROM ir_attachment WHERE type = 'binary'"
        " AND (store_fname IS NOT NULL OR length(db_datas) > 0)"
    )
    found = Contents([], [], [], len(rows))
    bucket = lab.bucket(database)
    own = {f"s3://{bucket}/": bucket, f"swift://{lab.stores(database)['SWIFT_WRITE_CONTAINER']}/": ""}
    prefixes = list(own)
    client = lab.swift.client()

    def fetched(bucket: str, key: str) -> str:
        try:
            return hashlib.sha1(client.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()
        except client.exceptions.ClientError:
            return ""

    # One account: what is a container for Swift is a bucket for S3.
    containers = {prefix: prefix.split("/")[2] for prefix in prefixes}
    wanted = sorted({row[1] for row in rows if row[1] and "://" in row[1]})
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sums = dict(zip(wanted, pool.map(lambda fname: fetched(fname.split("/")[2], fname.split("/", 3)[3]), wanted)))
    script = (
        f"cd /var/lib/odoo/filestore/{database.name} 2>/dev/null"
        " && find . -path ./checklist -prune -o -type f -print0 | xargs -0r sha1sum"
    )
    listing = docker("exec", f"{lab.name}-files", "sh", "-c", script, check=False)
    files = {line.split()[1][2:]: line.split()[0] for line in listing.splitlines() if line.count("/") == 2}
    for number, fname, checksum, data in rows:
        if not fname:
            place, seen = "db", hashlib.sha1(bytes(data)).hexdigest()
        elif "://" in fname:
            place, seen = fname.partition("://")[0], sums[fname]
        else:
            place, seen = "file", files.get(fname, "")
        found.places[place] = found.places.get(place, 0) + 1
        if not seen:
            found.lost.append(f"{number} at {fname}")
        elif seen != checksum:
            found.corrupt.append(f"{number} at {fname or 'db'}")
    named = {row[1] for row in rows}
    for prefix, name in containers.items():
        # A listing may lag behind on a busy machine and tell of what was deleted: an orphan is what can be read.
        spare = [key for key in lab.swift.objects(name) if prefix + key not in named]
        found.orphans += [prefix + key for key in spare if fetched(name, key)]
    found.orphans += [fname for fname in files if fname not in named]
    return found


MAKE = """
import hashlib, os, random
chance, made = random.Random({seed}), []
kinds = ['application/pdf', 'application/octet-stream', 'text/plain', 'image/png']
A = env['ir.attachment']
same = [os.urandom(3000 + n) for n in range(20)]
while len(made) < {number}:
    values = []
    for n in range(min(250, {number} - len(made))):
        data = chance.choice(same) if chance.random() < 0.05 else os.urandom(int(200 + chance.expovariate(1 / 9000)))
        values.append({{'name': 'proof', 'raw': data, 'mimetype': chance.choice(kinds)}})
    made += A.create(values)
    env.cr.commit()
answer([[one.id, one.checksum] for one in made])
"""

# An Odoo that works on the same database meanwhile, and remembers what it committed.
WORK_ON = """
import os, random, time, psycopg2
chance = random.Random({seed})
mine, gone, wrong, reads, rounds, refused = {{}}, set(), [], 0, 0, 0
originals = {ids}
contents = [os.urandom(2000 + n) for n in range(30)]
end = time.monotonic() + {seconds}
while time.monotonic() < end and not os.path.exists('/tmp/stop'):
    env.registry.check_signaling()
    env.clear()
    A = env['ir.attachment']
    new, out, changed = {{}}, set(), {{}}
    try:
        for n in range(3):
            one = A.create({{'name': 'live', 'raw': chance.choice(contents), 'mimetype': 'application/pdf'}})
            new[one.id] = one.checksum
        if mine and chance.random() < 0.5:
            number = chance.choice(sorted(mine))
            A.browse(number).unlink()
            out.add(number)
        if originals and chance.random() < 0.5:
            number = chance.choice(originals)
            if number not in gone and chance.random() < 0.5:
                A.browse(number).unlink()
                out.add(number)
            elif number not in gone:
                A.browse(number).write({{'raw': os.urandom(1500), 'mimetype': 'application/pdf'}})
                changed[number] = A.browse(number).checksum
        if chance.random() < 0.3:
            raise ValueError('roll back')
        env.cr.commit()
        mine.update(new)
        mine.update(changed)
        gone |= out
        for number in out:
            mine.pop(number, None)
    except (ValueError, psycopg2.OperationalError):
        refused += 1
        env.clear()
        env.cr.rollback()
    if mine:
        env.clear()
        number = chance.choice(sorted(mine))
        reads += 1
        import hashlib
        data = A.browse(number).raw or b''
        if hashlib.sha1(data).hexdigest() != mine[number]:
            wrong.append(number)
        env.cr.commit()
    rounds += 1
    time.sleep(0.02)
answer(dict(mine=sorted(mine.items()), gone=sorted(gone), wrong=wrong, reads=reads, rounds=rounds, refused=refused))
"""


@each_version
def part_mover(run: Run, version: str) -> t.Iterator[Line]:
    """The mover is killed again and again, while an Odoo works on the same database."""
    number, kills = run.share(ATTACHMENTS, version, 200), run.share(KILLS, version, 3)
    database = run.lab.ready(version, STORES)
    with run.lab.trial(database):
        begin = time.monotonic()
        idle = run.lab.idle(database)
        made = dict(shell(idle, database, MAKE.format(seed=run.seed, number=number)))
        # So the mover's target and Odoo's are the same before both work.
        code, found, log = runtime(idle, "attachments", "move", "--to", "s3", "--set-location", "--from", "db")
        if code:
            raise Shortfall(f"nothing to move from db, but exit {code}: {log[-300:]}")
        chance = random.Random(run.seed)
        ids = chance.sample(sorted(made), min(60, len(made) // 4))
        answers: list[t.Any] = []
        worker = threading.Thread(
            target=lambda: answers.append(shell(idle, database, WORK_ON.format(seed=run.seed, ids=ids, seconds=300)))
        )
        worker.start()
        states, code = [], None
        try:
            for turn in range(kills):
                states.append(kill_once(run, database, number, chance, turn, kills))
            last = mover(run, database)
            code = last.wait(300)
            run.lab.keep_log(last)
        finally:
            idle.run("touch", "/tmp/stop")
            worker.join(120)
        live = answers[0] if answers else {}
        code = code or settle_down(run, database)
        contents = look(run.lab, database)
        rows = dict(database.rows("SELECT id, checksum FROM ir_attachment"))
        truth = {number: checksum for number, checksum in made.items() if number not in set(live.get("gone", ()))}
        truth.update(dict(live.get("mine", ())))
        absent = [number for number, checksum in truth.items() if rows.get(number) != checksum]
        troubles = contents.troubles()
        if absent:
            troubles.append(f"{len(absent)} rows are not what was committed last ({absent[0]})")
        if live.get("wrong"):
            troubles.append(f"{len(live['wrong'])} wrong reads by Odoo meanwhile")
        if code:
            troubles.append(f"exit {code}")
        if contents.places.get("file"):
            troubles.append(f"{contents.places['file']} still local")
        if not live.get("rounds"):
            troubles.append("no Odoo worked meanwhile")
        yield Line(
            f"mover killed {kills} times with {number} attachments, filestore to S3, Odoo {version} works meanwhile (seed {run.seed})",
            f"{contents.rows} contents read, {contents.places}; killed with {','.join(states)} moved; Odoo did"
            f" {live.get('rounds', 0)} transactions ({live.get('refused', 0)} undone) and {live.get('reads', 0)} reads;"
            f" {sentence(troubles, '0 lost, 0 corrupt, 0 orphans')}; {time.monotonic() - begin:.0f} s",
            "0 lost, 0 corrupt, 0 orphans",
            not troubles,
        )


def mover(run: Run, database: Database, *arguments: str) -> Box:
    return run.lab.box(
        database,
        "RunOnly",
        "attachments",
        "move",
        "--to",
        "s3",
        "--batch",
        "100",
        *arguments,
        **run.lab.stores(database),
    )


def settle_down(run: Run, database: Database) -> int:
    """Once Odoo has stopped: what came meanwhile, and what its transactions kept from being deleted."""
    box = mover(run, database)
    return box.wait(120)


def kill_once(run: Run, database: Database, number: int, chance: random.Random, turn: int, kills: int) -> str:
    """SIGKILL at a random moment of an even share of the work; two of ten while old contents are deleted."""
    moved = (
        "SELECT count(*) FROM ir_attachment WHERE name = 'proof' AND (store_fname LIKE 's3:%%' OR store_fname IS NULL)"
    )
    late = turn >= kills - max(1, kills // 5)
    goal = number * (turn + chance.random()) / (kills - max(1, kills // 5))
    box = mover(run, database)
    end = time.monotonic() + 90
    with database.session() as session:
        while time.monotonic() < end and box.code() is None:
            done = session.value(moved)
            if late and done >= 0.98 * session.value("SELECT count(*) FROM ir_attachment WHERE name = 'proof'"):
                break
            if not late and done >= goal:
                break
            time.sleep(0.05)
    time.sleep(chance.random() * (0.6 if not late else 1.5))
    box.kill()
    box.wait(20)
    run.lab.keep_log(box)
    state = str(database.value(moved))
    box.remove()
    return state + ("(deleting)" if late else "")


@each_version
def part_ways(run: Run, version: str) -> t.Iterator[Line]:
    """All directions, check mode, audit and repair, and what a run that was killed in its upload leaves."""
    database = run.lab.ready(version, STORES)
    with run.lab.trial(database):
        begin = time.monotonic()
        idle = run.lab.idle(database)
        made = dict(shell(idle, database, MAKE.format(seed=run.seed, number=100)))
        troubles, way = [], []
        for place in WAYS[version]:
            rows = database.rows("SELECT id, store_fname, db_datas IS NULL FROM ir_attachment ORDER BY id")
            dry, plan, dummy = runtime(idle, "attachments", "move", "--to", place, "--dry-run")
            if dry or database.rows("SELECT id, store_fname, db_datas IS NULL FROM ir_attachment ORDER BY id") != rows:
                troubles.append(f"--dry-run to {place}: exit {dry} or something changed")
            code, found, log = runtime(idle, "attachments", "move", "--to", place)
            planned = sum(entry["attachments"] for entry in plan.get("plan", {}).values())
            if code or found.get("attachments") != planned or not planned:
                troubles.append(f"to {place}: exit {code}, {found.get('attachments')} of {planned}: {log[-200:]}")
            again = runtime(idle, "attachments", "move", "--to", place)[1]
            if again.get("changed") is not False:
                troubles.append(f"to {place} again: changed")
            contents = look(run.lab, database)
            troubles += [f"to {place}: {one}" for one in contents.troubles()]
            allowed = {place, "db"} if place in ("s3", "swift") else {place}
            if set(contents.places) - allowed or (place in ("s3", "swift") and "db" not in contents.places):
                troubles.append(f"to {place}: {contents.places}")
            way.append(place)
        lost = [
            n
            for n, checksum in made.items()
            if dict(database.rows("SELECT id, checksum FROM ir_attachment")).get(n) != checksum
        ]
        if lost:
            troubles.append(f"{len(lost)} rows changed")
        yield Line(
            f"mover in all directions with {len(made)} attachments, each with check mode before and a second run after, Odoo {version}",
            f"{' '.join(way)}; {sentence(troubles, 'every content right, nothing left behind, second run changes nothing')};"
            f" {time.monotonic() - begin:.0f} s",
            "0 lost, 0 corrupt, 0 orphans", not troubles,
        )  # fmt: skip
        yield from audit_line(run, database, idle, version)
        yield from race_line(run, database, idle, version)
        yield from upload_line(run, database, idle, version)


def audit_line(run: Run, database: Database, idle: Box, version: str) -> t.Iterator[Line]:
    """Damage is found, what can be repaired is, and nothing else is touched."""
    troubles = []
    runtime(idle, "attachments", "move", "--to", "s3", "--set-location")
    client, bucket = run.lab.swift.client(), run.lab.bucket(database)
    keys = [row[0].rsplit("/", 1)[1] for row in database.rows(
        "SELECT store_fname FROM ir_attachment WHERE store_fname LIKE 's3:%%' GROUP BY 1"
        " HAVING count(*) = 1 ORDER BY 1 LIMIT 6")]  # fmt: skip
    kept = {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    for key in keys[:3]:
        client.delete_object(Bucket=bucket, Key=key)
    for key in keys[3:5]:  # same length, other content
        client.put_object(Bucket=bucket, Key=key, Body=b"x" * len(kept[key]))
    # Of one missing and one corrupt content a copy is elsewhere: in the filestore.
    for key in (keys[0], keys[3]):
        run.lab.files(f"mkdir -p {database.name}/{key[:2]}")
        docker("exec", "-i", f"{run.lab.name}-files", "sh", "-c",
               f"base64 -d > /var/lib/odoo/filestore/{database.name}/{key[:2]}/{key}",
               text=base64.b64encode(kept[key]).decode())  # fmt: skip
    orphans = [hashlib.sha1(str(n).encode()).hexdigest() for n in range(4)]
    for key in orphans:
        client.put_object(Bucket=bucket, Key=key, Body=b"nobody's")
    client.put_object(Bucket=bucket, Key="README", Body=b"not ours")
    code, found, log = runtime(idle, "attachments", "audit", "--deep")
    counts = found.get("counts", {})
    seen = (
        counts.get("missing"),
        counts.get("corrupt"),
        counts.get("orphans", {}).get("s3"),
        found.get("strange", {}).get("s3"),
    )
    if (code, seen) != (EXIT_INCOMPLETE, (3, 2, 4, 1)):
        troubles.append(f"audit: exit {code}, missing/corrupt/orphans/strange {seen}: {log[-200:]}")
    runtime(idle, "attachments", "audit", "--deep", "--repair", "--dry-run", "--grace", "0")
    if len(run.lab.swift.objects(bucket)) != len(set(run.lab.swift.objects(bucket)) | set(orphans)):
        troubles.append("--dry-run deleted")
    runtime(idle, "attachments", "audit", "--deep", "--repair")
    if set(orphans) - set(run.lab.swift.objects(bucket)):
        troubles.append("young orphans were deleted")
    code, found, log = runtime(idle, "attachments", "audit", "--deep", "--repair", "--grace", "0")
    counts = found.get("counts", {})
    seen = (counts.get("missing"), counts.get("corrupt"), counts.get("orphans", {}).get("s3"))
    if seen != (2, 1, 0):
        troubles.append(f"after the repair missing/corrupt/orphans {seen}: {log[-300:]}")
    objects = set(run.lab.swift.objects(bucket))
    if objects & set(orphans) or "README" not in objects:
        troubles.append("orphans are left, or what is not ours was deleted")
    client.delete_object(Bucket=bucket, Key="README")
    for key in keys[:5]:
        client.put_object(Bucket=bucket, Key=key, Body=kept[key])
    run.lab.files(f"rm -rf {database.name}/{keys[0][:2]}/{keys[0]} {database.name}/{keys[3][:2]}/{keys[3]}")
    code, found, log = runtime(idle, "attachments", "audit", "--deep")
    if code:
        troubles.append(f"all put back, but exit {code}: {found.get('counts')}")
    yield Line(
        f"audit of a bucket with 3 contents missing, 2 corrupt (a copy of one each elsewhere), 4 orphans, 1 foreign object, Odoo {version}",
        sentence(troubles, "all found; repaired: 2 brought back, 4 orphans deleted, the rest untouched and named"),
        "found and repaired as told", not troubles,
    )  # fmt: skip


def race_line(run: Run, database: Database, idle: Box, version: str) -> t.Iterator[Line]:
    """A content that is changed between the mover's reading and its writing; one that is not what its checksum says."""
    runtime(idle, "attachments", "move", "--to", "file")
    troubles = []
    number, fname = database.rows(
        "SELECT id, store_fname FROM ir_attachment WHERE name = 'proof' AND mimetype = 'application/pdf' ORDER BY id LIMIT 1"
    )[0]
    other, bad = database.rows(
        "SELECT id, store_fname FROM ir_attachment WHERE name = 'proof' AND mimetype = 'text/plain' AND store_fname IN"
        " (SELECT store_fname FROM ir_attachment GROUP BY 1 HAVING count(*) = 1) ORDER BY id DESC LIMIT 1"
    )[0]
    docker("exec", f"{run.lab.name}-files", "sh", "-c", f"echo broken > /var/lib/odoo/filestore/{database.name}/{bad}")
    # Who has the object's lock keeps the mover between its look at the rows and its reading of their contents.
    checksum = database.value("SELECT checksum FROM ir_attachment WHERE id = %s", number)
    key = f"s3://{run.lab.bucket(database)}/{checksum}"
    second = int.from_bytes(hashlib.sha1(key.encode()).digest()[:4], "big") & 0x7FFFFFFF
    with database.session() as session:
        session.rows("SELECT pg_advisory_lock(%s, %s)", LOCK_CLASS, second)
        box = mover(run, database, "--from", "file")
        waits = (
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = %s::int8::oid"
            " AND objid = %s::int8::oid)"
        )
        until(lambda: database.value(waits, LOCK_CLASS, second), 60, "the mover doesn't wait for the object's lock")
        checksum = hashlib.sha1(b"changed meanwhile").hexdigest()
        session.rows("UPDATE ir_attachment SET store_fname = NULL, db_datas = %s, checksum = %s, file_size = 17 WHERE id = %s",
                     psycopg2.Binary(b"changed meanwhile"), checksum, number)  # fmt: skip
    code = box.wait(120)
    run.lab.keep_log(box)
    row = database.rows("SELECT checksum, db_datas, store_fname FROM ir_attachment WHERE id = %s", number)[0]
    data = bytes(row[1] or b"")
    if row[2]:  # the next pass moved what it had become
        with contextlib.suppress(Exception):
            data = run.lab.swift.client().get_object(Bucket=run.lab.bucket(database), Key=checksum)["Body"].read()
    if row[0] != checksum or data != b"changed meanwhile":
        troubles.append(f"the changed row is {row}")
    place = database.value("SELECT store_fname FROM ir_attachment WHERE id = %s", other)
    if place != bad or code != EXIT_INCOMPLETE:
        troubles.append(f"a corrupt content went to {place}, exit {code}")
    database.rows("DELETE FROM ir_attachment WHERE id = %s", other)
    run.lab.files(f"rm -f {database.name}/{bad} {database.name}/{fname}")
    troubles += look(run.lab, database).troubles()
    yield Line(
        f"a row that changes during its upload, and a corrupt content, Odoo {version}",
        sentence(troubles, f"the change stays, the corrupt one stays where it is and is told (exit {code})"),
        "neither overwritten nor moved", not troubles,
    )  # fmt: skip


def upload_line(run: Run, database: Database, idle: Box, version: str) -> t.Iterator[Line]:
    """Killed after uploads, before their commit; then Odoo deletes the attachments; the next run has to find the objects."""
    runtime(idle, "attachments", "move", "--to", "file")
    named = {row[0] for row in database.rows("SELECT store_fname FROM ir_attachment WHERE store_fname LIKE 's3:%%'")}
    box = mover(run, database, "--workers", "2")
    bucket = run.lab.bucket(database)
    until(lambda: len(run.lab.swift.objects(bucket)) > len(named) + 5, 60, "nothing was uploaded", 0.02)
    box.kill()
    box.wait(20)
    box.remove()
    left = len(run.lab.swift.objects(bucket))
    shell(
        idle, database, "env['ir.attachment'].search([('name', '=', 'proof')]).unlink()\nenv.cr.commit()\nanswer(True)"
    )
    code = settle_down(run, database)
    contents = look(run.lab, database)
    troubles = [one for one in contents.troubles() if "s3" in one or "lost" in one or "corrupt" in one]
    yield Line(
        f"killed between upload and commit, then the attachments deleted, then the mover again, Odoo {version}",
        f"{left} objects after the kill; {sentence(troubles, 'none left over')}, exit {code}", "0 orphans",
        not troubles and not code and left > 0,
    )  # fmt: skip


def part_speed(run: Run) -> t.Iterator[Line]:
    """The mover against one loop in one transaction and one thread: `make bench-attachments` with fewer attachments and one round."""
    number = 200 if run.sample else MOVED
    yield from bench.lines(
        bench.measured(run.lab, bench.Size(attachments=number, rounds=1, rounds_delayed=1), run.versions[0])
    )


ROLLBACK = """
A = env['ir.attachment']
env['ir.config_parameter'].set_param('ir_attachment.location', {store!r})
env.cr.commit()
import os
def make(n):
    return A.create([{{'name': 'roll-' + {store!r}, 'raw': os.urandom(3000), 'mimetype': 'application/pdf'}} for one in range(n)])
kept = make(5)
keys = kept.mapped('checksum')
env.cr.commit()
gone = make(20).mapped('checksum')
fnames = A.search([('name', '=', 'roll-' + {store!r})]).mapped('store_fname')
env.cr.rollback()
A.browse(kept.ids[:3]).unlink()
env.cr.rollback()
env.clear()
read = [bool(one.raw) for one in A.browse(kept.ids)]
env.cr.commit()
answer(dict(kept=keys, gone=gone, fnames=fnames, read=read, ids=kept.ids))
"""


# Several processes at once, each with contents of its own and one that all have.
AT_ONCE = """
import os, time
end = time.monotonic() + 60
while not os.path.exists('/tmp/go') and time.monotonic() < end:
    time.sleep(0.01)
A, keys = env['ir.attachment'], set()
for turn in range(25):
    contents = [os.urandom(2000) for n in range(3)] + [b'the same for all' * (100 + turn)]
    made = A.create([{'name': 'at once', 'raw': one, 'mimetype': 'application/pdf'} for one in contents])
    keys |= set(made.mapped('checksum'))
    env.cr.commit()
    made.unlink()
    env.cr.commit()
answer(sorted(keys))
"""


@each_version
def part_rollback(run: Run, version: str) -> t.Iterator[Line]:
    """Uploads and deletions of transactions that are rolled back."""
    database = run.lab.ready(version, STORES)
    with run.lab.trial(database):
        idle = run.lab.idle(database)
        for store, variable in (("s3", "AWS_BUCKETNAME"), ("swift", "SWIFT_WRITE_CONTAINER")):
            name = run.lab.stores(database)[variable]
            told = shell(idle, database, ROLLBACK.format(store=store))
            objects = set(run.lab.swift.objects(name))
            orphans = [key for key in told["gone"] if key in objects]
            uploaded = all(fname.startswith(f"{store}://") for fname in told["fnames"]) and len(told["fnames"]) == 25
            yield Line(
                f"20 uploads in a transaction that is rolled back, {store}, Odoo {version}",
                f"{len(orphans)} orphans" + ("" if uploaded else "; they were not uploaded"), "0 orphans",
                not orphans and uploaded,
            )  # fmt: skip
            there = [key for key in told["kept"] if key in objects]
            shell(
                idle,
                database,
                f"env['ir.attachment'].browse({told['ids'][:3]}).unlink()\nenv.cr.commit()\nanswer(True)",
            )
            after = set(run.lab.swift.objects(name))
            deleted = [key for key in told["kept"][:3] if key not in after]
            yield Line(
                f"3 deletions in a transaction that is rolled back, {store}, Odoo {version}",
                f"{len(there)} of 5 objects there, {sum(told['read'])} read; {len(deleted)} of 3 gone after a deletion that was"
                " committed", "5 there; 3 gone",
                len(there) == 5 and all(told["read"]) and len(deleted) == 3 and set(told["kept"][3:]) <= after,
            )  # fmt: skip
        yield at_once(run, database, version)


def at_once(run: Run, database: Database, version: str) -> Line:
    """Uploads and deletions by several processes at the same time."""
    boxes = [run.lab.idle(database) for dummy in range(4)]
    runtime(boxes[0], "attachments", "move", "--to", "s3", "--set-location", "--from", "db")
    with concurrent.futures.ThreadPoolExecutor(len(boxes)) as pool:
        answers = [pool.submit(shell, box, database, AT_ONCE) for box in boxes]
        time.sleep(8)  # until most of them have loaded Odoo
        for box in boxes:
            box.run("touch", "/tmp/go")
        keys = {key for answer in answers for key in answer.result()}
    left = sorted(keys & set(run.lab.swift.objects(run.lab.bucket(database))))
    client = run.lab.swift.client()
    orphans = []
    for key in left:
        with contextlib.suppress(client.exceptions.ClientError):
            client.head_object(Bucket=run.lab.bucket(database), Key=key)
            orphans.append(key)
    return Line(
        f"{len(keys)} contents uploaded and deleted by {len(boxes)} processes at once, S3, Odoo {version}",
        f"{len(orphans)} orphans", "0 orphans", not orphans and len(keys) >= 300,
    )  # fmt: skip


# Sessions

LOGGED_IN = """
import time
from odoo import http
number = {number}
Users, store = env['res.users'].with_context(no_reset_password=True), http.root.session_store
Users.create([{{'name': 'u%d' % n, 'login': 'proof-%d' % n}} for n in range(number)])
env.cr.commit()
users = Users.search([('login', 'like', 'proof-')], order='id')
found = []
for user in users:
    session = store.new()
    values = http.get_default_session() if hasattr(http, 'get_default_session') else {{}}
    values.update(db=env.cr.dbname, uid=user.id, login=user.login, context={{'lang': 'en_US'}},
                  session_token=user._compute_session_token(session.sid))
    session.update(values)
    store.save(session)
    found.append([session.sid, user.id])
env.cr.commit()
answer(found)
"""


def conf(run: Run, name: str, **options: t.Any) -> str:
    """Another odoo.conf of the lab, as the container sees it."""
    folder = run.lab.work / "etc" / "odoo"
    lines = (folder / "odoo.conf").read_text().splitlines()
    lines = [line for line in lines if line.partition("=")[0].strip() not in options]
    path = folder / f"{name}.conf"
    path.write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in options.items())]) + "\n")
    path.chmod(0o644)
    return f"/etc/odoo/{name}.conf"


def replica(run: Run, database: Database, version: str, *modules: str, workers: int = 2, **env: str) -> Box:
    """Odoo as it serves, with addons that are loaded in every process."""
    wide = ",".join((SERVER_WIDE[version], *modules))
    box = run.lab.box(
        database, "RunOnly", SERVER_WIDE_MODULES=wide, ODOO_RC=conf(run, f"workers-{workers}", workers=workers),
        **{**run.lab.stores(database), **env},
    )  # fmt: skip
    until(lambda: box.serves() or box.code() is not None, 90, f"Odoo {version} does not serve", 0.3)
    if box.code() is not None:
        raise Shortfall(f"Odoo {version} ended with {box.code()}: {box.last_line()}")
    return box


def who(address: str, sid: str, timeout: float = 10) -> tuple[int, int | None, float]:
    """Status, user and seconds of one request with a session."""
    begin = time.monotonic()
    connection = http.client.HTTPConnection(address, 8069, timeout=timeout)
    try:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": {}})
        connection.request(
            "POST",
            "/web/session/get_session_info",
            body,
            {"Content-Type": "application/json", "Cookie": f"session_id={sid}"},
        )
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    uid = None
    with contextlib.suppress(ValueError, AttributeError):
        uid = (json.loads(data).get("result") or {}).get("uid")
    return answer.status, uid, time.monotonic() - begin


@each_version
def part_sessions(run: Run, version: str) -> t.Iterator[Line]:
    """Sessions in files, then Odoo with session_redis."""
    number = run.share(SESSIONS, version)
    database = run.lab.ready(version)
    with run.lab.trial(database):
        idle = run.lab.idle(database)
        sessions = shell(idle, database, LOGGED_IN.format(number=number))
        begin = time.monotonic()
        box = replica(
            run, database, version, "session_redis", **run.lab.redis.environment(f"{database.name}-odoo-test")
        )
        started = time.monotonic() - begin
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda pair: who(box.address, pair[0], 30), sessions))
        good = sum(status == 200 and uid == pair[1] for pair, (status, uid, dummy) in zip(sessions, answers))
        left = int(docker("exec", f"{run.lab.name}-files", "sh", "-c",
                          "find /var/lib/odoo/sessions -type f 2>/dev/null | wc -l", check=False).strip() or 0)  # fmt: skip
        yield Line(
            f"{number} file sessions, then sessions in Redis, Odoo {version}",
            f"{good} users still logged in, {left} files left; Odoo served after {started:.0f} s", f"{number} logged in",
            good == number and not left,
        )  # fmt: skip


@each_version
def part_redis(run: Run, version: str) -> t.Iterator[Line]:
    """Redis goes and comes under load."""
    database = run.lab.ready(version)
    with run.lab.trial(database):
        idle = run.lab.idle(database)
        sessions = shell(idle, database, LOGGED_IN.format(number=6))
        box = replica(
            run, database, version, "session_redis", **run.lab.redis.environment(f"{database.name}-odoo-test")
        )
        workers = [pid for pid, dummy, line in box.processes() if "odoo" in line]
        seen: list[tuple[float, float, int, int | None, int]] = []
        stop = threading.Event()

        def ask(sid: str, uid: int) -> None:
            while not stop.is_set():
                begin = time.monotonic()
                try:
                    status, found, dummy = who(box.address, sid)
                except (OSError, http.client.HTTPException):
                    status, found = 0, None
                seen.append((begin, time.monotonic(), status, found, uid))
                time.sleep(0.02)

        threads = [threading.Thread(target=ask, args=tuple(pair)) for pair in sessions]
        for thread in threads:
            thread.start()
        try:
            time.sleep(3)
            down = time.monotonic()
            docker("stop", "-t", "5", run.lab.redis.name)
            time.sleep(5)
            docker("start", run.lab.redis.name)
            until(run.lab.redis.answers, 30, "Redis does not come back", 0.1)
            up = time.monotonic()
            time.sleep(6)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        bad = [entry for entry in seen if entry[2] != 200 or entry[3] != entry[4]]
        outside = [entry for entry in bad if entry[1] < down or entry[0] > up + 2]
        odd = [entry[2] for entry in bad if entry[2] != 503]
        longest = max(end - begin for begin, end, *dummy in seen)
        after = [pid for pid, dummy, line in box.processes() if "odoo" in line]
        late = {entry[4] for entry in seen if entry[0] > up + 2 and entry[2] == 200 and entry[3] == entry[4]}
        yield Line(
            f"Redis stopped for {up - down:.0f} s under load of 6 users, Odoo {version}",
            f"{len(seen)} requests, {len(bad)} with an error, {len(outside)} of them not while it was away, other than 503:"
            f" {sorted(set(odd)) or 'none'}, longest request {longest:.1f} s; {len(late)} of 6 still logged in,"
            f" {len(set(workers) & set(after))} of {len(workers)} processes the same",
            "errors (503) only while it is away, no worker stuck", bool(bad) and not outside and not odd and longest < 6
            and len(late) == 6 and workers == after,
        )  # fmt: skip


# Rules, numbers, style


RULES = """
import os
from odoo_cloud_runtime.rules.environment import CloudPlatformError
cases, found = json.loads({cases!r}), []
ours = ('AWS_', 'SWIFT_', 'ODOO_SESSION_REDIS', 'ODOO_CLOUD_P', 'RUNNING_ENV', 'ODOO_STAGE')
names = [name for name in os.environ if name.startswith(ours)]
set_param = env['ir.config_parameter'].set_param
for kind, environment, location, variables, words in cases:
    for name in names:
        os.environ.pop(name, None)
    names = list(variables) + ['RUNNING_ENV']
    os.environ.update(variables, RUNNING_ENV=environment)
    set_param('cloud.platform.kind', kind)
    set_param('ir_attachment.location', location)
    try:
        env['cloud.platform']._register_hook()
        found.append('')
    except CloudPlatformError as error:
        found.append(str(error))
env.cr.rollback()
answer(found)
"""


@each_version
def part_rules(run: Run, version: str) -> t.Iterator[Line]:
    """Each rule of cloud_platform, right and wrong: what Odoo does when it loads a database; and one real start of each."""
    cases = rule_cases()
    database = run.lab.ready(version)
    with run.lab.trial(database):
        idle = run.lab.idle(database)
        found = shell(idle, database, RULES.format(cases=json.dumps(cases)))
        wrong = [f"{case[1]}: {said!r} and not {case[4]!r}" for case, said in zip(cases, found) if said != case[4]]
        yield Line(
            f"{len(cases)} set-ups of cloud_platform ({sum(not case[4] for case in cases)} right), in Odoo {version}",
            sentence(wrong, "the exact message each time"), "exact message", not wrong and len(found) == len(cases),
        )  # fmt: skip
        database.rows("DELETE FROM ir_config_parameter WHERE key IN ('cloud.platform.kind', 'ir_attachment.location')")
        database.rows("INSERT INTO ir_config_parameter (key, value) VALUES ('cloud.platform.kind', 'exoscale'),"
                      " ('ir_attachment.location', 's3')")  # fmt: skip
        env = {**run.lab.redis.environment("acme-odoo-prod"), "RUNNING_ENV": "prod"}
        words = "in prod it must be '<project>-odoo-prod'"
        bad = run.lab.box(database, "RunOnly", ODOO_RC=conf(run, "start"), **{**run.lab.stores(database), **env})
        until(lambda: words in bad.logs() or bad.code() is not None, 60, "nothing was said about the wrong bucket", 0.3)
        refused = words in bad.logs() and not bad.serves()
        good = run.lab.box(
            database,
            "RunOnly",
            ODOO_RC=conf(run, "start"),
            **{**run.lab.stores(database), **env, "AWS_BUCKETNAME": "acme-odoo-prod"},
        )
        with contextlib.suppress(Shortfall):
            until(good.serves, 60, "the right set-up does not serve", 0.3)
        yield Line(
            f"start in prod with another bucket than production's, and with the right one, Odoo {version}",
            f"{'refused, with the message' if refused else 'SERVED or silent'}; {'serves' if good.serves() else 'does not serve'}",
            "refused; serves", refused and good.serves(),
        )  # fmt: skip


@each_version
def part_counter(run: Run, version: str) -> t.Iterator[Line]:
    """Numbers of several worker processes."""
    number = run.share(REQUESTS, version, 60)
    database = run.lab.ready(version)
    with run.lab.trial(database):
        token = hashlib.sha1(database.name.encode()).hexdigest()
        box = replica(run, database, version, "monitoring_prometheus", workers=4, ODOO_METRICS_TOKEN=token)

        def count() -> float:
            status, dummy, body = box.get("/metrics", Authorization=f"Bearer {token}")
            if status != 200:
                raise Shortfall(f"/metrics answers {status}")
            return sum(
                float(line.rsplit(" ", 1)[1])
                for line in body.decode().splitlines()
                if line.startswith("request_latency_sec_count")
            )

        with contextlib.suppress(OSError):
            box.get("/web/login")  # the first one makes the assets, which takes long on a busy machine
        before = count()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(lambda dummy: box.get("/web/login")[0], range(number)))
        counted = {count() - before for dummy in range(12)}
        closed = box.get("/metrics")[0]
        yield Line(
            f"{number} requests over 4 workers, Odoo {version}",
            f"counter {', '.join(f'{one:.0f}' for one in sorted(counted))} whichever worker is asked, {codes.count(200)} with 200;"
            f" without the token {closed}", f"{number}; 403",
            counted == {float(number)} and codes.count(200) == number and closed == 403,
        )  # fmt: skip


@each_version
def part_tests(run: Run, version: str) -> t.Iterator[Line]:
    """The addons' own tests, in Odoo, against these stores."""
    database = run.lab.ready(version)
    with run.lab.trial(database):
        idle = run.lab.idle(database, **run.lab.redis.environment("acme-odoo-test"))
        shell(idle, database, "env['res.users'].browse(2).password = 'admin'\nenv.cr.commit()\nanswer(True)")
        names = (*MODULES[2:], "base_attachment_object_storage", "cloud_platform")
        tags = ",".join(f"/{name}" for name in names)
        arguments = [one for one in odoo_arguments(database) if one != "--no-http"]
        out = docker(
            "exec", idle.name, "odoo-cloud", "odoo", *arguments,
            f"--load={SERVER_WIDE[version]},database_reconnect,session_redis,logging_json,monitoring_prometheus", "--test-enable",
            "--test-tags", tags, "--stop-after-init", "--http-port=8099", "--log-handler=odoo.tests:INFO",
            "--log-handler=odoo.modules.loading:INFO", check=False, timeout=400,
        )  # fmt: skip
        (run.place.logs / f"tests-{version}.log").write_text(out)
        ended = re.findall(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests", out)
        started = len(re.findall(r"Starting \w+\.test_", out))
        failed = sorted(set(re.findall(r"(?:FAIL|ERROR): (\w+\.test_\w+)", out)))
        yield Line(
            f"the addons' own tests against real Redis and Swift, Odoo {version}",
            f"{ended[-1][2] if ended else started} tests, {len(failed)} failed {' '.join(failed[:5])}", "0 failed, 60 or more",
            bool(ended) and not failed and ended[-1][:2] == ("0", "0") and int(ended[-1][2]) >= 60,
        )  # fmt: skip


def part_pylint(run: Run) -> t.Iterator[Line]:
    """OCA's rules."""
    folder = ROOT / ".work" / "venv-pylint"
    subprocess.run([str(ROOT / "tools" / "venv.sh"), str(folder), "requirements/pylint.txt"], cwd=ROOT, check=True)
    addons = sorted(str(path.parent) for path in (ROOT / ADDONS).glob("*/__manifest__.py"))
    done = subprocess.run(
        [str(folder / "bin" / "pylint"), "--rcfile=.config/pylint-odoo.cfg", *addons],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stdout.splitlines() if line and not line.startswith("*")]
    yield Line(
        f"pylint-odoo over {len(addons)} addons", f"{len(told)} messages{': ' + told[0] if told else ''}, exit {done.returncode}",
        "none", not told and done.returncode == 0,
    )  # fmt: skip


# Bars that need a whole platform (both replicas behind nginx, the pre-flight) are in a file of their own.
PROOF = Proof(
    "stateless", __doc__, Run, {**parts_of(globals()), **platform.PARTS}, port=9700, mutants=MUTANTS, sample=SAMPLE,
    sample_versions=("19",), mutant_version="19", mutant_sample=True,
)  # fmt: skip
