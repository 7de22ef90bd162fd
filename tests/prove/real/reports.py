# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports: printed by a browser that has no network, looked at page by page, by many at once, and by one that is killed."""

from __future__ import annotations

import base64
import collections.abc
import concurrent.futures
import contextlib
import io
import json
import pathlib
import re
import subprocess
import tarfile
import threading
import time
import typing as t

from ..containers.services import address
from ..frame import RUNTIME, Line, Mutant, Shortfall, docker, parts_of, sentence, until
from . import pages, report_attempts
from .bench import Bench
from .printing import SERVICE, Answer, Person, Printing
from .report_cases import BATCH, LONG, Case, Reports, cases

RECORDS = pathlib.Path(__file__).parent / "pages"
LEAST_REPORTS, LEAST_ATTEMPTS, KILLS, CROWD = 30, 20, 20, 16
CROWD_SECONDS = 900

CLIENT = f"{RUNTIME}/report/client.py"
MUTANTS = {
    "no-headers": Mutant.one("pdf-pages", f"{SERVICE}/assemble.py", "out.pages[number].add_overlay(page)", "pass"),
    "no-smart-shrinking": Mutant.one("pdf-pages", f"{SERVICE}/render.py", "SHRINK = 0.7785", "SHRINK = 1"),
    "outline-without-pages": Mutant.one(
        "pdf-pages", f"{SERVICE}/assemble.py", "pikepdf.Array([start, pikepdf.Name.XYZ", "pikepdf.Array([0, pikepdf.Name.XYZ"
    ),
    "a-page-for-each-header": Mutant.one(
        "pdf-cost", f"{SERVICE}/render.py", "if len(queries) == 1 or await page.evaluate(ONLY_ONLOAD):", "if len(queries) == 1:"
    ),
    "assets-from-busy-workers": Mutant.one(
        "pdf-crowd", CLIENT, "path, (GEVENT_PORT, http_port))", "path, (http_port,))"
    ),
    "browser-with-a-network": Mutant.one(
        "pdf-walls", "plugins/module_utils/_services/report_servers.py", '        "network_mode": "none",\n', ""
    ),
    "failed-print-is-a-result": Mutant(
        ("pdf-kills",),
        ((CLIENT, "raise Failure(f\"the report service: {head.get('message')}\")", "return [], body"),
         (CLIENT, 'if not result.startswith(MAGIC["pdf" if kind == "pdf" else line.job.format]):', "if False:")),
    ),
}  # fmt: skip


def printing(run: Bench, version: str) -> tuple[Printing, Person]:
    """The Odoo that prints, installed with the first use."""
    found: dict[str, tuple[Printing, Person]] = run.__dict__.setdefault("printings", {})
    if version not in found:
        rig = Printing(run.single(), version)
        found[version] = (rig, rig.start())
    return found[version]


# Pages


def _chosen(number: int) -> list[int]:
    """The pages that are compared: the first two and the last two."""
    return sorted({1, 2, number - 1, number} & set(range(1, number + 1)))


def _outline(pdf: bytes) -> list[int]:
    """Page indexes of the outline's entries, as Odoo reads them."""
    return [int(one) for one in re.findall(rb"/__WKANCHOR_[0-9a-f]+ \[ (\d+) /XYZ", pdf)]


def _wrong(case: Case, answer: Answer, recorded: t.Mapping[str, t.Any]) -> str:
    """What is wrong with a printed report; empty when nothing is."""
    number = pages.count(answer.body)
    if not answer.is_pdf or not number:
        return answer.why
    if not recorded:
        return "nobody looked at its pages yet; record them"
    if number != recorded["pages"]:
        return f"{number} pages instead of {recorded['pages']}"
    for page, picture in pages.pictures(answer.body, _chosen(number)).items():
        wrong = pages.difference(picture, recorded["pictures"][str(page)])
        if wrong:
            return f"page {page}: {wrong}"
    texts = pages.text(answer.body)
    if case.frame == "external_layout" and case.documents == 1 and not case.own[0]:
        numbers = [re.search(r"(\d+)\s*/\s*(\d+)", text) for text in texts]
        if [one and one.groups() for one in numbers] != [(str(n + 1), str(number)) for n in range(number)]:
            return "its page numbers"
    return ""


def part_pdf_pages(run: Bench) -> collections.abc.Iterator[Line]:
    """Thirty reports of each version, compared with the pages that somebody looked at."""
    for version in run.versions:
        dummy, person = printing(run, version)
        reports, path = Reports(person, version), RECORDS / f"{version}.json"
        recorded = json.loads(path.read_text()) if path.exists() else {}
        troubles, new = [], {}
        for case in cases(version):
            answer = reports.prints(case)
            if getattr(run.options, "record", False) and answer.is_pdf:
                number = pages.count(answer.body)
                new[case.key] = {"pages": number, "pictures": pages.pictures(answer.body, _chosen(number))}
                (run.place.logs / f"{version}-{case.key}.pdf").write_bytes(answer.body)
                continue
            wrong = _wrong(case, answer, recorded.get(case.key, {}))
            if wrong:
                (run.place.logs / f"{version}-{case.key}.pdf").write_bytes(answer.body)
                troubles.append(f"{case.key}: {wrong}")
        if new:
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps({**recorded, **new}, indent=1, sort_keys=True) + "\n")
        total = len(cases(version))
        good = f"{total} reports, {len(new)} of them recorded" if new else f"{total} reports, all pages as recorded"
        holds = not troubles and total >= LEAST_REPORTS
        yield Line(
            f"Odoo {version}, reports and their pages",
            sentence(troubles, good),
            f"{LEAST_REPORTS} reports as recorded",
            holds,
        )
        yield from _batches(version, reports)


def _batches(version: str, reports: Reports) -> collections.abc.Iterator[Line]:
    """Several documents in one print are told apart by Odoo, which stores each as a file of its own."""
    person = reports.person
    case = next(one for one in cases(version) if one.key == "batch")
    name = reports.put(case)
    report = person.call("ir.actions.report", "search", [["report_name", "=", name]])
    person.call("ir.actions.report", "write", report, {"attachment": "'proof-%s.pdf' % object.id"})
    try:
        answer = reports.prints(case)
        stored = _stored(person, "proof-%.pdf")
    finally:
        person.call("ir.actions.report", "write", report, {"attachment": False})
    counts = [pages.count(one) for one in stored]
    total = pages.count(answer.body)
    holds = answer.is_pdf and len(stored) == BATCH and sum(counts) == total and len(set(counts)) > 1 and 0 not in counts
    yield Line(f"Odoo {version}, {BATCH} documents in one print", f"{len(stored)} files with {sum(counts)} pages, {total} printed",
               f"{BATCH} files, together as many pages", holds)  # fmt: skip


def _stored(person: Person, pattern: str) -> list[bytes]:
    """What is stored under names like this; it is removed."""
    ids = person.call("ir.attachment", "search", [["name", "=like", pattern]], order="id")
    found = []
    for start in range(0, len(ids), 10):
        for row in person.call("ir.attachment", "read", ids[start : start + 10], ["datas"]):
            found.append(base64.b64decode(row["datas"] or ""))
    person.call("ir.attachment", "unlink", ids)
    return found


# Cost

HEADER = """<!DOCTYPE html><html style="height:0"><head><base href="http://127.0.0.1:8069/"><script>
function subst() { var v = {}; document.location.search.substring(1).split('&').forEach(function (x) { var z = x.split('=');
  v[z[0]] = unescape(z[1]); }); ['page', 'topage'].forEach(function (n) { var y = document.getElementsByClassName(n);
  for (var j = 0; j < y.length; ++j) y[j].textContent = v['site' + n] || v[n]; }); }
</script></head><body onload="subst()"><div>Company</div><div>Page <span class="page"></span> / <span class="topage"></span></div>
</body></html>"""


def _put(container: str, files: t.Mapping[str, str]) -> None:
    """Writes files into the folder /tmp of a container."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    subprocess.run(["docker", "cp", "-", f"{container}:/tmp"], input=data.getvalue(), check=True, capture_output=True)


def _times(container: str, *command: str, env: t.Sequence[str] = ()) -> tuple[float, str]:
    """Processor seconds of a command in a container, and what it said."""
    script = (
        "import os, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(done.stdout[-300:].strip(), 'code', done.returncode)\n"
        "print(used.ru_utime + used.ru_stime)\n"
    )
    words = [word for one in env for word in ("--env", one)]
    said = docker("exec", *words, container, "python3", "-c", script, *command, timeout=3600).strip().splitlines()
    return float(said[-1]), " ".join(said[:-1])


def part_pdf_cost(run: Bench) -> collections.abc.Iterator[Line]:
    """A long report takes at most half the processor time of Debian's wkhtmltopdf, with headers that this one can't have."""
    if not run.has("14"):
        return
    rig, person = printing(run, "14")
    reports = Reports(person, "14")
    case = next(one for one in cases("14") if one.key == "241-pages")
    page = person.request("GET", f"/report/html/{reports.put(case)}/{reports.partners[0]}").body.decode()
    page = page.replace("<head>", '<head><base href="http://127.0.0.1:8069/">', 1)
    _put(rig.odoo, {"report.body.tmp.0.x.html": page, "header.html": HEADER})
    options = [
        "--disable-local-file-access",
        "--quiet",
        "--page-size",
        "A4",
        "--margin-top",
        "40",
        "--margin-bottom",
        "25",
    ]
    headers = ["--header-html", "/tmp/header.html", "--footer-html", "/tmp/header.html"]
    body = "/tmp/report.body.tmp.0.x.html"
    screen = ["QT_QPA_PLATFORM=offscreen", "XDG_RUNTIME_DIR=/tmp"]
    theirs, said = _times(rig.odoo, "/usr/bin/wkhtmltopdf", *options, body, "/tmp/theirs.pdf", env=screen)
    before = rig.processor()
    client, ours_said = _times(
        rig.odoo, "/opt/odoo-cloud/report/wkhtmltopdf", *options, *headers, body, "/tmp/ours.pdf"
    )
    ours = client + rig.processor() - before
    numbers = []
    for name in ("theirs", "ours"):
        copied = run.place.logs / f"cost-{name}.pdf"
        docker("cp", f"{rig.odoo}:/tmp/{name}.pdf", str(copied))
        numbers.append(pages.count(copied.read_bytes()))
    figure = f"{ours:.1f} s for {numbers[1]} pages, wkhtmltopdf {theirs:.1f} s for {numbers[0]}"
    if min(numbers) < 150:
        figure += f" ({said}; {ours_said})"
    yield Line(
        "processor time of a long report",
        figure,
        "at most half of wkhtmltopdf's",
        min(numbers) >= 150 and ours * 2 <= theirs,
    )


# Many at once


def part_pdf_crowd(run: Bench) -> collections.abc.Iterator[Line]:
    """More people print than Odoo has workers: each waits for a print that asks Odoo for pictures."""
    for version in run.each():
        rig, person = printing(run, version)
        reports = Reports(person, version)
        case = next(one for one in cases(version) if one.key == "barcode")
        name = reports.put(case)
        rig.start_service()  # it remembers nothing
        begin = time.monotonic()

        def one(number: int, name: str = name, reports: Reports = reports) -> str:
            try:
                answer = reports.person.request(
                    "GET", f"/report/pdf/{name}/{reports.partners[number]}", seconds=CROWD_SECONDS
                )
            except OSError as error:
                return f"{type(error).__name__}: {error}"
            return "" if answer.is_pdf and pages.count(answer.body) == 1 else answer.why

        with concurrent.futures.ThreadPoolExecutor(CROWD) as pool:
            wrong = [one for one in pool.map(one, range(CROWD)) if one]
        good = f"{CROWD} in {time.monotonic() - begin:.0f} s"
        yield Line(
            f"Odoo {version}, {CROWD} prints at once on two workers", sentence(wrong, good), "all end", not wrong
        )
        if wrong:
            rig.start_odoo()


# Walls


def part_pdf_walls(run: Bench) -> collections.abc.Iterator[Line]:
    """Documents that try to read files or to reach something, and the same from inside the browser's container."""
    version = run.any("19")
    rig, dummy = printing(run, version)
    lab = rig.lab
    listener = f"{rig.name}-neighbour"
    docker("rm", "-f", listener, check=False)
    docker("run", "-d", "--name", listener, "--label", lab.label, "--network", lab.name, "--init", "--entrypoint", "python3",
           lab.images[f"odoo-{version}"], "-c", report_attempts.LISTENER)  # fmt: skip
    until(lambda: "listening" in docker("logs", listener, check=False), 30, "the neighbour does not listen")
    neighbour, database = address(listener), lab.address
    troubles, made = [], 0
    for name in (*report_attempts.SCRIPTS, *report_attempts.MARKUP):
        seen = len(docker("logs", listener).splitlines())
        _put(rig.odoo, {"try.html": report_attempts.document(name, neighbour, database)})
        said = docker(
            "exec", rig.odoo, "sh", "-c",
            "rm -f /tmp/try.pdf; /opt/odoo-cloud/report/wkhtmltopdf --cookie session_id OPENED-cookie /tmp/try.html /tmp/try.pdf",
            check=False,
        )  # fmt: skip
        made += 1
        copied = run.place.logs / "try.pdf"
        copied.unlink(missing_ok=True)
        docker("cp", f"{rig.odoo}:/tmp/try.pdf", str(copied), check=False)
        text = " ".join(pages.text(copied.read_bytes())) if copied.exists() else ""
        marks = [mark for mark in report_attempts.MARKS if mark in text]
        came = docker("logs", listener).splitlines()[seen:]
        if marks or came:
            troubles.append(f"{name}: {', '.join(marks)} {came[:1]}")
        elif "Try" not in text and "refresh" not in name and not said.strip():
            troubles.append(f"{name}: no page and no reason")
    for name, code in report_attempts.INSIDE.items():
        made += 1
        said = docker("exec", rig.service, "python3", "-c", code.replace("NEIGHBOUR", neighbour), check=False)
        if said.split()[-1:] == ["OPENED"]:  # a traceback shows the line with that word
            troubles.append(f"inside: {name}")
    yield Line("attempts of a report to read files or reach services", sentence(troubles, f"{made} attempts, 0 succeeded"),
               f"at least {LEAST_ATTEMPTS}, 0 succeed", not troubles and made >= LEAST_ATTEMPTS)  # fmt: skip
    yield Line("Chromium's own sandbox in a container without capabilities", "there" if rig.sandbox() else "refused by this kernel",
               "there", rig.sandbox())  # fmt: skip


# Kills


def part_pdf_kills(run: Bench) -> collections.abc.Iterator[Line]:
    """The browser is killed in the middle of prints, again and again in half of them; then the service is."""
    version = run.any("19")
    rig, person = printing(run, version)
    reports = Reports(person, version)
    case = next(one for one in cases(version) if one.key == "10-pages")
    name = reports.put(case)
    report = person.call("ir.actions.report", "search", [["report_name", "=", name]])
    whole = pages.count(reports.prints(case).body)
    usual = max(reports.prints(case).seconds, 1.0)
    person.call("ir.actions.report", "write", report, {"attachment": "'killed-%s.pdf' % object.id"})
    troubles: list[str] = []
    printed = refused = 0
    try:
        for number in range(KILLS):
            over = threading.Event()
            killer = threading.Thread(target=_kill, args=(rig, run.random.uniform(0, usual), number % 2 == 1, over))
            killer.start()
            try:
                answer = person.prints(name, [reports.partners[number]])
            finally:
                over.set()
                killer.join()
            if answer.is_pdf and pages.count(answer.body) == whole:
                printed += 1
            elif answer.is_pdf:
                troubles.append(f"a PDF of {pages.count(answer.body)} pages instead of {whole}")
            elif "the report service" in answer.why and "\n" not in answer.why.strip():
                refused += 1
            else:
                troubles.append(f"no reason: {answer.why[:200]}")
            after = person.prints(name, [reports.partners[number]])
            if pages.count(after.body) != whole:
                troubles.append(f"the next print: {after.why[:200]}")
        stored = [pages.count(one) for one in _stored(person, "killed-%.pdf")]
        troubles += [f"stored with {one} pages" for one in stored if one != whole]
    finally:
        person.call("ir.actions.report", "write", report, {"attachment": False})
    good = f"{KILLS} times: {printed} printed all the same, {refused} told why, {len(stored)} stored, all whole, and each next one"
    yield Line(
        "the browser is killed while it prints",
        sentence(troubles, good),
        "no wrong PDF, the next one works",
        not troubles,
    )
    docker("kill", rig.service)
    docker("start", rig.service)
    again = person.prints(name, [reports.partners[0]])
    yield Line("the service is killed", f"{pages.count(again.body)} pages after {again.seconds:.0f} s", "the next print works",
               pages.count(again.body) == whole)  # fmt: skip
    docker("stop", rig.service)
    try:
        answer = person.prints(name, [reports.partners[1]])
    finally:
        docker("start", rig.service)
    yield Line(
        "no service", answer.why[:200], "one line that says why", "the report service can't be reached" in answer.why
    )


def _kill(rig: Printing, seconds: float, again: bool, over: threading.Event) -> None:
    """Kills the browser after some seconds; with `again` each one that comes until the print is over."""
    if over.wait(seconds):
        return
    while True:
        with contextlib.suppress(Shortfall):
            for pid in rig.browsers()[:1]:
                rig.kill(pid)
        if not again or over.wait(0.3):
            return


PARTS = parts_of(globals())
__all__ = ["LONG", "MUTANTS", "PARTS"]
