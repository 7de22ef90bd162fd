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
import stat
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
# Folders of ours in the image.
OURS = ("/opt/odoo-cloud", "/srv/odoo", "/srv/static", "/usr/local/bin", "/var/lib/odoo-restore")
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


def named():
    """The folder of the Odoo that the image itself points at, by its PATH, PYTHONPATH or working directory; empty for none."""
    programs = [shutil.which(name) for name in ("odoo-bin", "odoo")]
    places = [os.path.dirname(os.path.realpath(one)) for one in programs if one]
    places += [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    for place in (*places, os.getcwd()):
        if is_package(os.path.join(place, "odoo")):
            return os.path.realpath(place)
    return ""


def checkouts():
    """The folders of source checkouts below the usual roots: those that have odoo-bin and the package beside it."""
    found = []
    for root in ROOTS:
        for folder, folders, files in os.walk(root):
            if "odoo-bin" in files and is_package(os.path.join(folder, "odoo")):
                found.append(os.path.realpath(folder))
                folders[:] = []
            elif folder[len(root) :].count("/") >= DEPTH:
                folders[:] = []
            folders[:] = [one for one in folders if not one.startswith(".") and one != "node_modules"]
    return list(dict.fromkeys(found))


def make_known(root):
    """Let Python and the PATH find a source checkout."""
    places = [path for path in site.getsitepackages() if os.path.isdir(path)]
    with open(os.path.join(places[-1], "odoo-cloud-checkout.pth"), "w", encoding="utf-8") as stream:
        stream.write(root + "\n")
    program = os.path.join(root, "odoo-bin")
    if not (shutil.which("odoo") or shutil.which("odoo-bin")) and os.path.isfile(program):
        os.makedirs("/usr/local/bin", exist_ok=True)
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


def let_read(folder):
    """Let everybody read a folder and reach it: Odoo runs as a user that the image does not know."""
    parent = os.path.dirname(folder)
    while parent != "/":
        add_mode(parent, 0o001)
        parent = os.path.dirname(parent)
    for place, _folders, files in os.walk(folder):
        add_mode(place, 0o005)
        for name in files:
            add_mode(os.path.join(place, name), 0o004)


def add_mode(path, bits):
    """Add permissions to a file, unless it is a link or has them."""
    mode = os.lstat(path).st_mode
    if not stat.S_ISLNK(mode) and mode & bits != bits:
        os.chmod(path, stat.S_IMODE(mode) | bits)


def main():
    """Find, check, write."""
    volumes = declared_volumes()
    ours = [one for one in OURS if below(one, volumes)]
    if ours:
        fail(
            f"the image declares {ours[0]}, or a folder above it, as a VOLUME; the platform needs it, leave that line out"
        )
    package = imported()
    if not package:
        found = [one for one in [named()] if one] or checkouts()
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
    wanted, kept = [*folders, EXTRA], []
    if not os.path.isfile(os.path.join(package, "init.py")):  # 19 looks beside its package in any case
        wanted.append(os.path.join(os.path.dirname(package), "addons"))
    for folder in dict.fromkeys(os.path.realpath(one) for one in wanted):
        if folder == os.path.join(package, "addons") or not has_addons(folder):
            continue
        if below(folder, volumes) or below(folder, HIDDEN):
            copy = os.path.join(COPIES, str(len(kept)) + "-" + os.path.basename(folder))
            shutil.copytree(folder, copy, symlinks=True)
            folder = copy
        let_read(folder)
        kept.append(folder)
    let_read(package)
    os.makedirs(os.path.dirname(FACTS), exist_ok=True)
    with open(FACTS, "w", encoding="utf-8") as stream:
        json.dump({"odoo": package, "configuration": file, "addons": kept}, stream, indent=1)
        stream.write("\n")
    print(f"Odoo is {package}; the image's own addons: {', '.join(kept) or 'none'}")


if __name__ == "__main__":
    main()
