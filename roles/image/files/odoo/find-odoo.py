# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Runs as root while an Odoo image is built: finds Odoo in an image that somebody else made, and its addons.

Writes what the runtime has to know to /opt/odoo-cloud/image.json: `addons`, the folders with addons that the image brings
besides those in Odoo's own package. Makes Odoo importable, and found on the PATH, when it is a source checkout.
"""

import configparser
import importlib.util
import json
import os
import shutil
import site
import sys

FACTS = "/opt/odoo-cloud/image.json"
COPIES = "/opt/odoo-cloud/image-addons"
# Files of an image's own settings, in the order in which Odoo and the usual images look for them.
CONFIGURATIONS = (
    "/etc/odoo/odoo.conf", "/etc/odoo.conf", "/etc/odoo/odoo-server.conf", "/etc/odoo-server.conf",
    "/etc/odoo/openerp-server.conf", "/odoo/odoo.cfg", "/opt/odoo/odoo.conf", "/opt/odoo/etc/odoo.conf",
)  # fmt: skip
EXTRA = "/mnt/extra-addons"  # of official images, for which every Dockerfile on top of them copies addons there
ROOTS = ("/opt", "/odoo", "/srv", "/home", "/usr/src", "/usr/local", "/app", "/mnt", "/var/lib")
DEPTH = 4
# In containers something else is mounted there.
HIDDEN = (
    "/etc/odoo",
    "/mnt/addons",
    "/mnt/release",
    "/run",
    "/tmp",
    "/srv/odoo",
    "/srv/static",
    "/proc",
    "/sys",
    "/dev",
)


def fail(message):
    """End the build with one line."""
    sys.exit(f"find-odoo: {message}")


def is_package(folder):
    """Whether a folder is Odoo's package."""
    return os.path.isfile(os.path.join(folder, "addons", "base", "__manifest__.py"))


def imported():
    """Odoo's package as Python finds it; empty when it finds none."""
    spec = importlib.util.find_spec("odoo")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if is_package(place):
            return os.path.realpath(place)
    return ""


def checkouts():
    """The folders of source checkouts: those that have odoo-bin and the package beside it."""
    found = []
    for name in ("odoo-bin", "odoo"):
        program = shutil.which(name)
        if program:
            found.append(os.path.dirname(os.path.realpath(program)))
    found.append(os.getcwd())
    for root in ROOTS:
        for folder, folders, files in os.walk(root):
            if folder[len(root) :].count("/") >= DEPTH or "odoo-bin" in files:
                folders[:] = []
            folders[:] = [one for one in folders if not one.startswith(".") and one != "node_modules"]
            if "odoo-bin" in files:
                found.append(os.path.realpath(folder))
    good = [
        one for one in found if is_package(os.path.join(one, "odoo")) and os.path.isfile(os.path.join(one, "odoo-bin"))
    ]
    return list(dict.fromkeys(good))


def make_known(root):
    """Let Python and the PATH find a source checkout."""
    places = [path for path in site.getsitepackages() if os.path.isdir(path)]
    with open(os.path.join(places[-1], "odoo-cloud-checkout.pth"), "w", encoding="utf-8") as stream:
        stream.write(root + "\n")
    if not (shutil.which("odoo") or shutil.which("odoo-bin")):
        os.makedirs("/usr/local/bin", exist_ok=True)
        program = os.path.join(root, "odoo-bin")
        os.chmod(program, os.stat(program).st_mode | 0o555)
        os.symlink(program, "/usr/local/bin/odoo-bin")


def stated():
    """The folders of addons_path in the image's own odoo.conf, and that file; empty without one."""
    for path in (os.environ.get("ODOO_RC"), os.environ.get("OPENERP_SERVER"), *CONFIGURATIONS):
        if not path or not os.path.isfile(path):
            continue
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            fail(f"{path}: is no odoo.conf: {' '.join(str(error).split())}")
        value = parser.get("options", "addons_path", fallback="")
        return [os.path.expanduser(one.strip()) for one in value.split(",") if one.strip() not in ("", "None")], path
    return [], ""


def declared_volumes():
    """The mounted folders of this build step: volumes that the base declares, whose content containers don't see."""
    with open("/proc/self/mountinfo", encoding="utf-8") as stream:
        points = [line.split()[4] for line in stream]
    system = ("/proc", "/sys", "/dev", "/etc")
    return [one for one in points if one != "/" and not any(one == top or one.startswith(top + "/") for top in system)]


def below(path, folders):
    """Whether a path is one of the folders or in one of them."""
    return any(path == one or path.startswith(one.rstrip("/") + "/") for one in folders)


def has_addons(folder):
    """Whether a folder has at least one addon."""
    return os.path.isdir(folder) and any(
        os.path.isfile(os.path.join(folder, name, "__manifest__.py")) for name in os.listdir(folder)
    )


def main():
    """Find, check, write."""
    volumes = declared_volumes()
    package = imported()
    if not package:
        found = checkouts()
        if not found:
            fail(
                "there is no Odoo in this image: python3 can't import odoo, and no folder below "
                f"{', '.join(ROOTS)} has odoo-bin with odoo/ beside it"
            )
        if len(found) > 1:
            fail(f"odoo-bin is there more than once ({', '.join(found)}); put the right one on the PATH of the image")
        make_known(found[0])
        package = os.path.join(found[0], "odoo")
    if below(package, volumes):
        fail(f"{package}: Odoo is in a folder that the image declares as a VOLUME; move it, or leave that line out")
    folders, file = stated()
    beside = os.path.join(os.path.dirname(package), "addons")
    wanted, kept = [*folders, EXTRA, beside], []
    for folder in dict.fromkeys(os.path.realpath(one) for one in wanted):
        if folder == os.path.join(package, "addons") or not has_addons(folder):
            continue
        if below(folder, volumes) or below(folder, HIDDEN):
            copy = os.path.join(COPIES, str(len(kept)) + "-" + os.path.basename(folder))
            shutil.copytree(folder, copy, symlinks=True)
            folder = copy
        kept.append(folder)
    os.makedirs(os.path.dirname(FACTS), exist_ok=True)
    with open(FACTS, "w", encoding="utf-8") as stream:
        json.dump({"odoo": package, "configuration": file, "addons": kept}, stream, indent=1)
        stream.write("\n")
    print(f"Odoo is {package}; the image's own addons: {', '.join(kept) or 'none'}")


if __name__ == "__main__":
    main()
