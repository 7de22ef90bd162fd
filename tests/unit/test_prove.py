# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of the proofs, and what has to be right in all of them: mutants that fit the files that they edit."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

prove = importlib.import_module("prove")
frame = importlib.import_module("prove.frame")
command = importlib.import_module("prove.frame.command")
mutant = importlib.import_module("prove.frame.mutant")
place_module = importlib.import_module("prove.frame.place")
runner = importlib.import_module("prove.frame.runner")

PROOFS = {name: prove.load(name) for name in prove.PROOFS}
MUTANTS = [(proof, name) for proof in PROOFS.values() for name in proof.mutants]


def test_proofs_are_what_the_registry_says():
    assert {proof.name: name for name, proof in PROOFS.items()} == {name: name for name in PROOFS}
    assert sum(len(proof.mutants) for proof in PROOFS.values()) > 60
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [name for name in PROOFS if f"$(PROVE) {name}" not in makefile] == []


@pytest.mark.parametrize("proof", PROOFS.values(), ids=PROOFS)
def test_sample_and_parts(proof):
    assert proof.parts and set(proof.sample) <= set(proof.parts)
    assert set(proof.sample_versions) <= set(proof.versions)
    assert proof.mutant_version in ("", *proof.versions)
    assert frame.parts_of({"__name__": "x"}) == {}
    assert mutant.faults(proof.probes, ROOT) == []


@pytest.mark.parametrize(("proof", "name"), MUTANTS, ids=[f"{proof.name}-{name}" for proof, name in MUTANTS])
def test_mutant_fits(proof, name):
    """Each old text is once in the file that it names, and the parts that must notice are there."""
    one = proof.mutants[name]
    assert one.parts and set(one.parts) <= set(proof.parts)
    assert one.edits and mutant.faults(one.edits, ROOT) == []
    assert one.version in ("", *proof.versions)


def test_faults_of_edits(tmp_path):
    (tmp_path / "a").write_text("one two two")
    edits = (("a", "two", "x"), ("a", "three", "x"), ("a", "", "x"), ("a", "one", "one"), ("b", "one", "x"))
    assert mutant.faults(edits, tmp_path) == [
        "'two' is in a 2 times, not once", "'three' is in a 0 times, not once", "'' is in a 0 times, not once",
        "'one' in a is not changed", "b is not there",
    ]  # fmt: skip
    assert mutant.faults([("a", "one", "x")], tmp_path) == []


def test_broken_tree_is_a_collection_with_the_edit_alone(tmp_path):
    source = tmp_path / "source"
    (source / "plugins").mkdir(parents=True)
    (source / ".git").mkdir()
    (source / "plugins" / "a.py").write_text("if held:\n    pass\n")
    tree = frame.broken_tree(source, tmp_path / "tree", [("plugins/a.py", "if held:", "if True:")])
    found = tree / ".work" / "collections" / "ansible_collections" / "odoo_cloud" / "platform" / "plugins" / "a.py"
    assert found.read_text() == "if True:\n    pass\n"
    assert (source / "plugins" / "a.py").read_text() == "if held:\n    pass\n" and not (tree / ".git").exists()
    with pytest.raises(SystemExit, match="'if held:' is in plugins/a.py 0 times"):
        frame.broken_tree(tree, tmp_path / "again", [("plugins/a.py", "if held:", "if True:")])


# A place of its own

DOCKER = r"""#!/bin/sh
case "$*" in
"ps -a "*proof*) printf 'oc-try-postgres\toc-try\n' ;;
"ps -a "*) printf 'oc-try-site-nginx\toc-try-site\nodoo-cloud-nginx\todoo-cloud\n' ;;
"volume ls "*proof*) printf 'by-label\toc-try\n' ;;
"volume ls "*) printf 'oc-tryst\toc-tryst\n' ;;
"network ls "*proof*) printf 'oc-try\toc-try\n' ;;
"network ls "*) ;;
"images "*) printf 'oc-try/odoo-19:abc\noc-try-old/redis:1\nodoo-cloud/odoo-19:abc\noc-tryst/redis:1\n' ;;
*) echo "$*" >>"$DOCKER_LOG" ;;
esac
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    (tmp_path / "srv").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_LOG", str(tmp_path / "docker.log"))
    monkeypatch.setattr(place_module, "SRV", tmp_path / "srv")
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    return frame.Place("oc-try", 1000, tmp_path / "work")


def left_behind(place):
    """What an earlier run that was killed left, and what is somebody else's."""
    names = ("oc-try", "oc-try-site", "oc-tryst", "odoo-cloud")
    for name in names:
        (place_module.SRV / name / "postgres").mkdir(parents=True, exist_ok=True)
    (place.work / "platforms" / "oc-try" / "secrets").mkdir(parents=True, exist_ok=True)
    (place.folder / "oc-tryst").mkdir(exist_ok=True)


def removed(tmp_path):
    log = tmp_path / "docker.log"
    return sorted(log.read_text().splitlines()) if log.exists() else []


def test_a_place_is_cleared_of_all_that_is_called_so_and_of_nothing_else(place, tmp_path):
    left_behind(place)
    place.clear()
    assert removed(tmp_path) == [
        "container rm -f -v oc-try-postgres", "container rm -f -v oc-try-site-nginx", "network rm oc-try",
        "rmi -f oc-try-old/redis:1", "rmi -f oc-try/odoo-19:abc", "volume rm -f by-label",
    ]  # fmt: skip
    assert sorted(path.name for path in place_module.SRV.iterdir()) == ["oc-tryst", "odoo-cloud"]
    assert sorted(path.name for path in place.folder.iterdir()) == ["oc-tryst"]


def test_one_platform_of_a_place(place, tmp_path):
    left_behind(place)
    place.remove("oc-try-site")
    assert removed(tmp_path) == ["container rm -f -v oc-try-site-nginx"]
    assert sorted(path.name for path in place_module.SRV.iterdir()) == ["oc-try", "oc-tryst", "odoo-cloud"]
    with pytest.raises(ValueError, match="odoo-cloud is not in the place oc-try"):
        place.remove("odoo-cloud")


def test_names_and_ports_of_another_checkout(monkeypatch):
    monkeypatch.delenv("PROVE_NAME", raising=False)
    monkeypatch.delenv("PROVE_PORT", raising=False)
    assert (frame.Place.of("state", 9300).name, frame.Place.of("state", 9300).port) == ("oc-state", 9300)
    monkeypatch.setenv("PROVE_NAME", "mine")
    monkeypatch.setenv("PROVE_PORT", "7000")
    assert (frame.Place.of("state", 9300).name, frame.Place.of("state", 9300).port) == ("mine-state", 7000)


# A run


class Run(frame.Run):
    def open(self):
        self.place.work.joinpath("opened").touch()

    def close(self):
        assert self.place.work.joinpath("opened").exists()  # while it is still there
        TOLD.append("closed")


TOLD: list[str] = []


def part_good(run):
    """Holds."""
    yield frame.Line("good", f"{run.versions} {run.sample} {run.seed}", "x", True)


def part_short(run):
    """Falls short where a mutant is run, or always."""
    yield frame.Line("short", "y", "x", run.mutant is None)


def part_fails(run):
    """Can't be run."""
    raise frame.Shortfall("no such thing")
    yield


def part_nothing(run):
    """Has nothing to do."""
    yield from ()


def part_killed(run):
    """Ends the program."""
    raise KeyboardInterrupt
    yield


PROOF = frame.Proof(
    "try", "Tries.\n", Run, frame.parts_of(globals()), 1000, sample=("good", "short"), sample_versions=("19",), mutant_version="19",
    mutants={"seen": frame.Mutant.one("short", "a", "one", "two"), "unseen": frame.Mutant.one("good", "a", "one", "two")},
)  # fmt: skip


@pytest.fixture
def tried(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(frame.Place, "of", classmethod(lambda *dummy: place))
    monkeypatch.setattr(runner.signal, "signal", lambda *dummy: None)
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("one\n")
    TOLD.clear()

    def run(*arguments):
        code = runner.execute(PROOF, command.asked(PROOF, [*arguments, "--tree", str(source)]))
        return code, re.sub(r"\d+\.\ds$|\(\w+: \d+ s\)|in \d+ s", "..", capsys.readouterr().out, flags=re.M)

    return run


def test_a_run_says_a_line_for_each_bar_and_sums_up(tried, place):
    left_behind(place)
    code, output = tried("--part", "good", "--part", "short", "--seed", "7")
    assert code == 0 and TOLD == ["closed"]
    assert output == (
        "holds        good: ('19', '14') False 7  (target: x)\n             ..\n"
        "holds        short: y  (target: x)\n             ..\n"
        "2 passed, 0 failed in ..\n2 bars ..; seed 7, logs in work/log/oc-try\n"
    )
    assert not place.work.exists() and place.logs.is_dir()
    assert sorted(path.name for path in place_module.SRV.iterdir()) == ["oc-tryst", "odoo-cloud"]


def test_what_can_not_be_run_falls_short(tried):
    code, output = tried("--part", "fails", "--part", "nothing", "--part", "good", "--sample")
    assert code == 1
    assert "DID NOT RUN  fails: Shortfall: no such thing  (target: runs)" in output
    assert "DID NOT RUN  nothing: Shortfall: nothing was run  (target: runs)" in output
    assert "holds        good: ('19',) True 1  (target: x)" in output and "1 passed, 2 failed" in output
    code, output = tried("--part", "nothing", "--version", "14")
    assert (code, "DID NOT RUN" in output) == (1, False)  # nothing for this version: no bar, and no success either


def test_the_place_is_cleared_also_when_a_part_ends_the_program(tried, place):
    left_behind(place)
    with pytest.raises(KeyboardInterrupt):
        tried("--part", "killed")
    assert TOLD == ["closed"] and not place.work.exists() and not (place_module.SRV / "oc-try").exists()


def test_keep_leaves_it_there_and_the_next_run_removes_it(tried, place):
    assert tried("--part", "good", "--keep")[0] == 0
    assert (place.work / "opened").exists()
    (place.work / "of-before").touch()
    tried("--part", "good", "--keep")
    assert not (place.work / "of-before").exists()


def test_mutants_are_noticed_or_not(tried):
    code, output = tried("--mutant", "seen")
    assert code == 1 and output.endswith("mutant seen: noticed by short\n")
    code, output = tried("--mutant", "unseen")
    assert code == 0 and output.endswith("mutant unseen: NOT noticed by good\n")
    code, output = tried("--all-mutants")
    assert code == 1 and output.endswith("1 of 2 mutants noticed\n") and TOLD == ["closed"] * 4


def test_list_and_help(capsys):
    with pytest.raises(SystemExit) as ended:
        command.asked(PROOF, ["--list"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == (
        "parts: good short fails nothing killed\nmutants: seen (short) unseen (good)\n"
    )  # fmt: skip
    for proof in PROOFS.values():
        assert isinstance(command.parser_of(proof), argparse.ArgumentParser)


# Two lanes

LANE = """#!/bin/sh
echo "$PROVE_NAME $PROVE_PORT $*" >"$LANE_ASKED"
echo 'holds        first: x  (target: y)'
[ "$LANE_CODE" = 0 ] || echo 'FALLS SHORT  second: x  (target: y)'
exit "${LANE_EXIT:-$LANE_CODE}"
"""


@pytest.fixture
def lanes(tried, tmp_path, monkeypatch):
    (tmp_path / "lane").write_text(LANE)
    (tmp_path / "lane").chmod(0o755)
    monkeypatch.setattr(runner.sys, "executable", str(tmp_path / "lane"))
    monkeypatch.setenv("LANE_ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("LANE_CODE", "0")
    parts = {name: PROOF.parts[name] for name in ("good", "short", "nothing")}
    monkeypatch.setattr(
        sys.modules[__name__], "PROOF", dataclasses.replace(PROOF, parts=parts, beside=("nothing",), alone=("short",))
    )  # fmt: skip
    return tried


def test_a_second_lane_runs_beside_what_is_not_alone(lanes, tmp_path):
    code, output = lanes("--seed", "3")
    assert code == 0
    assert re.findall(r"^holds  +(\w+):", output, re.M)[0] == "short"  # alone, before the other lane begins
    assert sorted(re.findall(r"^holds  +(\w+):", output, re.M)) == ["first", "good", "short"]
    assert "3 passed, 0 failed" in output
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:6] == ["oc-lane", "2000", "-m", "prove", "try", "--part"] and asked[6:9] == ["nothing", "--seed", "3"]
    (tmp_path / "asked").unlink()
    assert lanes("--part", "good")[0] == 0 and not (tmp_path / "asked").exists()  # only when all is run


@pytest.mark.parametrize(
    ("lane_code", "lane_exit", "sums"), [("1", "1", "3 passed, 1 failed"), ("0", "1", "3 passed, 1 failed")]
)
def test_what_falls_short_in_the_second_lane_counts(lanes, monkeypatch, lane_code, lane_exit, sums):
    monkeypatch.setenv("LANE_CODE", lane_code)
    monkeypatch.setenv("LANE_EXIT", lane_exit)
    code, output = lanes()
    assert code == 1 and sums in output
