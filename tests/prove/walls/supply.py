# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platform is made of: the controller's packages, the engine's key, security updates and bills of materials of images."""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import functools
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import threading
import time
import typing as t
import zipfile

import jinja2

from ..frame import IMAGES, VENV, WORK, Line, Mutant, Shortfall, docker, recap, sentence
from ..platforms import Platform
from .bench import Attempt, Bench, attempts_line

VENV_SH = "tools/venv.sh"
SECURITY = "plugins/module_utils/_images/security.py"
SIGNING = "plugins/module_utils/_machine/signing_key.py"
APT = "roles/image/templates/apt.j2"
SBOM = "roles/image/files/sbom/sbom.py"
SBOM_PYTHON = WORK.parent / "venv-sbom" / "bin" / "python"
DAY = 86400


# --- the controller's packages ---------------------------------------------------------------------------------------------------


def _digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _wheel(folder: pathlib.Path, text: str) -> pathlib.Path:
    """A real wheel with one module, which has this text."""
    path = folder / "wallprobe-1.0-py3-none-any.whl"
    about = "wallprobe-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("wallprobe.py", text)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: wallprobe\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: proof\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", f"wallprobe.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    return path


def _sdist(folder: pathlib.Path, mark: pathlib.Path) -> pathlib.Path:
    """A real source archive, whose build leaves a mark: code that no hash of a lock covers."""
    source = folder / "wallbuilt-1.0"
    source.mkdir()
    backend = f"import pathlib\npathlib.Path({str(mark)!r}).touch()\nraise SystemExit('built')\n"
    (source / "backend.py").write_text(backend)
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: wallbuilt\nVersion: 1.0\n")
    path = folder / "wallbuilt-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(source, source.name)
    shutil.rmtree(source)
    return path


def part_supply_requirements(bench: Bench) -> t.Iterator[Line]:
    """What is installed on the controller has the hashes of the lock, and nothing is built. Without a package index."""
    folder = bench.place.work / "requirements"
    source = folder / "source"
    source.mkdir(parents=True)
    environment, lock = folder / "venv", folder / "lock.txt"
    wheel, mark = _wheel(source, "GOOD = True\n"), folder / "built"
    archive = _sdist(source, mark)
    good = f"wallprobe==1.0 --hash=sha256:{_digest(wheel)}\n"

    def install(text: str) -> subprocess.CompletedProcess[str]:
        lock.write_text(text)
        return subprocess.run(
            [str(bench.tree / VENV_SH), str(environment), str(lock)], text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(source),
                 "PIP_EXTRA_INDEX_URL": ""},
        )  # fmt: skip

    def installed() -> str:
        done = subprocess.run(
            [str(environment / "bin" / "python"), "-c", "import wallprobe; print(wallprobe.GOOD)"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout.strip()

    first = install(good)
    stamp = (environment / ".made-of").stat().st_mtime if first.returncode == 0 else 0
    again = install(good)
    trouble = (
        [] if first.returncode == 0 and installed() == "True" else [f"the lock is not installed: {first.stdout[-200:]}"]
    )
    trouble += [] if "Making" not in again.stdout else ["a second run made it again"]
    yield Line(
        "a locked package",
        sentence(trouble, "installed, and nothing done by a second run"),
        "installed once",
        not trouble,
    )

    attempts = []
    _wheel(source, "GOOD = False\n")
    done = install(f"{good}# changed\n")
    attempts.append(
        Attempt(
            "a file with other content under the same name", done.returncode == 0 or installed() == "False", installed()
        )
    )
    done = install("wallprobe==1.0\n")
    attempts.append(Attempt("a package without a hash", done.returncode == 0, installed()))
    done = install(f"wallbuilt==1.0 --hash=sha256:{_digest(archive)}\n")
    attempts.append(
        Attempt(
            "a source archive that runs code when it is built", mark.exists() or done.returncode == 0, "its code ran"
        )
    )
    yield attempts_line("packages that the lock doesn't cover", attempts, 3)

    _wheel(source, "GOOD = True\nNEWER = True\n")
    done = install(f"wallprobe==1.0 --hash=sha256:{_digest(wheel)}\n")
    rebuilt = done.returncode == 0 and "Making" in done.stdout and (environment / ".made-of").stat().st_mtime > stamp
    yield Line(
        "another lock for the same environment",
        "made again" if rebuilt else f"not made again: {done.stdout[-200:]}",
        "made again",
        rebuilt,
    )


# --- keys and repositories -------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Key:
    """A real key of GnuPG, made for this proof."""

    home: pathlib.Path
    fingerprint: str

    @property
    def armored(self) -> bytes:
        return _gpg(self.home, "--armor", "--export", self.fingerprint)

    def sign(self, text: str) -> bytes:
        return _gpg(self.home, "--armor", "--clear-sign", text=text)


def _gpg(home: pathlib.Path, *arguments: str, text: str = "") -> bytes:
    done = subprocess.run(
        ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *arguments],
        input=text.encode(), capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Shortfall(f"gpg {arguments[0]}: {done.stderr.decode(errors='replace')[-300:]}")
    return done.stdout


@contextlib.contextmanager
def _keys(*names: str) -> t.Iterator[dict[str, Key]]:
    """New keys by name. Their folders are short: an agent's socket has to fit into 108 bytes."""
    homes = {}
    try:
        for name in names:
            home = pathlib.Path(
                subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip()
            )
            homes[name] = home
            _gpg(home, "--quick-generate-key", f"{name} <{name}@example.com>", "rsa3072", "sign", "never")
        yield {
            name: Key(
                home,
                re.findall(r"^fpr:+([0-9A-F]{40}):", _gpg(home, "--list-keys", "--with-colons").decode(), re.MULTILINE)[
                    0
                ],
            )
            for name, home in homes.items()
        }
    finally:
        for home in homes.values():
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
            shutil.rmtree(home, ignore_errors=True)


def _repository(folder: pathlib.Path, key: Key, valid_days: float, security: bool = True) -> pathlib.Path:
    """A real apt repository without packages, which is signed and valid for so many days from now."""
    suite = folder / "dists" / ("trixie-security" if security else "trixie")
    index = suite / "main" / "binary-all" / "Packages"
    index.parent.mkdir(parents=True)
    index.write_text("")
    now = time.time()
    named = "Label: Debian-Security\nSuite: stable-security" if security else "Label: Debian\nSuite: stable"
    release = (
        f"Origin: Debian\n{named}\nCodename: {suite.name}\nDate: {email.utils.formatdate(now - 30 * DAY, usegmt=True)}\n"
        f"Valid-Until: {email.utils.formatdate(now + valid_days * DAY, usegmt=True)}\nArchitectures: all\nComponents: main\n"
        f"SHA256:\n {_digest(index)} 0 main/binary-all/Packages\n"
    )
    (suite / "InRelease").write_bytes(key.sign(release.replace("GMT", "UTC")))
    return folder


def _apt_accepts(repository: pathlib.Path, key: pathlib.Path, work: pathlib.Path) -> bool:
    """Whether apt trusts a repository with this key. It uses folders of its own, nothing of this machine's apt."""
    shutil.rmtree(work, ignore_errors=True)
    for name in ("state/lists/partial", "cache/archives/partial", "etc/parts"):
        (work / name).mkdir(parents=True)
    (work / "state/status").touch()
    (work / "etc/sources.list").write_text(f"deb [arch=all signed-by={key}] file:{repository} trixie-security main\n")
    options = {
        "Dir::Etc::SourceList": work / "etc/sources.list", "Dir::Etc::SourceParts": work / "etc/parts",
        "Dir::Etc::Parts": work / "etc/parts", "Dir::State": work / "state", "Dir::State::status": work / "state/status",
        "Dir::Cache": work / "cache", "APT::Sandbox::User": "root", "APT::Architecture": "all",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(["apt-get", *words, "update"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "W:" not in done.stderr


class _Folder(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *dummy: t.Any) -> None:
        """Says nothing."""


def part_supply_key(bench: Bench) -> t.Iterator[Line]:
    """The key of Docker's repository: by its fingerprint, with real keys, GnuPG and apt, and no network."""
    folder = bench.place.work / "key"
    folder.mkdir(parents=True)
    target = folder / "docker.gpg"

    def keep(source: str, fingerprint: str) -> tuple[bool, bool, str]:
        """Whether the module succeeded, whether it changed something, and what it said."""
        site = Platform(bench.place, "key", 1, bench.tree, {"demo": {}})
        command = site.command("site")
        values = json.dumps({"source": source, "fingerprint": fingerprint, "path": str(target)})
        tool = str(VENV / "bin" / "ansible")
        words = [tool, "-i", "localhost,", "-c", "local", "localhost", "-o", "-m", "odoo_cloud.platform.signing_key", "-a", values,
                 "-e", f"ansible_python_interpreter={VENV / 'bin' / 'python'}"]  # fmt: skip
        done = subprocess.run(
            **{**command, "args": words}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return done.returncode == 0, '"changed": true' in done.stdout, done.stdout

    with _keys("docker", "other") as keys:
        right, other = keys["docker"], keys["other"]
        files = {
            "right": right.armored,
            "other": other.armored,
            "both": right.armored + other.armored,
            "reversed": other.armored + right.armored,
            "binary": _gpg(right.home, "--export") + _gpg(other.home, "--export"),
            "empty": b"",
            "page": b"<html>not found</html>",
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", bench.place.port + 95), functools.partial(_Folder, directory=str(folder))
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            attempts = []
            for what, source, fingerprint in (
                ("another key in a file", str(folder / "other"), right.fingerprint),
                ("another key at the address", f"{address}/other", right.fingerprint),
                ("the right key, and one more", f"{address}/both", right.fingerprint),
                ("one more, and the right key", f"{address}/reversed", right.fingerprint),
                ("both keys, not armored", f"{address}/binary", right.fingerprint),
                ("an empty file", f"{address}/empty", right.fingerprint),
                ("a page instead of a key", f"{address}/page", right.fingerprint),
                ("nothing at the address", f"{address}/absent", right.fingerprint),
                ("the short key ID for a fingerprint", f"{address}/right", right.fingerprint[-16:]),
                ("no fingerprint", f"{address}/right", ""),
            ):
                good, dummy, said = keep(source, fingerprint)
                attempts.append(Attempt(what, good or target.exists(), said[:200]))
                target.unlink(missing_ok=True)
            yield attempts_line("keys that aren't the one with the fingerprint", attempts, 10)

            good, changed, said = keep(f"{address}/right", right.fingerprint.lower())
            unchanged = keep(f"{address}/right", right.fingerprint)
            trouble = [] if good and changed and target.exists() else [f"refused: {said[:200]}"]
            trouble += [] if unchanged[0] and not unchanged[1] else ["a second run changed it"]
            signed = _repository(folder / "signed", right, 7)
            foreign = _repository(folder / "foreign", other, 7)
            if not trouble:
                trouble += (
                    []
                    if _apt_accepts(signed, target, folder / "apt")
                    else ["apt refuses the repository that it signed"]
                )
                trouble += (
                    ["apt accepts a repository that another key signed"]
                    if _apt_accepts(foreign, target, folder / "apt")
                    else []
                )
            yield Line(
                "the right key",
                sentence(trouble, "kept once, apt trusts what it signed and nothing else"),
                "kept, used by apt",
                not trouble,
            )
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


# --- security updates ------------------------------------------------------------------------------------------------------------


def _asked(bench: Bench, function: str, text: str) -> t.Any:
    """What the tree's code makes of an output."""
    program = (
        "import json, sys; from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import security; "
        f"json.dump(security.{function}(sys.stdin.read()), sys.stdout)"
    )
    done = subprocess.run(
        [str(VENV / "bin" / "python"), "-c", program], input=text, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(bench.tree / ".work" / "collections")},
    )  # fmt: skip
    if done.returncode:
        raise Shortfall(f"{function}: {done.stderr[-300:]}")
    return json.loads(done.stdout)


def _base() -> str:
    """A Debian base image that is there."""
    found = docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{IMAGES}/debian").split()
    found = [one for one in found if ":trixie-" in one]
    if not found:
        raise Shortfall(f"there is no image {IMAGES}/debian:trixie-...")
    return found[0]


def _update(bench: Bench, mode: str, repository: pathlib.Path, key: Key) -> tuple[int, str]:
    """What a build step does with a repository, in a container of Debian: exit code and output."""
    loader = jinja2.FileSystemLoader(str(bench.tree / "roles/image/templates"))
    script = (
        jinja2.Environment(loader=loader, trim_blocks=True, keep_trailing_newline=True, autoescape=False)  # noqa: S701
        .from_string("{% import 'apt.j2' as apt %}set -eu; { {{ apt.update(mode) }}\n }; {{ apt.show() }}\n")
        .render(mode=mode)
    )
    (repository / "key.asc").write_bytes(key.armored)
    suite = next((repository / "dists").iterdir()).name
    source = f"deb [arch=all signed-by=/repository/key.asc] file:/repository {suite} main"
    begin = f"rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; echo '{source}' > /etc/apt/sources.list\n"
    name = f"{bench.place.name}-apt"
    docker("rm", "-f", name, check=False)
    done = subprocess.run(
        ["docker", "run", "--rm", "--name", name, "--network", "none", "--volume", f"{repository}:/repository:ro", _base(),
         "sh", "-c", begin + script],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout


def _site(bench: Bench) -> Platform:
    """The platform that parts share, as site makes it."""
    site = bench.site("supply", 2)
    if not site.containers():
        site.site()
    return site


def part_supply_updates(bench: Bench) -> t.Iterator[Line]:
    """Expired Release files are found out and told, and images say which updates they lack."""
    folder = bench.place.work / "apt"
    attempts: list[Attempt] = []
    trouble: list[str] = []
    with _keys("archive", "other") as keys:
        archive, other = keys["archive"], keys["other"]
        kinds = {
            "fresh": (archive, 7, True), "stale": (archive, -20, True), "foreign": (other, -20, True), "plain": (archive, 7, False),
        }  # fmt: skip
        made = {kind: _repository(folder / kind, signer, days, safe) for kind, (signer, days, safe) in kinds.items()}
        for mode, kind, verdict, gone in (
            ("auto", "fresh", "yes", False),
            ("true", "fresh", "yes", False),
            ("auto", "stale", "no", True),
            ("false", "stale", "no", True),
            ("auto", "plain", "no", False),
        ):
            code, output = _update(bench, mode, made[kind], archive)
            found = _asked(bench, "facts", output) if code == 0 else {}
            if code or found["security_updates"] != verdict or bool(found["release_expired"]) != gone:
                trouble.append(f"{mode} with a {kind} archive: {found or output[-200:]}")
        for mode, kind, what in (
            ("true", "stale", "an expired archive with true"),
            ("auto", "foreign", "an expired archive that another key signed, with auto"),
            ("false", "foreign", "the same with false"),
        ):
            code, output = _update(bench, mode, made[kind], archive)
            attempts.append(Attempt(what, code == 0, "apt went on"))
    yield Line(
        "what a build makes of archives",
        sentence(trouble, "5 of 5 as they are"),
        "fresh: yes; frozen or without security: no, told",
        not trouble,
    )
    yield attempts_line("archives that a build must refuse", attempts, 3)

    site = _site(bench)
    trouble = []
    listed = json.loads(docker("image", "inspect", *set(_images(site).values())))
    told = {
        one["RepoTags"][0]: (one["Config"]["Labels"] or {}).get("org.odoo-cloud.security-updates", "")
        for one in listed
        if one["RepoTags"]
    }
    trouble += [f"{tag} says nothing" for tag, text in told.items() if not text.startswith(("yes", "no: "))]
    trouble += [f"{tag} has no name of its own" for tag in told if tag.endswith("-unlabelled")]
    summary = site.site().output
    lacking = sorted(tag.partition(":")[0].rpartition("/")[2] for tag, text in told.items() if text.startswith("no: "))
    trouble += [
        f"the summary does not tell about {name}"
        for name in lacking
        if not re.search(rf"images +[^:]*\b{name}\b.*: gets NO SECURITY UPDATES", summary)
    ]
    trouble += (
        ["the summary tells about images that get updates"] if not lacking and "NO SECURITY UPDATES" in summary else []
    )
    before = site.play("status").output
    trouble += [] if "nobody looked for updates yet" in before else ["status claims a look that nobody made"]
    yield Line(
        "the images of a platform",
        sentence(trouble, f"{len(told)} images say it, {len(lacking)} get none, and site tells"),
        "all say it",
        not trouble,
    )

    trouble = []
    asked = site.playbook("image_updates")
    trouble += [] if asked.code == 0 and asked.changed == 0 else [f"image_updates: {asked.error}"]
    record = json.loads((site.root / "images" / "updates.json").read_text())
    counted = {name: _pending(image) for name, image in _images(site).items() if name in record}
    trouble += [
        f"{name}: {len(record[name]['pending'])} recorded, {number} counted" for name, number in counted.items()
        if number != len(record[name]["pending"])
    ]  # fmt: skip
    # An image as old as if it had been built before updates: they are seen with the day of the first look, which stays.
    shown = site.play("status").output
    trouble += [
        f"status does not show {name}"
        for name in record
        if not re.search(rf"{name}: built \d{{4}}-.*updates? pending.*last looked \d{{4}}", shown)
    ]
    first = {name: [one["since"] for one in about["pending"]] for name, about in record.items()}
    time.sleep(1.1)
    site.play("image_updates")
    again = json.loads((site.root / "images" / "updates.json").read_text())
    trouble += [
        f"{name}: since when is forgotten"
        for name, about in again.items()
        if [one["since"] for one in about["pending"]] != first[name]
    ]
    yield Line(
        "a look for updates",
        sentence(
            trouble, f"{sum(counted.values())} pending in {len(counted)} images, as apt counts, and status shows them"
        ),
        "recorded, shown, nothing changed",
        not trouble,
    )

    code, output, seconds = site.playbook("site")
    changed = recap(output).get("changed")
    yield Line(
        "site after all this",
        f"exit {code}, changed={changed} in {seconds:.0f} s",
        "changes nothing",
        code == 0 and changed == 0,
    )


def _images(site: Platform) -> dict[str, str]:
    """Name to ID of the images that the platform's containers use."""
    found = {}
    for line in docker("inspect", "--format", "{{.Config.Image}} {{.Image}}", *site.containers()).splitlines():
        dummy, image = line.split()
        tags = json.loads(docker("image", "inspect", "--format", "{{json .RepoTags}}", image))
        for tag in tags:
            if tag.startswith(f"{site.variables['image_name']}/"):
                found[tag.partition(":")[0].rpartition("/")[2]] = image
    return found


def _pending(image: str) -> int:
    """How many packages apt would upgrade in an image, asked without the collection."""
    script = "apt-get -o Acquire::Check-Valid-Until=false update -qq >/dev/null 2>&1; apt-get -s dist-upgrade | grep -c '^Inst [^ ]* \\['"
    output = docker(
        "run", "--rm", "--network", "host", "--user", "0:0", "--entrypoint", "sh", image, "-c", script, check=False
    )
    return int(output.split()[-1])


# --- bills of materials ----------------------------------------------------------------------------------------------------------

_VALID = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for path in sys.argv[1:]:
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    print(path, "valid" if wrong is None else str(wrong).splitlines()[0][:200])
"""
_PIP = """
import importlib.metadata, sys
for one in importlib.metadata.distributions(path=["/opt/odoo-cloud/python"]):
    print(one.metadata["Name"].lower(), one.version)
"""


def part_supply_sbom(bench: Bench) -> t.Iterator[Line]:
    """A bill of materials for each image: valid, and with all that is in the image."""
    site = _site(bench)
    done = site.playbook("sbom", image_sbom_python=str(SBOM_PYTHON))
    images = _images(site)
    paths = {name: site.root / "images" / "sbom" / f"{name}-{image[7:19]}.cdx.json" for name, image in images.items()}
    trouble = [f"sbom: {done.error}"] if done.code else []
    trouble += [f"{name} has none" for name, path in paths.items() if not path.is_file()]
    found = {name: json.loads(path.read_text()) for name, path in paths.items() if path.is_file()}
    said = subprocess.run(
        [str(SBOM_PYTHON), "-c", _VALID, *(str(paths[name]) for name in found)],
        capture_output=True,
        text=True,
        check=False,
    )
    trouble += [line for line in said.stdout.splitlines() if not line.endswith(" valid")] + (
        [said.stderr[-200:]] if said.returncode else []
    )
    yield Line(
        "bills of materials",
        sentence(trouble, f"{len(found)} of {len(images)} images, valid CycloneDX 1.6"),
        "each image, valid",
        not trouble,
    )

    trouble, debian, python, unnamed = [], 0, 0, 0
    for name, bom in found.items():
        components = bom["components"]
        mine = {
            (one["name"], one["version"])
            for one in components
            if one.get("purl", "").startswith("pkg:deb/") and "arch=source" not in one["purl"]
        }
        listing = docker(
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            "dpkg-query",
            images[name],
            "-W",
            "-f",
            "${Package} ${Version}\\n",
        )
        there = {tuple(line.split()) for line in listing.splitlines()}
        trouble += (
            [f"{name}: {len(there ^ mine)} Debian packages differ, such as {min(there ^ mine)}"]
            if there != mine
            else []
        )
        debian += len(there)
        unnamed += sum(1 for one in components if not one.get("licenses") and "arch=source" not in one.get("purl", ""))
        if name.startswith("odoo-"):
            own = {
                (one["name"].lower(), one["version"])
                for one in components
                if one.get("purl", "").startswith("pkg:pypi/")
            }
            listing = docker("run", "--rm", "--network", "none", "--entrypoint", "python3", images[name], "-c", _PIP)
            there = {tuple(line.split()) for line in listing.splitlines()}
            trouble += (
                [f"{name}: Python packages differ: {sorted(there ^ own)[:3]}"] if there != own or not there else []
            )
            python += len(there)
    trouble += [f"{unnamed} packages without a licence"] if unnamed else []
    yield Line(
        "what they list",
        sentence(trouble, f"{debian} Debian and {python} Python packages, as in the images, each with a licence"),
        "all of dpkg and pip, with versions and licences",
        not trouble,
    )

    shown = site.play("status").output
    again = site.playbook("sbom", image_sbom_python=str(SBOM_PYTHON))
    trouble = [f"status does not name {path.name}" for path in paths.values() if path.name not in shown]
    trouble += (
        [] if again.code == 0 and again.changed == 0 else [f"a second run: exit {again.code}, changed={again.changed}"]
    )
    without = site.playbook("sbom", "--check", image_sbom_python="/nonexistent/python")
    trouble += [] if without.code == 0 else ["a run with nothing to do needs the tools"]
    yield Line(
        "where they are",
        sentence(trouble, "status names each, a second run changes nothing"),
        "found, made once",
        not trouble,
    )


PARTS: dict[str, t.Callable[[Bench], t.Iterator[Line]]] = {
    "supply-requirements": part_supply_requirements,
    "supply-key": part_supply_key,
    "supply-updates": part_supply_updates,
    "supply-sbom": part_supply_sbom,
}

MUTANTS = {
    "supply-unhashed": Mutant.one("supply-requirements", VENV_SH, "--require-hashes ", ""),
    "supply-built": Mutant.one("supply-requirements", VENV_SH, "--only-binary :all: ", ""),
    "supply-stale-venv": Mutant.one(
        "supply-requirements", VENV_SH, 'wanted=$(sha256sum <"$requirements" | cut -c1-16)', "wanted=$(echo same)"
    ),
    "supply-key-any": Mutant.one("supply-key", SIGNING, "if found != [fingerprint]:", "if not found:"),
    "supply-key-one-more": Mutant.one("supply-key", SIGNING, "if found != [fingerprint]:", "if fingerprint not in found:"),
    "supply-key-as-fetched": Mutant.one("supply-key", SIGNING, 'return _gpg(home, "--export", fingerprint)', 'return b""'),
    "supply-unsigned": Mutant.one(
        "supply-updates", APT, "apt-get -o Acquire::Check-Valid-Until=false update -qq; \\\n    fi",
        "apt-get -o Acquire::Check-Valid-Until=false -o Acquire::AllowInsecureRepositories=true update -qq; \\\n    fi",
    ),
    "supply-untold": Mutant.one("supply-updates", SECURITY, "if until is not None and until < now:", "if False:"),
    "supply-no-archive": Mutant.one("supply-updates", SECURITY, "elif not any(_is_security(release) for release in known):", "elif False:"),
    "supply-since": Mutant.one("supply-updates", SECURITY, 'since.get(one["name"], now)', "now"),
    "supply-sbom-python": Mutant.one("supply-sbom", SBOM, "python = of_python(files, folder)", "python = {}"),
    "supply-sbom-licences": Mutant.one(
        "supply-sbom", SBOM, "    add_licences(debian.get(\"components\", []), copyrights)\n", ""
    ),
}  # fmt: skip
