# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proof calls its own on a machine. All that it makes has its name, and is found and removed by that name."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil

from .tools import WORK, docker

LABEL = "org.odoo-cloud.proof"
PLATFORM_LABEL = "org.odoo-cloud.platform"
SRV = pathlib.Path("/srv")  # where platforms have their root folders
KINDS = (("container", ("ps", "-a"), "{{.Names}}"), ("volume", ("volume", "ls"), "{{.Name}}"),
         ("network", ("network", "ls"), "{{.Name}}"))  # fmt: skip
FORCE: dict[str, tuple[str, ...]] = {"container": ("-f", "-v"), "volume": ("-f",), "network": ()}


@dataclasses.dataclass(frozen=True)
class Place:
    """One proof's containers, networks, volumes, images, folders and ports.

    name: what all of them are called, or begin with before `-` or `/`. port: the first of its hundred ports. folder: for its files.
    """

    name: str
    port: int
    folder: pathlib.Path = WORK

    @classmethod
    def of(cls, proof: str, port: int) -> Place:
        """The place of this proof; PROVE_NAME and PROVE_PORT give another checkout on the same machine one of its own."""
        return cls(f"{os.environ.get('PROVE_NAME') or 'oc'}-{proof}", int(os.environ.get("PROVE_PORT") or port))

    @property
    def label(self) -> str:
        return f"{LABEL}={self.name}"

    @property
    def work(self) -> pathlib.Path:
        """Files of a run: configuration, secrets, copies of the collection. Nothing that anybody needs afterwards."""
        return self.folder / self.name

    @property
    def logs(self) -> pathlib.Path:
        """Logs of the last run; they stay."""
        return self.folder / "log" / self.name

    def owns(self, name: str) -> bool:
        return name == self.name or name.startswith((f"{self.name}-", f"{self.name}/"))

    def clear(self) -> None:
        """Removes all of it, whoever left it: this run, or an earlier one that was killed."""
        self.remove(self.name)
        shutil.rmtree(self.work, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Removes from the machine what is called so, or begins with it: containers, volumes, networks, images, root folders."""
        if not self.owns(name):
            raise ValueError(f"{name} is not in the place {self.name}")
        mine = dataclasses.replace(self, name=name)
        if shutil.which("docker"):
            for kind, listing, column in KINDS:
                for one in mine._found(listing, column):
                    if kind == "container" and one.endswith("-firewall"):  # its rules are in the kernel of the machine
                        docker("exec", one, "odoo-cloud-firewall", "remove", check=False)
                    docker(kind, "rm", *FORCE[kind], one, check=False)
            for tag in docker("images", "--format", "{{.Repository}}:{{.Tag}}", check=False).split():
                if mine.owns(tag.rpartition(":")[0]):
                    docker("rmi", "-f", tag, check=False)
        for folder in SRV.glob(f"{name}*"):
            if mine.owns(folder.name):
                shutil.rmtree(folder, ignore_errors=True)

    def _found(self, listing: tuple[str, ...], name: str) -> list[str]:
        """Names of the engine's things of one kind that are ours, by their own name or by a label."""
        found = []
        for label in (LABEL, PLATFORM_LABEL):
            shown = docker(
                *listing, "--filter", f"label={label}", "--format", f'{name}\t{{{{.Label "{label}"}}}}', check=False
            )
            for line in shown.splitlines():
                one, dummy, value = line.partition("\t")
                if self.owns(value) or self.owns(one):
                    found.append(one)
        return list(dict.fromkeys(found))
