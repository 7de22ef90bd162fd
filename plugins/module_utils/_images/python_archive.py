# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Python packages for another Python, in one tar archive. The pip of this Python downloads and
unpacks them; nothing is run or built.

So the image needs neither pip nor network access in its build, and pip's configuration, which may
hold credentials, never becomes part of a layer.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import typing as t

FOLDER = "python"  # name of the folder inside the archive
# Versions of glibc that wheels may need; Debian 11 (Odoo 14) has 2.31.
GLIBC = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
_LINE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+( --hash=sha256:[0-9a-f]{64})+$")


class ArchiveError(Exception):
    """The packages can't be downloaded; the message is one line for operators."""


def requirements(text: str, path: str = "requirements") -> list[str]:
    """The requirements in a file, one per line.

    `path`: named in messages. Raises `ArchiveError` for one that is not pinned to a version with
    hashes.
    """
    found, line, begin = [], "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        part = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line:
            begin = number
        line = f"{line} {part.rstrip(chr(92)).strip()}".strip()
        if part.endswith("\\"):
            continue
        if line and not _LINE.match(line):
            raise ArchiveError(
                f"{path}:{begin}: {line[:80]!r} is not pinned; right is name==version --hash=sha256:<64 hex digits>, "
                "with a hash for each processor and Python that the image may have"
            )
        if line:
            found.append(line)
        line = ""
    return found


def pip_command(python: str, machine: str, target: str, file: str, wheels_dir: str = "") -> list[str]:
    """The command that downloads and unpacks wheels for another Python, with this Python's pip
    settings.

    - `python`: version of the other Python, such as `3.11`. `machine`: its processor, such as
      `x86_64`.
    - `target`: folder for the packages. `file`: the requirements.
    - `wheels_dir`: a folder with wheels; if set, no index is asked.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-compile", "--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation", "cp"]
    command += ["--python-version", python, "--target", target, "--requirement", file]
    for glibc in GLIBC:
        command += ["--platform", f"{glibc}_{machine}"]
    return command + (["--no-index", "--find-links", wheels_dir] if wheels_dir else [])


def reason(stderr: str) -> str:
    """The error in pip's output, in one line."""
    lines = [line.strip() for line in stderr.splitlines()]
    errors = [line[len("ERROR: ") :] for line in lines if line.startswith("ERROR: ")]
    return (errors or [line for line in lines if line] or ["no reason given"])[-1]


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry of the archive without traces of the controller's users, umask and clock."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() else 0o644
    entry.mtime = 0
    return entry


def make(path: str, lines: t.Sequence[str], python: str, machine: str, wheels_dir: str = "") -> None:
    """Writes the archive `path`, which appears only when it is complete.

    `lines`: requirements as `requirements` returns them; the rest as for `pip_command`. Raises
    `ArchiveError`.
    """
    folder = os.path.dirname(path)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        file, site, archive = (os.path.join(work, name) for name in ("requirements.txt", FOLDER, "archive.tar"))
        with open(file, "w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
        os.mkdir(site)
        if lines:
            command = pip_command(python, machine, site, file, wheels_dir)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if "No module named pip" in done.stderr:
                raise ArchiveError(
                    f"{sys.executable} has no pip: run {sys.executable} -m ensurepip, or install pip for it"
                )
            if done.returncode != 0:
                raise ArchiveError(f"pip: {reason(done.stderr)}")
        with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as tar:
            tar.add(site, FOLDER, filter=lambda entry: None if _is_script(entry.name) else plain(entry))
        os.replace(archive, path)


def _is_script(name: str) -> bool:
    """Whether a file is a program of a package. It would start this Python, which the image lacks."""
    return name.split("/")[1:2] == ["bin"]
