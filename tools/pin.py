"""Write the lines of roles/image/files/odoo/requirements-<python>.txt for packages: version, hashes, licence.

    .work/venv/bin/python tools/pin.py 3.13 PyYAML==6.0.3 anthem==0.15.0

Asks pip for each Python and processor, follows dependencies, downloads nothing. A package that Odoo's own packages bring
(urllib3, requests, python-dateutil, ...) is not wanted in the file: leave its lines out.
"""

from __future__ import annotations

import json
import subprocess
import sys

MACHINES = ("x86_64", "aarch64")
GLIBC = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")


def report(python: str, machine: str, names: list[str]) -> list[dict]:
    """What pip would install."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, "--target", "unused"]
    for glibc in GLIBC:
        command += ["--platform", f"{glibc}_{machine}"]
    return json.loads(subprocess.run(command + names, check=True, stdout=subprocess.PIPE, text=True).stdout)["install"]


def licence(metadata: dict) -> str:
    """The licence as the package names it."""
    named = metadata.get("license_expression") or metadata.get("license") or ""
    classified = [one.split(" :: ")[-1] for one in metadata.get("classifier", []) if one.startswith("License ::")]
    return named.splitlines()[0] if named else ", ".join(classified) or "not named"


def main() -> None:
    found: dict[str, tuple[str, set[str]]] = {}
    for python in sys.argv[1].split(","):
        for machine in MACHINES:
            for item in report(python, machine, sys.argv[2:]):
                about = item["metadata"]
                pin = f"{about['name']}=={about['version']}"
                hashes = found.setdefault(pin, (licence(about), set()))[1]
                hashes.add(item["download_info"]["archive_info"]["hashes"]["sha256"])
    for pin, (named, hashes) in sorted(found.items(), key=lambda pair: pair[0].lower()):
        print(f"# {named}")
        print(" \\\n    ".join([pin, *(f"--hash=sha256:{one}" for one in sorted(hashes))]))


if __name__ == "__main__":
    main()
