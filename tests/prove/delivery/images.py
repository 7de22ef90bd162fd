# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the proof of delivery that are about images: own requirements, and packages of Debian that became newer."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import typing as t
import urllib.parse

from ..frame import IMAGES, PLATFORM_LABEL, Line, Run, Shortfall, docker, last_error, recap
from ..platforms import Platform, Played
from ..processes import ProcessList
from .lab import GitServer, Index, Registry, own_platform

# The last task of the plays below
TELL = """
    - name: Tell the proof
      ansible.builtin.copy:
        content: "{{ {'ids': image_ids, 'failures': image_set_failures | default({})} | to_json }}"
        dest: "{{ proof_answer }}"
        mode: "0600"
      changed_when: false
"""
PLAY = """
- name: Requirements of the proof
  hosts: docker_hosts
  gather_facts: false
  tasks:
    - name: Have Odoo's image
      ansible.builtin.include_role:
        name: odoo_cloud.platform.image
        tasks_from: machine
      vars:
        image_list: [{name: "odoo-{{ odoo_version }}", kind: odoo, version: "{{ odoo_version }}"}]
        image_machine_names: ["odoo-{{ odoo_version }}"]

    - name: Have the images with requirements
      ansible.builtin.include_role:
        name: odoo_cloud.platform.image
        tasks_from: requirements
      vars:
        image_sets: "{{ proof_sets | map('combine', {'from': image_ids['odoo-' ~ odoo_version]}) }}"
        image_set_names: "{{ proof_sets | map(attribute='key') | map('regex_replace', '^', 'odoo-' ~ odoo_version ~ '-code-') }}"
"""


class Watched(ProcessList):
    """Beside command lines and environments, what the engine tells of the container in which pip runs."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self.looks = name, 0

    def _look(self) -> None:
        super()._look()
        for name in docker("ps", "-a", "--filter", f"name={self._name}", "--format", "{{.Names}}", check=False).split():
            self.texts |= {docker("inspect", name, check=False), docker("logs", name, check=False)}
            self.looks += 1


def in_stream(stream: t.IO[bytes], needles: dict[str, bytes]) -> set[str]:
    """The names of those needles that are in a stream; read in pieces that overlap."""
    found: set[str] = set()
    longest = max(map(len, needles.values()))
    tail = b""
    while piece := stream.read(1 << 20):
        text = tail + piece
        found |= {name for name, needle in needles.items() if name not in found and needle in text}
        tail = text[-longest:]
    return found


def in_layers(images: list[str], needles: dict[str, bytes]) -> set[str]:
    """The names of those needles that are in any layer or description of images, as `docker save` writes them."""
    found: set[str] = set()
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as process:
        assert process.stdout
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None:
                    continue
                head = content.read(2)
                rest = t.cast("t.IO[bytes]", _Joined(head, content))
                found |= in_stream(
                    t.cast("t.IO[bytes]", gzip.GzipFile(fileobj=rest)) if head == b"\x1f\x8b" else rest, needles
                )
        process.stdout.read()
    if process.returncode:
        raise Shortfall(f"docker save: exit {process.returncode}")
    return found


class _Joined(io.RawIOBase):
    """What was read already, then the rest."""

    def __init__(self, head: bytes, rest: t.IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head if head else self._rest.read(size)


def secrets_of(git: GitServer, index: Index) -> dict[str, bytes]:
    """The two passwords as they may be written down."""
    found = {}
    for name, password in (("git", git.password), ("index", index.password)):
        found[f"password of the {name} server"] = password.encode()
        found[f"password of the {name} server, encoded"] = base64.b64encode(f"proof:{password}".encode()).rstrip(b"=")[
            2:-2
        ]
        if urllib.parse.quote(password, safe="") != password:
            found[f"password of the {name} server, quoted"] = urllib.parse.quote(password, safe="").encode()
    return found


def play(platform: Platform, folder: pathlib.Path, text: str, variables: dict[str, t.Any], *args: str) -> Played:
    """A play of the proof's own; credentials are given in a file, not on a command line."""
    (folder / "variables.json").write_text(json.dumps({**variables, "proof_answer": str(folder / "answer.json")}))
    (folder / "play.yml").write_text(text + TELL)
    place = os.path.relpath(folder / "play", platform.tree / "playbooks")
    return platform.playbook(place, "-e", f"@{folder / 'variables.json'}", *args)


def run_play(
    platform: Platform, folder: pathlib.Path, variables: dict[str, t.Any], *args: str
) -> tuple[str, dict[str, t.Any]]:
    """The play of requirements."""
    status, output, dummy = play(platform, folder, PLAY, variables, *args)
    if status:
        raise Shortfall(f"the play of requirements failed: {last_error(output)}")
    return output, json.loads((folder / "answer.json").read_text())


def said(image: str, *command: str) -> str:
    """What a command in an image prints."""
    return docker(
        "run", "--rm", "--network", "none", "--entrypoint", command[0], image, *command[1:], check=False
    ).strip()


def part_requirements(run: Run) -> t.Iterator[Line]:
    """Sets of requirements of all kinds for both Odoo versions, each set an image."""
    for version in run.versions:
        with tempfile.TemporaryDirectory(dir=run.place.work) as name:
            folder = pathlib.Path(name)
            (folder / "git").mkdir()
            git, index = GitServer(folder / "git"), Index(folder / "index")
            platform = own_platform(run, version)
            platform.variables["odoo_cloud_root"] = str(folder / "root")
            before = set(docker("images", "-q", "--no-trunc").split())
            try:
                yield from requirements(platform, folder, git, index)
            finally:
                git.server.shutdown()
                index.server.shutdown()
                new = docker("images", "-q", "--no-trunc", "--filter", "label=org.odoo-cloud.kind=code").split()
                for image in set(new) - before:
                    docker("rmi", "-f", image, check=False)


def requirements(platform: Platform, folder: pathlib.Path, git: GitServer, index: Index) -> t.Iterator[Line]:
    version = str(platform.variables["odoo_version"])
    what = f"Odoo {version}"
    right = index.hashes["oc_needed-2.0-py3-none-any.whl"]
    wrong = right[::-1]
    texts: dict[str, dict[str, str]] = {
        "git": {"requirements.txt": f"{git.requirement()}\n"},
        "hashes": {"requirements.txt": f"{index.option}\noc-needed==2.0 --hash=sha256:{right}\n"},
        "badhash": {"requirements.txt": f"{index.option}\noc-needed==2.0 --hash=sha256:{wrong}\n"},
        "constraints": {"requirements.txt": f"{index.option}\noc-needed\n", "constraints.txt": "oc-needed==1.0\n"},
        "packages": {"requirements.txt": index.requirements("2.0"), "system_packages.txt": "tree\n"},
        "inturn": {"requirements.txt": f"{index.option}\noc-in-turn\n"},
        "absent": {"requirements.txt": index.requirements("9.9")},
    }
    if version != "19":  # what is pip's own is shown once; another pip has to do the same with git and hashes
        texts = {key: texts[key] for key in ("git", "hashes", "badhash")}
    sets = [{"key": key, "version": version, "files": files} for key, files in texts.items()]
    variables = {
        "proof_sets": sets,
        "image_ca_bundle": str(git.bundle),
        "image_pip_files": {".netrc": index.netrc(), **git.pip_files()},
    }
    with Watched(f"{IMAGES}-pip-") as watched:
        output, answer = run_play(platform, folder, variables, "-vvv", "--diff")
    ids = {key: answer["ids"].get(f"odoo-{version}-code-{key}", "") for key in texts}
    failures = {key: answer["failures"].get(f"odoo-{version}-code-{key}", "") for key in texts}

    marker = (
        said(ids["git"], "python3", "-c", "import oc_git; print(oc_git.VALUE)") if ids["git"] else failures["git"][:200]
    )
    yield Line(
        f"{what}: a package from git over https that wants a password",
        f"{git.served} requests with it, {'imports' if marker == git.marker else 'does not import: ' + marker}",
        "imports",
        marker == git.marker and git.served > 0,
    )
    hashed = (
        said(ids["hashes"], "python3", "-c", "import oc_needed; print(oc_needed.VERSION)")
        if ids["hashes"]
        else failures["hashes"][:200]
    )
    refused = "HASHES" in failures["badhash"] and not ids["badhash"]
    yield Line(
        f"{what}: hashes",
        f"the right one: version {hashed}; a wrong one: {failures['badhash'].splitlines()[0][:120] or 'taken'}",
        "2.0; refused in pip's words",
        hashed == "2.0" and refused,
    )
    if "constraints" in texts:
        version_had = said(ids["constraints"], "python3", "-c", "import oc_needed; print(oc_needed.VERSION)")
        yield Line(f"{what}: constraints", f"version {version_had}", "1.0, although there is 2.0", version_had == "1.0")
        tree_there, elsewhere = said(ids["packages"], "tree", "--version"), said(ids["hashes"], "tree", "--version")
        yield Line(
            f"{what}: a Debian package of system_packages_file",
            f"{tree_there[:20]!r}; in the image without it: {elsewhere[-60:]!r}",
            "there, and there alone",
            tree_there.startswith("tree v") and not elsewhere.startswith("tree v"),
        )
        in_turn = failures["inturn"]
        named = "babel" in in_turn.lower() and "oc-in-turn" in in_turn
        yield Line(
            f"{what}: a requirement that needs another version of Odoo's own package",
            in_turn.splitlines()[0][:160] or "taken",
            "refused in pip's words",
            named and not ids["inturn"],
        )
        yield Line(
            f"{what}: a requirement that can't be had, beside sets that can",
            failures["absent"].splitlines()[0][:160] or "taken",
            "pip's words, the others are made",
            "No matching distribution" in failures["absent"] and bool(ids["git"]),
        )
    good = [key for key in texts if ids[key]]
    images = [ids[key] for key in good] + docker("images", "-q", f"{IMAGES}/odoo-{version}-build*").split()
    needles = secrets_of(git, index)
    places = {
        "output of ansible-playbook -vvv --diff": output,
        "history": "".join(docker("history", "--no-trunc", image) for image in images),
        "inspect": docker("inspect", *images),
        "processes, inspect and logs while pip runs": "\n".join(watched.texts),
    }
    found = [
        f"{name} in {place}"
        for place, text in places.items()
        for name, needle in needles.items()
        if needle.decode() in text
    ]
    layers = in_layers(images, {**needles, "marker": git.marker.encode()})
    control = "marker" in layers
    found += [f"{name} in layers" for name in sorted(layers - {"marker"})]
    for path in (folder / "root").rglob("*"):
        if path.is_file():
            with open(path, "rb") as stream:
                found += [f"{name} in {path}" for name in in_stream(stream, needles)]
    yield Line(
        f"{what}: the passwords in {len(images)} images' layers{' (what has to be there was found)' if control else ''}, "
        f"{', '.join(places)}, files",
        ", ".join(found) or "none found",
        "none",
        not found and control and watched.looks > 0,
    )
    output, dummy = run_play(platform, folder, {**variables, "proof_sets": [one for one in sets if one["key"] in good]})
    yield Line(
        f"{what}: the same sets again",
        f"changed={recap(output).get('changed')}",
        "changed=0",
        recap(output).get("changed") == 0,
    )


# -- newer packages


def part_rebuild(run: Run) -> t.Iterator[Line]:
    """With nothing newer nothing happens; with one package newer in Debian than in one image, everything is rebuilt and used."""
    platform = own_platform(run, "19")
    name = f"{run.place.name}-rebuild"
    platform.variables["image_name"] = name
    remove_images(name)
    try:
        platform.remove()
        stand_in(platform, name)
        platform.site()
        platform.wait_for_login(60)
        before = running_images(platform)
        remove_images(name)  # names alone: containers keep theirs
        stand_in(platform, name, "ca-certificates")
        dummy, output, seconds = platform.play("rebuild_images", "--check")
        told = re.findall(r"ca-certificates \d\S*", output)
        untouched = running_images(platform) == before and not (platform.secrets / "images-refreshed").exists()
        yield Line(
            "rebuild_images --check with something newer",
            f"names {', '.join(told[:1]) or 'nothing'}, changed={recap(output).get('changed')}, "
            f"{'nothing' if untouched else 'something'} was touched",
            "names it, would change, touches nothing",
            bool(told) and recap(output).get("changed", 0) > 0 and untouched,
        )
        dummy, output, seconds = platform.play("rebuild_images")
        after = running_images(platform)
        told = re.findall(r"ca-certificates \d\S*", output)
        same = sorted(one for one in before if before[one] == after.get(one))
        platform.wait_for_login(60)
        yield Line(
            "rebuild_images with a package that is newer in Debian",
            f"names {', '.join(told[:1]) or 'nothing'}, {len(after) - len(same)} of "
            f"{len(after)} containers have new images{', not ' + ', '.join(same) if same else ''}, login works, in {seconds:.0f} s",
            "named, all containers have new images",
            bool(told) and not same and len(after) == len(before),
        )
        dummy, output, seconds = platform.play("rebuild_images")
        yield Line(
            "rebuild_images with nothing newer",
            f"changed={recap(output).get('changed')} in {seconds:.0f} s",
            "changed=0, the same containers",
            recap(output).get("changed") == 0 and running_images(platform) == after,
        )
    finally:
        platform.remove()
        remove_images(name)


def running_images(platform: Platform) -> dict[str, str]:
    """Container to image, of the platform."""
    return {name: docker("inspect", "-f", "{{.Image}}", name).strip() for name in platform.containers()}


def remove_images(name: str) -> None:
    for tag in docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{name}/*").split():
        docker("rmi", "-f", tag, check=False)


def stand_in(platform: Platform, name: str, older: str = "") -> None:
    """Images of this name that are those of IMAGES; ``older`` is a package that they say they have in an older version.

    That is all that apt goes by, and it spares building the images before they are rebuilt."""
    dummy, output, dummy2 = platform.playbook("images", "--check")
    wanted = re.findall(rf"({re.escape(name)}/(\S+?):[0-9a-f]+) is not there", output)
    if not wanted:
        raise Shortfall(f"images.yml --check names no image: {last_error(output)}")
    for tag, image in wanted:
        source = docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{IMAGES}/{image}").split()
        if not source:
            raise Shortfall(f"there is no image {IMAGES}/{image}")
        lines = [f"FROM {source[0]}"]
        if older:
            user = docker("inspect", "-f", "{{.Config.User}}", source[0]).strip()
            change = f"/^Package: {older}$/,/^$/ s/^Version: .*/Version: 20000101/"
            lines += ["USER 0:0", f"RUN sed -i '{change}' /var/lib/dpkg/status", f"USER {user or '0:0'}"]
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "Dockerfile").write_text("\n".join(lines) + "\n")
            docker("build", "-q", "-t", tag, "--label", f"{PLATFORM_LABEL}={name}", folder, timeout=900)
    with contextlib.suppress(FileNotFoundError):
        (platform.secrets / "images-refreshed").unlink()


# -- a registry

REGISTRY_PLAY = """
- name: Images of the proof
  hosts: docker_hosts
  gather_facts: false
  vars:
    image_list: [{name: nginx, kind: nginx}]
  tasks:
    - name: Have them
      ansible.builtin.include_role:
        name: odoo_cloud.platform.image
        tasks_from: machine
      vars:
        image_machine_names: [nginx]
      when: proof_ids is not defined

    - name: Have them by ID
      ansible.builtin.include_role:
        name: odoo_cloud.platform.image
        tasks_from: copy
      vars:
        image_copy_builder: nobody
        image_copy_ids: "{{ proof_ids }}"
        image_copy_planned: "{{ proof_planned }}"
      when: proof_ids is defined

    - name: Have one with a Debian package more, as own requirements ask for it
      ansible.builtin.include_role:
        name: odoo_cloud.platform.image
        tasks_from: requirements
      vars:
        image_sets: [{key: more, version: "19", from: "{{ image_ids.nginx }}", files: {system_packages.txt: "tree\n"}}]
        image_set_names: [odoo-19-code-more]
      when: proof_more is defined
"""


def part_registry(run: Run) -> t.Iterator[Line]:
    """One image through a registry that wants a password."""
    platform = own_platform(run, "19")
    name = f"{run.place.name}-registry"
    platform.variables["image_name"] = name
    remove_images(name)
    for base in docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{IMAGES}/debian").split():
        docker("tag", base, base.replace(f"{IMAGES}/", f"{name}/", 1))
    with tempfile.TemporaryDirectory(dir=run.place.work) as place:
        folder = pathlib.Path(place)
        platform.variables["odoo_cloud_root"] = str(folder / "root")
        registry = Registry(folder)
        try:
            yield from through_registry(platform, folder, registry, name)
        finally:
            registry.stop()
            remove_images(name)


def through_registry(platform: Platform, folder: pathlib.Path, registry: Registry, name: str) -> t.Iterator[Line]:
    def played(*args: str, **more: t.Any) -> tuple[int, str, str]:
        (folder / "answer.json").write_text("{}")
        status, output, dummy = play(platform, folder, REGISTRY_PLAY, {**registry.variables(), **more}, *args)
        return status, output, json.loads((folder / "answer.json").read_text()).get("ids", {}).get("nginx", "")

    def forget(image: str = "nginx") -> None:
        for tag in docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{name}/{image}").split():
            docker("rmi", "-f", tag)

    with ProcessList() as seen:
        status, output, first = played("-vvv", "--diff")
    yield Line(
        "registry: an image that is built is pushed",
        f"exit {status}, there: {', '.join(registry.images()) or 'nothing'}"
        + ("" if not status else last_error(output)),
        "pushed under the hash of its inputs",
        status == 0 and len(registry.images()) == 1,
    )
    before = registry.requests()
    status, output, again = played()
    yield Line(
        "registry: again",
        f"changed={recap(output).get('changed')}, {registry.requests() - before} requests to it",
        "changed=0, none",
        recap(output).get("changed") == 0 and again == first and registry.requests() == before,
    )
    forget()
    status, output, pulled = played()
    built = "will be built" in output
    yield Line(
        "registry: a machine that lacks the image",
        f"exit {status}, {'built' if built else 'not built'}, "
        f"{'the same image' if pulled == first else f'another image {pulled}'}",
        "pulled, the same image",
        status == 0 and not built and pulled == first,
    )
    forget()
    (folder / "planned").mkdir(exist_ok=True)
    tag = registry.images()[0].partition(":")[2]
    planned = [{"name": "nginx", "kind": "nginx", "hash": tag, "tag": f"{name}/nginx:{tag}"}]
    status, output, copied = played(proof_ids={"nginx": first}, proof_planned=planned)
    yield Line(
        "registry: a machine that gets images of a builder",
        f"exit {status}, {'the same image' if copied == first else 'another'}"
        + ("" if not status else "; " + last_error(output)),
        "from the registry, by ID",
        status == 0 and copied == first,
    )
    played()
    sets = []
    for dummy in range(2):
        status, output, again = played(proof_more=True)
        answer = json.loads((folder / "answer.json").read_text())
        sets.append(answer["ids"].get("odoo-19-code-more", str(answer["failures"])))
        built = "odoo-19-code-more:" in output and "will be built" in output
        forget("odoo-19-code-more")
    there = any(one.startswith("odoo-19-code-more:") for one in registry.images())
    yield Line(
        "registry: the image of own requirements",
        f"exit {status}, {'pushed' if there else 'not pushed'}, the second time {'built' if built else 'not built'}, "
        f"{'the same image' if sets[0] == sets[1] else 'another'}",
        "pushed, then pulled",
        status == 0 and there and not built and sets[0] == sets[1] and sets[0].startswith("sha256:"),
    )
    forget()
    status, output, dummy = played(image_registry_password="wrong")
    told = f"image_registry={registry.name}: " in output and "nauthorized" in output
    yield Line(
        "registry: a wrong password",
        f"exit {status}, {'named' if told else last_error(output)}",
        "fails and names the registry",
        status != 0 and told,
    )
    shutil.rmtree(folder / "storage")
    for stamp in (folder / "root" / "images").glob("*.pushed"):
        stamp.unlink()
    played(image_registry="")
    registry.stop()
    status, output, dummy = played()
    told = f"image_registry={registry.name}: " in output
    registry.start()
    status2, output2, last = played()
    yield Line(
        "registry: not there while images are pushed, then there again",
        f"exit {status}, {'named' if told else last_error(output)}; then "
        f"exit {status2}, there: {', '.join(registry.images()) or 'nothing'}",
        "fails and names it, then made up for",
        status != 0 and told and status2 == 0 and len(registry.images()) == 1,
    )
    places = {
        "output of ansible-playbook -vvv --diff": "".join(
            path.read_text() for path in platform.logs.glob("*-play.log")
        ),
        "processes": "\n".join(seen.texts),
        "history and inspect": docker("history", "--no-trunc", last) + docker("inspect", last),
        "the machine's files": "".join(
            path.read_text(errors="replace") for path in (folder / "root").rglob("*") if path.is_file()
        ),
        "the engine's user": "".join(
            path.read_text() for path in [pathlib.Path.home() / ".docker" / "config.json"] if path.exists()
        ),
    }
    encoded = base64.b64encode(f"proof:{registry.password}".encode()).decode()
    found = [place for place, text in places.items() if registry.password in text or encoded in text]
    yield Line(f"registry: its password in {', '.join(places)}", ", ".join(found) or "none found", "none", not found)
