# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First installations that were broken off and repaired, Odoo's default password, and updates of databases in which code is missing."""

from __future__ import annotations

import base64
import concurrent.futures
import hashlib
import http.client
import json
import pathlib
import shutil
import threading
import time
import typing as t

from ..containers.lab import ALL, Box, Database, Lab
from ..frame import RUNTIME, Line, Mutant, sentence, until
from .bench import Bench

FOLDERS = threading.Lock()

BASE_URL = "https://shop.example.com"
LANGUAGE = "nl_NL"
DEFAULT = "admin"
KILLS, SAMPLE_KILLS = {"19": 8, "14": 12}, 2
REFUSED, INIT_FAILED, CONFIG = 65, 70, 78
SETTLED = {"BASE_URL": BASE_URL, "LANGUAGE": LANGUAGE}


# Addons


def manifest(depends: t.Sequence[str], auto_install: bool | t.Sequence[str] = False, version: str = "1.0") -> str:
    values = {
        "name": "Proof",
        "version": version,
        "license": "GPL-3",
        "depends": list(depends),
        "auto_install": auto_install,
    }
    return repr(values)


def folder(
    lab: Lab, name: str, more: t.Mapping[str, tuple[str, str]] | None = None, without: t.Collection[str] = ()
) -> pathlib.Path:
    """The lab's addons without some of them, and with others: name to (manifest, __init__.py)."""
    place, source = lab.work / "blockers" / name, lab.addons()
    with FOLDERS:
        if place.exists():
            return place
        shutil.copytree(source, place, ignore=lambda dummy, names: {"__pycache__", *without} & set(names))
        for module, (text, code) in (more or {}).items():
            (place / module).mkdir()
            (place / module / "__manifest__.py").write_text(text)
            (place / module / "__init__.py").write_text(code)
        for path in [place, *place.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        return place


# What is looked at


def password_is(stored: str, password: str) -> bool:
    """Whether a stored hash of passlib's (pbkdf2_sha512), or plain text, is that password."""
    if not stored.startswith("$"):
        return stored == password
    dummy, kind, rounds, salt, digest = stored.split("$")
    raw = base64.b64decode(salt.replace(".", "+") + "==")
    found = hashlib.pbkdf2_hmac(kind.split("-")[1], password.encode(), raw, int(rounds))
    return base64.b64encode(found).decode().rstrip("=").replace("+", ".") == digest


def stored_hash(password: str, rounds: int) -> str:
    salt = b"0123456789abcdef"
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    short = [base64.b64encode(item).decode().rstrip("=").replace("+", ".") for item in (salt, found)]
    return f"$pbkdf2-sha512${rounds}${short[0]}${short[1]}"


def given_password(lab: Lab) -> str:
    return (lab.work / "etc" / "secrets" / "admin_password").read_text()


def admin_hash(database: Database) -> str:
    return database.value(
        "SELECT u.password FROM res_users u JOIN ir_model_data d ON d.res_id = u.id AND d.model = 'res.users'"
        " WHERE d.module = 'base' AND d.name = 'user_admin'"
    )


def unsettled(database: Database) -> list[str]:
    """What of a first installation is not as it was asked for."""
    found = []
    if database.state() != "Ready":
        found.append(f"state {database.state() or 'none'}")
    if not database.value("SELECT to_regclass('public.res_users') IS NOT NULL"):
        return [*found, "Odoo's tables are not there"]
    stored = admin_hash(database)
    if password_is(stored, DEFAULT):
        found.append("the password is admin")
    elif not password_is(stored, given_password(database.lab)):
        found.append("the password is not the generated one")
    parameters = dict(database.rows("SELECT key, value FROM ir_config_parameter"))
    wanted = {"web.base.url": BASE_URL, "web.base.url.freeze": "True", "report.url": "http://127.0.0.1:8069"}
    found += [f"{key} is {parameters.get(key)}" for key, value in wanted.items() if parameters.get(key) != value]
    if not database.value("SELECT active FROM res_lang WHERE code = %s", LANGUAGE):
        found.append(f"{LANGUAGE} is not active")
    elif not translated(database):
        found.append(f"{LANGUAGE} has no translations")
    found += half_done(database)
    return found


def translated(database: Database) -> int:
    """How many terms the database has in the language."""
    if database.value("SELECT to_regclass('public.ir_translation') IS NOT NULL"):
        return database.value("SELECT count(*) FROM ir_translation WHERE lang = %s", LANGUAGE)
    return database.value("SELECT count(*) FROM ir_ui_menu WHERE name ->> %s <> name ->> 'en_US'", LANGUAGE)


def half_done(database: Database) -> list[str]:
    return [
        f"{name} is {state}"
        for name, state in database.rows("SELECT name, state FROM ir_module_module WHERE state LIKE 'to %'")
    ]


def log_in(box: Box, password: str, login: str = DEFAULT) -> bool:
    """Whether Odoo lets somebody in."""
    box.get("/web/health" if not box.address else "/web/login")
    parameters = {"db": box.inspect("{{range .Config.Env}}{{println .}}{{end}}").partition("DB_NAME=")[2].split()[0],
                  "login": login, "password": password}  # fmt: skip
    connection = http.client.HTTPConnection(box.address, 8069, timeout=30)
    try:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": parameters})
        connection.request("POST", "/web/session/authenticate", body, {"Content-Type": "application/json"})
        return bool((json.loads(connection.getresponse().read()).get("result") or {}).get("uid"))
    finally:
        connection.close()


def serve(box: Box, seconds: float = 300) -> str:
    """What keeps a container from serving; empty once it serves."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if box.serves():
            return ""
        if not box.running():
            return f"it ended with {box.code()}: {box.last_line()}"
        time.sleep(0.3)
    return f"it does not serve after {seconds:.0f} s: {box.last_line()}"


def logins(box: Box) -> list[str]:
    """What is wrong with who gets in, once the container serves."""
    trouble = serve(box)
    if trouble:
        return [trouble]
    found = ["admin/admin is let in"] if log_in(box, DEFAULT) else []
    return found + ([] if log_in(box, given_password(box.lab)) else ["the generated password is refused"])


def run(lab: Lab, database: Database, mode: str, expect: int = 0, **keywords: t.Any) -> tuple[str, list[str]]:
    """One container to its end: its log, and what is wrong with its exit code. One that serves is ended."""
    box = lab.box(database, mode, **keywords)
    trouble = "it serves"
    if mode != "RunOnly" or serve(box):
        code = box.wait(300)
        trouble = "" if code == expect else f"it ended with {code}"
    text = box.logs()
    lab.keep_log(box)
    box.remove()
    said = next((line.split("ERROR odoo-cloud: ")[1] for line in text.splitlines() if "ERROR odoo-cloud: " in line), "")
    return text, [f"{mode}: {trouble}: {said[:200]}"] if trouble else []


# The bars


def of_each(bench: Bench, bar: t.Callable[[Lab, str], Line]) -> t.Iterator[Line]:
    """The bar with each version, side by side."""
    lab = bench.single()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield from pool.map(lambda version: bar(lab, version), bench.versions)


def repaired(bench: Bench) -> t.Iterator[Line]:
    """odoo_modules with one that can't be imported; it is mended, and the run that follows finishes the installation."""
    yield from of_each(bench, repaired_of)


def repaired_of(lab: Lab, version: str) -> Line:
    bad = folder(lab, "bad", {"oc_bad": (manifest(["web"]), "raise ImportError('it is bad')\n")})
    good = folder(lab, "good", {"oc_bad": (manifest(["web"]), "")})
    with lab.trial(lab.empty(version)) as database:
        modules = {"MODULES": "base,web,oc_bad", **SETTLED}
        text, wrong = run(lab, database, "InstallOnly", INIT_FAILED, addons=bad, **modules)
        if "it is bad" not in text:
            wrong.append("the reason was not told")
        wrong += run(lab, database, "RunOnly", 75, addons=good, TIMEOUT="0.02", **modules)[1]
        text, more = run(lab, database, "ForceReadyState", REFUSED, addons=good, **modules)
        wrong += more + (
            [] if "MODE=InstallOnly finishes it" in text else ["the forced opening does not say what helps"]
        )
        # What the play of before started as soon as `base` was installed.
        wrong += run(lab, database, "UpdateOnly", addons=good, **modules)[1] + unsettled(database)
        wrong += logins(lab.box(database, "RunOnly", addons=good, **modules))
    return Line(
        f"repaired installation (Odoo {version})", sentence(wrong, "password, address and language are those asked for"),
        "as if nothing had gone wrong", not wrong,
    )  # fmt: skip


def kills(bench: Bench) -> t.Iterator[Line]:
    """SIGKILL at random moments of a first installation, each time gone on with by whoever comes next."""
    lab = bench.single()
    for version in bench.versions:
        yield kills_of(lab, version, bench, SAMPLE_KILLS if bench.sample else KILLS[version])


def kills_of(lab: Lab, version: str, bench: Bench, number: int) -> Line:
    values: dict[str, t.Any] = {"addons": lab.addons(), "MODULES": "base,oc_a", **SETTLED}
    wrong: list[str] = []
    whole = 10.0
    if not bench.sample:
        with lab.trial(lab.empty(version)) as database:
            began = time.monotonic()
            wrong += run(lab, database, "InstallOnly", **values)[1]
            whole = (time.monotonic() - began) * 1.4  # two of them at a time
            wrong += [f"not killed: {one}" for one in unsettled(database)]
    amid: list[str] = []  # the states in which somebody was killed

    def choose(database: Database) -> str:
        """Who comes next; where nothing says that the database is to be installed, only an installation does that."""
        return bench.random.choice(("InstallOnly", "RunOnly", "UpdateOnly")) if database.state() else "InstallOnly"

    def share(kills_left: int) -> list[str]:
        found: list[str] = []
        while kills_left > 0:
            with lab.trial(lab.empty(version)) as database:
                story = []
                for dummy in range(
                    min(3, kills_left)
                ):  # a replica begins an interrupted installation five times at most
                    mode, moment = choose(database), bench.random.uniform(0.3, whole * 0.7)
                    box = lab.box(database, mode, **values)
                    time.sleep(moment)
                    if database.state() == "Ready":
                        break
                    box.kill()
                    kills_left -= 1
                    amid.append(database.state() or "nothing")
                    story.append(f"{mode} killed after {moment:.1f} s in {amid[-1]}")
                    if database.state() == "Ready":  # it was faster
                        break
                mode = "RunOnly" if database.state() == "Ready" else choose(database)
                story.append(mode)
                if mode == "RunOnly":
                    troubles = logins(lab.box(database, mode, **values))
                else:
                    troubles = run(lab, database, mode, **values)[1]
                troubles += unsettled(database)
                found += [f"{', '.join(story)}: {text}" for text in troubles]
        return found

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for found in pool.map(share, (number - number // 2, number // 2)):
            wrong += found
    return Line(
        f"{len(amid)} kills of first installations (Odoo {version})",
        sentence(wrong, f"{amid.count('Creating')} of them amid Creating; each was finished, never admin/admin, never a default address"),
        f"none is left with Odoo's defaults; {number} kills", not wrong and len(amid) >= number,
    )  # fmt: skip


def default_password(bench: Bench) -> t.Iterator[Line]:
    """A database whose administrator has Odoo's default password is not served; a password that is given is set."""
    yield from of_each(bench, default_password_of)


def default_password_of(lab: Lab, version: str) -> Line:
    wrong: list[str] = []
    rounds = 600_000 if version == "19" else 25_000
    values = {"MODULES": "base"}
    with lab.trial(lab.installed(version, ALL)) as database:

        def open_it(stored: str, login: str = DEFAULT) -> None:
            database.rows("UPDATE res_users SET password = %s, login = %s WHERE id = 2", stored, login)

        def refused(what: str) -> list[str]:
            text, found = run(lab, database, "RunOnly", REFUSED, ADMIN_PASSWORD_FILE="", **values)
            found += [] if "give ADMIN_PASSWORD_FILE" in text else ["it does not say what to give"]
            return [f"{what}: {one}" for one in found]

        open_it(stored_hash(DEFAULT, rounds))
        wrong += refused("hashed")
        open_it(DEFAULT, "boss")
        database.rows("DROP TABLE curq_state_history")
        wrong += refused("plain text, another login, adopted")
        open_it(stored_hash(DEFAULT, rounds))
        box = lab.box(database, "RunOnly", **values)
        wrong += logins(box)
        if "had Odoo's default password" not in box.logs():
            wrong.append("the log does not tell that the password was set")
        box.remove()
        figures = []
        database.rows("DROP TABLE IF EXISTS odoo_cloud_checked")
        for dummy in range(2):  # the first start hashes, the next one remembers
            box = lab.box(database, "RunOnly", ADMIN_PASSWORD_FILE="", **values)
            until(
                lambda box=box: "odoo-cloud: starting Odoo" in box.logs() or not box.running(), 60, "it does not start"
            )
            lines = box.logs().splitlines()
            begun = next((line for line in lines if "odoo-cloud: RunOnly" in line), "")
            told = next((line for line in lines if "odoo-cloud: starting Odoo" in line), "")
            figures.append(seconds_between(begun, told) if told else 999.0)
            box.remove()
    return Line(
        f"default password (Odoo {version})",
        sentence(wrong, f"not served, or set; from the runtime to Odoo it takes {figures[0]:.2f} s once, then {figures[1]:.2f} s"),
        "nobody gets in with it", not wrong,
    )  # fmt: skip


def seconds_between(first: str, second: str) -> float:
    def clock(line: str) -> float:
        hours, minutes, seconds = line.split()[1].replace(",", ".").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)

    return (clock(second) - clock(first)) % 86400


def check(
    lab: Lab, database: Database, what: str, mode: str, names: t.Collection[str], expect: int = 0, **keywords: t.Any
) -> list[str]:
    """A run in which code is missing: how it ended, whether it told what is missing, and what it left half done."""
    if mode.endswith("AndRun") or mode == "RunOnly":
        box = lab.box(database, mode, **keywords)
        trouble = serve(box)
        text, wrong = box.logs(), [trouble] if trouble else []
        lab.keep_log(box)
        box.remove()
    else:
        text, wrong = run(lab, database, mode, expect, **keywords)
    told = [
        line for line in text.splitlines() if " odoo-cloud: " in line and (" WARNING " in line or " ERROR " in line)
    ]
    wrong += [f"{name} is not told" for name in names if not any(f"'{name}'" in line for line in told)]
    if database.state() not in ("Ready", "Force Ready"):
        wrong.append(f"state {database.state()}")
    if mode != "RunOnly":
        wrong += half_done(database)
    return [f"{what}: {one}" for one in wrong]


def auto_install(bench: Bench) -> t.Iterator[Line]:
    """`auto_install` modules that need one that is in no folder, which Odoo itself marks."""
    yield from of_each(bench, auto_install_of)


def auto_install_of(lab: Lab, version: str) -> Line:
    more = {
        "oc_auto": (manifest(["base", "oc_absent"], True), ""),
        "oc_auto_list": (manifest(["base", "oc_nowhere"], ["base"]), ""),
        "oc_auto_next": (manifest(["oc_auto"], True), ""),
        "oc_auto_late": (manifest(["oc_d", "oc_later"], ["oc_d"]), ""),
        "oc_auto_good": (manifest(["oc_a"], True), ""),
    }
    lost = ("oc_auto", "oc_auto_list", "oc_auto_next")
    values = {"addons": folder(lab, "auto", more), "MODULES": "base,oc_a"}
    with lab.trial(lab.empty(version)) as database:

        def mark() -> None:
            """As runs of before, and Odoo itself, left it."""
            database.rows("UPDATE ir_module_module SET state = 'to install' WHERE name = ANY(%s)", list(lost))

        wrong = check(lab, database, "first installation", "InstallOnly", ("oc_absent", "oc_nowhere"), **values)
        good = database.value("SELECT state FROM ir_module_module WHERE name = 'oc_auto_good'")
        wrong += [] if good == "installed" else [f"oc_auto_good is {good}"]
        mark()
        database.rows("DROP TABLE curq_state_history")
        wrong += check(lab, database, "without history", "RunOnly", ("oc_absent",), TIMEOUT="0.2", **values)
        wrong += check(lab, database, "update", "UpdateOnly", ("oc_absent",), **values)
        mark()
        database.rows("INSERT INTO curq_state_history (state, run_id, host) VALUES ('Failed', 'x', 'y')")
        wrong += check(lab, database, "force", "ForceUpdateOnly", ("oc_absent",), **values)
        mark()
        late = {**values, "MODULES": "base,oc_a,oc_d"}  # which pulls in one that needs what is not there
        wrong += check(lab, database, "installation", "InstallOnly", ("oc_absent", "oc_later"), **late)
        mark()
        wrong += check(lab, database, "all", "UpdateOnly", ("oc_absent",), UPDATE="all", **late)
        asked = {**values, "MODULES": "base,oc_a,oc_d,oc_auto"}
        wrong += check(lab, database, "asked for", "InstallOnly", ("oc_absent",), CONFIG, **asked)
    return Line(
        f"auto_install without what it needs (Odoo {version})",
        sentence(wrong, "installed, updated, forced, adopted; what is missing is told, only what was asked for fails"),
        "never fails a run that did not ask for it", not wrong,
    )  # fmt: skip


MIGRATION = """
migration:
  versions:
    - version: {version}.0.1.0.0
      addons:
        upgrade: [oc_d]
"""


def gone(bench: Bench) -> t.Iterator[Line]:
    """The code of an installed module is gone, and another one needs it."""
    yield from of_each(bench, gone_of)


def gone_of(lab: Lab, version: str) -> Line:
    without = folder(lab, f"gone-{version}", {"oc_new": (manifest(["oc_a"]), "")}, without=("oc_b",))
    values = {"addons": without, "MODULES": "base,oc_a,oc_d"}
    file = lab.put(f"etc/migration-{version}.yml", MIGRATION.format(version=version))
    migration = {
        "MIGRATION_FILE": "/etc/migration.yml",
        "mounts": [f"type=bind,source={file},target=/etc/migration.yml,readonly"],
    }
    names = ("oc_b", "oc_c")
    with lab.trial(lab.installed(version, ALL)) as database:
        wrong = check(lab, database, "all", "UpdateOnly", names, UPDATE="all", **values)
        wrong += check(lab, database, "named, which both need", "UpdateOnly", names, UPDATE="oc_a", **values)
        (without / "oc_d" / "more.py").write_text("# changed\n")
        wrong += check(lab, database, "changed", "UpdateOnly", names, **values)
        database.rows("INSERT INTO curq_state_history (state, run_id, host) VALUES ('Failed', 'x', 'y')")
        wrong += check(lab, database, "force", "ForceUpdateOnly", names, UPDATE="oc_d", **values)
        wrong += check(lab, database, "update and run", "UpdateAndRun", names, UPDATE="all", **values)
        # As a run of before left them
        database.rows("UPDATE ir_module_module SET state = 'to upgrade' WHERE name IN ('oc_b', 'oc_c')")
        wrong += check(
            lab, database, "installation", "InstallOnly", names, **{**values, "MODULES": "base,oc_a,oc_d,oc_new"}
        )
        wrong += check(lab, database, "migration", "UpdateOnly", names, UPDATE="none", **migration, **values)
        wrong += check(lab, database, "nothing to do", "UpdateOnly", names, **values)
        for asked in names:
            wrong += check(lab, database, f"asked for {asked}", "UpdateOnly", ("oc_b",), CONFIG, UPDATE=asked, **values)
        states = dict(database.rows("SELECT name, state FROM ir_module_module WHERE name LIKE 'oc_%%'"))
        wrong += [f"{name} is {states.get(name)}" for name in (*ALL, "oc_new") if states.get(name) != "installed"]
    return Line(
        f"code of an installed module is gone (Odoo {version})",
        sentence(wrong, "every way to update does what it was asked for and tells what is missing"),
        "only what was asked for fails", not wrong,
    )  # fmt: skip


PARTS = {
    "installation-repaired": repaired,
    "installation-kills": kills,
    "installation-password": default_password,
    "updates-auto-install": auto_install,
    "updates-gone": gone,
}
MUTANTS = {
    "installation-resumed": Mutant(
        ("installation-repaired",),
        ((f"{RUNTIME}/database/state.py", "if latest is not None and history.first_installation:", "if False:"),),
    ),
    "installation-served": Mutant(
        ("installation-password",),
        ((f"{RUNTIME}/run/before_start.py", "    found = administrator.with_default(users)\n", "    found: list[Any] = []\n"),),
    ),
    "updates-strict": Mutant(
        ("updates-auto-install", "updates-gone"),
        (
            (f"{RUNTIME}/addons/update_plan.py", "return {name: items for name, items in found.items() if items}", "return {}"),
            (f"{RUNTIME}/run/module_changes.py", "items() if name not in asked", "items() if not name"),
            (f"{RUNTIME}/boot/child.py", "        patch_broken_modules(self)\n", ""),
        ),
    ),
}  # fmt: skip
SAMPLE = ["installation-kills"]
