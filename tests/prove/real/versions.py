# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that somebody else made: the layout of the official ones, and a source checkout in a company's own image.

No Odoo 15 to 18 can be had here, so these are stand-ins (layouts/): Debian's Odoo 19 put into the official layout, and the small program
of the runtime's tests as the checkout of 16. What is tried is what the layouts differ in: users, volumes, configuration, addons.
"""

from __future__ import annotations

import collections.abc
import json
import pathlib
import shutil
import subprocess
import time
import typing as t

import yaml

from ..containers.lab import Box
from ..containers.services import image_id
from ..frame import IMAGES, ROOT, VENV, Line, Mutant, Shortfall, docker, parts_of, sentence
from .bench import Bench

LAYOUTS = pathlib.Path(__file__).resolve().parent / "layouts"
STAND_IN = ROOT / "tests/runtime/fake_odoo"
PYTHON = "3.13"  # of the image that the stand-ins are made of
# Layout: the version that it stands for, and where its addons must be found
LAYOUT = {
    "official": ("19", ["/opt/odoo-cloud/image-addons/0-extra-addons", "/opt/enterprise"]),
    "checkout": ("16", ["/opt/acme/bought", "/opt/acme/src/addons"]),
}
OWN = ("oc_own", "oc_bought")
CONF = "[options]\naddons_path = /opt/odoo-cloud/addons\ndata_dir = /srv/odoo\nlist_db = False\nmax_cron_threads = 0\nworkers = 0\n"

MUTANTS: dict[str, Mutant] = {
    "data-folder-without-owner": Mutant.one(
        "versions-layouts", "roles/image/templates/odoo.Dockerfile.j2",
        "install -d -o 8069 -g 8069 -m 0750 /srv/odoo; ", "install -d -o 8069 -g 8069 -m 0750 /var/lib/odoo; ",
    ),
    "declared-volumes-open": Mutant.one(
        "versions-layouts", "plugins/module_utils/_engine/volumes.py",
        "if path.rstrip(\"/\") not in taken]", "if not path]",
    ),
    "image-addons-ignored": Mutant.one(
        "versions-layouts", "plugins/module_utils/_runtime/common/image_facts.py",
        'return tuple(str(one) for one in found["addons"])', "return ()",
    ),
}  # fmt: skip


def bases(run: Bench) -> dict[str, str]:
    """Builds the stand-ins and returns their IDs, by layout."""
    folder = run.place.work / "layouts"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(STAND_IN, folder / "odoo", ignore=shutil.ignore_patterns("__pycache__"))
    for name in OWN:
        (folder / "addons" / name).mkdir(parents=True)
        (folder / "addons" / name / "__init__.py").touch()
        manifest = {"name": name, "version": "1.0", "depends": ["base"], "installable": True}
        (folder / "addons" / name / "__manifest__.py").write_text(repr(manifest))
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.name == "odoo-bin" else 0o644)
    found = {}
    for layout in LAYOUT:
        shutil.copy2(LAYOUTS / f"{layout}.Dockerfile", folder / "Dockerfile")
        base = image_id(f"{IMAGES}/odoo-19")
        said = docker(
            "build", "--quiet", "--tag", f"{run.place.name}/base-{layout}", "--build-arg", f"BASE={base}", str(folder)
        )
        found[layout] = said.strip().splitlines()[-1]
    return found


def played(run: Bench, plays: list[dict[str, t.Any]]) -> tuple[int, str]:
    """Runs plays on this machine with the collection of the tree that is tried. Returns exit code and output."""
    folder = run.place.work / "playbooks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "play.yml").write_text(yaml.safe_dump(plays, sort_keys=False, width=1000))
    inventory = {"all": {"children": {"docker_hosts": {"hosts": {"localhost": {
        "ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }}}}}}  # fmt: skip
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    site = run.site("layouts", 3)  # for its environment
    done = subprocess.run(
        [str(VENV / "bin/ansible-playbook"), "-i", str(folder / "inventory.yml"), str(folder / "play.yml")],
        cwd=run.tree, env=site._environment(None), capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    (run.place.logs / f"{run.part}-play.log").write_text(done.stdout + done.stderr)
    return done.returncode, done.stdout


def build(run: Bench, items: list[dict[str, str]]) -> tuple[int, str, dict[str, str]]:
    """Builds images with the role. Returns exit code, output and the IDs by name."""
    out = run.place.work / "ids.json"
    out.unlink(missing_ok=True)
    role = {"name": "odoo_cloud.platform.image"}
    values = {
        "image_list": items,
        "image_name": run.place.name,
        "image_root": str(run.place.work / "root"),
        "odoo_cloud_name": run.place.name,
        "odoo_cloud_secrets_dir": str(run.place.work / "secrets"),
    }
    tasks: list[dict[str, t.Any]] = [
        {"name": "Build", "ansible.builtin.include_role": role},
        {
            "name": "Keep",
            "ansible.builtin.copy": {"content": "{{ image_ids | to_json }}", "dest": str(out), "mode": "0644"},
        },
    ]
    code, output = played(
        run, [{"name": "Images", "hosts": "localhost", "gather_facts": False, "vars": values, "tasks": tasks}]
    )
    return code, output, json.loads(out.read_text()) if out.exists() else {}


def definition(run: Bench, image: str, name: str, database: str, mode: str) -> dict[str, t.Any]:
    """A container like those of the role odoo, in the terms of the role container."""
    lab = run.single()
    conf = lab.put("layouts/odoo.conf", CONF).parent
    return {
        "name": name, "image": image, "user": "8069:8069", "network_mode": "none", "restart_policy": "no",
        "read_only": True, "init": True, "cap_drop": ["ALL"], "security_opts": ["no-new-privileges"],
        "limits": {"memory": 1 << 30, "cpu_shares": 128},
        "tmpfs": ["/tmp:size=64m"],
        "env": {
            "MODE": mode, "MODULES": ",".join(("base", *OWN)), "ODOO_RC": "/etc/odoo/odoo.conf", "DB_HOST": "/run/postgresql",
            "DB_NAME": database, "DB_USER": "oc", "DB_PASSWORD_FILE": "/run/secrets/db_password", "HOME": "/srv/odoo",
            "ADMIN_PASSWORD_FILE": "/run/secrets/admin_password", "REPLICA": name, "RELEASE": "proof-1",
        },
        "mounts": [
            {"type": "bind", "source": str(conf), "target": "/etc/odoo", "read_only": True},
            {"type": "bind", "source": f"{lab.work}/etc/secrets", "target": "/run/secrets", "read_only": True},
            {"type": "volume", "source": f"{lab.name}-socket", "target": "/run/postgresql"},
            {"type": "volume", "source": f"{name}-data", "target": "/srv/odoo"},
        ],
    }  # fmt: skip


def start(run: Bench, definitions: list[dict[str, t.Any]]) -> None:
    """Starts containers with the role container."""
    values = {
        "container_name": run.place.name,
        "container_root": str(run.place.work / "root"),
        "container_definitions": definitions,
        "container_network": False,
    }
    role = {"name": "odoo_cloud.platform.container"}
    tasks = [{"name": "Start", "ansible.builtin.include_role": role}]
    code, output = played(
        run, [{"name": "Containers", "hosts": "localhost", "gather_facts": False, "vars": values, "tasks": tasks}]
    )
    if code:
        raise Shortfall(f"the containers could not be started: {output[-2000:]}")


def part_versions_layouts(run: Bench) -> collections.abc.Iterator[Line]:
    """An official layout and a checkout become images that install and serve, with their own addons and no volume without a name."""
    lab, made = run.single(), bases(run)
    items = [
        {
            "name": f"odoo-{LAYOUT[layout][0]}-{layout}",
            "kind": "odoo",
            "version": LAYOUT[layout][0],
            "ref": base,
            "python": PYTHON,
        }
        for layout, base in made.items()
    ]
    code, output, ids = build(run, items)
    if code:
        raise Shortfall(f"the images could not be built: {output[-3000:]}")
    troubles = []
    for layout, (version, wanted) in LAYOUT.items():
        image = ids[f"odoo-{version}-{layout}"]
        said = docker(
            "run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/opt/odoo-cloud/image.json", check=False
        )
        found = json.loads(said)["addons"] if said.startswith("{") else said
        if found != wanted:
            troubles.append(f"{layout}: {found} and not {wanted}")
    yield Line(
        "addons of images", sentence(troubles), "its own are found, those in a declared volume too", not troubles
    )

    wrong = {**items[0], "name": "odoo-19-wrong", "python": "3.11"}
    code, output, dummy = build(run, [wrong])
    told = 'this image has Python 3.13; set odoo_python: "3.13"' in output.replace("\\", "")
    yield Line(
        "a wrong Python",
        "is told" if code and told else output[-300:],
        "one line names the right one",
        bool(code) and told,
    )

    databases = {layout: lab.empty(LAYOUT[layout][0]) for layout in LAYOUT}
    names = {layout: f"{run.place.name}-{layout}" for layout in LAYOUT}
    for name in names.values():
        docker("volume", "create", "--label", lab.label, f"{name}-data")
    start(run, [
        definition(run, ids[f"odoo-{LAYOUT[layout][0]}-{layout}"], names[layout], databases[layout].name, "InstallOnly")
        for layout in LAYOUT
    ])  # fmt: skip
    troubles, open_volumes = [], []
    for layout, name in names.items():
        box = Box(lab, name)
        code = box.wait(900)
        lab.keep_log(box)
        installed = (
            [] if code else databases[layout].rows("SELECT name FROM ir_module_module WHERE state = 'installed'")
        )
        lacking = {"base", *OWN} - {row[0] for row in installed}
        if code or lacking:
            troubles.append(f"{layout}: exit {code}, not installed {sorted(lacking)}: {box.last_line()}")
        mounted = json.loads(box.inspect("{{json .Mounts}}"))
        named = {f"{name}-data", f"{lab.name}-socket"}
        open_volumes += [
            f"{layout}: {one['Destination']}" for one in mounted if one["Type"] == "volume" and one["Name"] not in named
        ]
    yield Line(
        "first installation",
        sentence(troubles),
        "each ends with 0 on a new volume, addons of the image installed",
        not troubles,
    )
    yield Line("volumes without a name", sentence(open_volumes), "none", not open_volumes)

    docker("rm", "-f", *names.values())
    start(run, [
        definition(run, ids[f"odoo-{LAYOUT[layout][0]}-{layout}"], names[layout], databases[layout].name, "RunOnly")
        for layout in LAYOUT
    ])  # fmt: skip
    troubles = []
    for layout, name in names.items():
        box = Box(lab, name)
        if not _serves(box, "fake Odoo serves" if layout == "checkout" else "HTTP service (werkzeug) running"):
            troubles.append(f"{layout}: {box.last_line()}")
        lab.keep_log(box)
    yield Line("replicas", sentence(troubles), "each serves", not troubles)


def _serves(box: Box, line: str, seconds: float = 240) -> bool:
    """Whether a container writes a line while it runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and box.running():
        if line in box.logs():
            return True
        time.sleep(0.5)
    return False


PARTS = parts_of(globals())
