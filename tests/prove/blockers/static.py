# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static files: an instance writes its own alone, nginx follows no link and gives no key away. Folders that were lost come back."""

from __future__ import annotations

import contextlib
import json
import pathlib
import shutil
import subprocess
import time
import typing as t

from ..frame import Line, Mutant, Shortfall, docker, sentence
from ..platforms import Platform
from .bench import Bench

ICON = "/web/static/img/favicon.ico"
# Of another instance; its folder is made here, as the role makes that of any instance.
OTHER = "other"
SECRET = b"// of another instance"


def up(bench: Bench) -> Platform:
    """The shared platform, which is created when no other part has done it."""
    site = bench.site("main", 0)
    shown = docker("ps", "--format", "{{.Names}}").split()
    if not {f"{site.name}-nginx", f"{site.name}-demo-1"} <= set(shown):
        site.site()
        site.wait_for_login()
    return site


def tried(*arguments: str) -> tuple[int, str]:
    """Exit code and output of a docker command that may fail."""
    done = subprocess.run(
        ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout.strip()


def from_disk(site: Platform, path: str) -> bool:
    status, headers, dummy = site.request(path)
    return status == 200 and headers.get("server-timing") == "disk"


def one_off(site: Platform, script: str, instance: str = "demo") -> None:
    """A shell script under the user and with the mounts of the container that installs and updates the instance."""
    definition = json.loads((site.root / instance / "one-off.json").read_text())
    arguments = ["run", "--rm", "--network", "none", "--read-only", "--user", definition["user"], "--entrypoint", "sh"]
    for mount in definition["mounts"]:
        parts = [f"type={mount['type']}", f"source={mount['source']}", f"target={mount['target']}"]
        arguments += ["--mount", ",".join(parts + (["readonly"] if mount.get("read_only") else []))]
    code, output = tried(*arguments, definition["image"], "-ec", script)
    if code:
        raise Shortfall(f"the one-off that plants links ended with {code}: {output[-300:]}")


@contextlib.contextmanager
def another(site: Platform) -> t.Iterator[None]:
    """Static files of another instance on the same machine."""
    folder = site.root / "static" / OTHER
    source = folder / "current" / "web" / "static"
    source.mkdir(parents=True)
    (source / "other.js").write_bytes(SECRET)
    for one in (folder, *folder.rglob("*")):
        shutil.chown(one, 8069, 8069)
    try:
        yield
    finally:
        shutil.rmtree(folder)


def replicas_write_nothing(site: Platform) -> Line:
    """Everything that a replica's user can write in is tried for a way to what nginx serves."""
    places = [
        f"/srv/static/{folder}"
        for folder in ("", "demo", "demo/current/web/static", OTHER, f"{OTHER}/current/web/static")
    ]
    script = "; ".join(
        f'mkdir -p {place} 2>/dev/null; echo "alert(1)" > {place}/planted.js && echo {place}' for place in places
    )
    with another(site):
        dummy, output = tried(
            "exec", "--user", "8069:8069", f"{site.name}-demo-1", "sh", "-c", f"({script}) 2>/dev/null"
        )
        served = site.request("/web/static/planted.js")[2]
        on_disk = [str(path) for path in (site.root / "static").rglob("planted.js")]
    mounts = json.loads(docker("inspect", "-f", "{{json .Mounts}}", f"{site.name}-demo-1"))
    seen = [one["Destination"] for one in mounts if "static" in one["Source"]]
    for path in on_disk:
        pathlib.Path(path).unlink(missing_ok=True)
    trouble = [f"written: {place}" for place in output.split()] + [f"mounted: {one}" for one in seen]
    trouble += ["the script is served"] if b"alert(1)" in served else []
    return Line("what a replica can write of what nginx serves", sentence(trouble, "nothing"), "nothing", not trouble)


LINKS = "demo/current/web/static/links"


def links_lead_nowhere(site: Platform) -> Line:
    """Links to the key and to another instance's files, in the own folder and in the place of `current`."""
    trouble = []
    with another(site):
        one_off(
            site,
            f"mkdir /srv/static/{LINKS}; cd /srv/static/{LINKS}; ln -s /run/secrets/demo.key key; ln -s /run/secrets keys;"
            f" ln -s /srv/static/{OTHER}/current/web/static/other.js other.js; ln -s /srv/static/{OTHER} other",
        )
        try:
            for name in ("key", "keys/demo.key", "other.js", "other/current/web/static/other.js"):
                status, headers, body = site.request(f"/web/static/links/{name}")
                if b"PRIVATE KEY" in body or SECRET in body or headers.get("server-timing"):
                    trouble.append(f"served ({status}): {name}")
        finally:
            one_off(site, f"rm -rf /srv/static/{LINKS}")
        for name, target in (("current", f"/srv/static/{OTHER}/current"), ("previous", f"/srv/static/{OTHER}/current")):
            one_off(
                site,
                f"cd /srv/static/demo; mkdir .aside; if [ -e {name} ]; then mv {name} .aside/{name}; fi; ln -s {target} {name}",
            )
            try:
                status, headers, body = site.request("/web/static/other.js")
                if SECRET in body or headers.get("server-timing"):
                    trouble.append(f"served ({status}): {name} as a link")
            finally:
                one_off(
                    site,
                    f"cd /srv/static/demo; rm {name}; if [ -e .aside/{name} ]; then mv .aside/{name} {name}; fi; rmdir .aside",
                )
    if not from_disk(site, ICON):
        trouble.append(f"{ICON} does not come from disk afterwards")
    return Line(
        "links that a one-off puts where nginx serves", sentence(trouble, "none followed"), "none followed", not trouble
    )


def workers(site: Platform) -> dict[str, str]:
    """Process and user of nginx's workers."""
    listed = docker("top", f"{site.name}-nginx", "-eo", "pid,uid,args").splitlines()
    return {
        line.split()[0]: line.split()[1]
        for line in listed
        if "nginx: worker process" in line and "shutting" not in line
    }


def keys_are_the_masters(site: Platform) -> Line:
    """The user of the workers opens no key; TLS and a reload work."""
    name, trouble = f"{site.name}-nginx", []
    before = workers(site)
    if not before or set(before.values()) != {"8080"}:
        trouble.append(f"workers: {before}")
    for path in ("/run/secrets/demo.key", "/proc/1/root/run/secrets/demo.key"):
        if tried("exec", "--user", "8080:8080", name, "cat", path)[0] == 0:
            trouble.append(f"uid 8080 reads {path}")
    if site.request("/web/login")[0] != 200:
        trouble.append("no answer over TLS")
    # As the role does it after a change of the configuration.
    for path in (site.root / "nginx" / "config" / "nginx.conf", site.root / "secrets" / "nginx" / "demo.key"):
        if not path.is_file():
            trouble.append(f"{path} is not there")
    (site.root / "nginx" / "config" / "tls" / "touched").touch()
    code, output, dummy = site.playbook("proxy")
    (site.root / "nginx" / "config" / "tls" / "touched").unlink()
    end = time.monotonic() + 10
    while set(workers(site)) & set(before) and time.monotonic() < end:
        time.sleep(0.2)
    if code or set(workers(site)) & set(before) or "reload" not in output:
        trouble.append(f"a reload was not done (exit {code})")
    if site.request("/web/login")[0] != 200 or not from_disk(site, ICON):
        trouble.append("no answer over TLS after a reload")
    return Line("the keys, for the user of nginx's workers", sentence(trouble, "not readable; TLS and reload work"),
                "not readable", not trouble)  # fmt: skip


def static_files(bench: Bench) -> t.Iterator[Line]:
    site = up(bench)
    if not from_disk(site, ICON):
        yield Line("static files", f"{ICON} does not come from nginx's disk", "they do", False)
    yield replicas_write_nothing(site)
    yield links_lead_nowhere(site)
    yield keys_are_the_masters(site)


def lost_folders(bench: Bench) -> t.Iterator[Line]:
    """Folders that running containers have mounted are removed; the next run of `site` has to bring all back."""
    site = up(bench)
    shutil.rmtree(site.root / "static")
    shutil.rmtree(site.root / "demo" / "config")
    changed = site.site().changed
    trouble = []
    try:
        site.wait_for_login()
    except Shortfall as error:
        trouble.append(str(error))
    if not from_disk(site, ICON):
        trouble.append("static files don't come from nginx's disk")
    if tried("exec", f"{site.name}-demo-1", "test", "-s", "/etc/odoo/odoo.conf")[0]:
        trouble.append("the replica has no odoo.conf")
    yield Line("folders of the machine that were removed, after `site`",
               sentence(trouble, f"all of it works again ({changed} changed)"), "all of it works again", not trouble)  # fmt: skip
    again = site.site().changed
    yield Line("the run after that", f"{again} changed", "nothing changed", again == 0)


PARTS = {"static-files": static_files, "lost-folders": lost_folders}
SAMPLE: list[str] = []

CONTAINERS, NGINX = "plugins/module_utils/_services/odoo_containers.py", "roles/nginx/vars/main.yml"
OF_WORKERS = ', owner: "8080", group: "8080"}'
MUTANTS = {
    "static-shared": Mutant(
        ("static-files",),
        ((CONTAINERS, "    if not _diskless(instance, mode):\n",
          '    found.append(_bind(f"{here.root}/static", STATIC_DIR, read_only=False))\n    if not _diskless(instance, mode):\n'),),
    ),
    "static-links": Mutant(
        ("static-files",), (("roles/nginx/templates/nginx.conf.j2", "disable_symlinks on;", "disable_symlinks off;"),)
    ),
    "keys-of-workers": Mutant(
        ("static-files",),
        (
            (NGINX, 'user: "0:0"', 'user: "8080:8080"'),
            (NGINX, '/secrets/nginx", state: directory, mode: "0500"}', '/secrets/nginx", state: directory, mode: "0500"' + OF_WORKERS),
            (NGINX, '/nginx/tmp", state: directory, mode: "0711"}', '/nginx/tmp", state: directory, mode: "0700"' + OF_WORKERS),
            ("roles/nginx/templates/tls_files.json.j2", "'mode': '0400'}", "'mode': '0400', 'owner': '8080', 'group': '8080'}"),
        ),
    ),
    "lost-mounts": Mutant(
        ("lost-folders",),
        (
            ("plugins/module_utils/_machine/containers.py",
             'if not inspected or not process or not inspected.get("HostnamePath"):', "if True:"),
        ),
    ),
}  # fmt: skip
