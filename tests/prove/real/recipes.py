# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Untidy databases and projects, as companies have them. Each is a small recipe: what is odd about the addons, the database or the
project, and what every way to update makes of it.

The database has the test addons oc_a, oc_b (which needs oc_a), oc_c (which needs oc_b) and oc_d, and nothing to be done; the
project's release changes oc_d and brings oc_new (which needs oc_a). `untidy` runs the ways.
"""

from __future__ import annotations

import dataclasses
import typing as t

# Ways to update. MIGRATION_FILE is set in all of them, as an inventory has it; only modes that update read it.
CHANGED, ALL, NAMED, MIGRATION, STEPS, INSTALL, FORCE, SERVE = (
    "changed", "all", "named", "migration", "steps", "install", "force", "serve",
)  # fmt: skip
WAYS: dict[str, dict[str, str]] = {
    CHANGED: {"MODE": "UpdateOnly"},
    ALL: {"MODE": "UpdateOnly", "UPDATE": "all"},
    NAMED: {"MODE": "UpdateOnly", "UPDATE": "oc_a"},
    MIGRATION: {"MODE": "UpdateOnly", "UPDATE": "none"},
    STEPS: {"MODE": "UpdateOnly", "UPDATE": "none", "MIGRATION_FILE": "", "STEPS": '[{"install": ["oc_new"]}]'},
    INSTALL: {"MODE": "InstallOnly", "MODULES": "base,oc_a,oc_d,oc_new"},
    FORCE: {"MODE": "ForceUpdateOnly", "REASON": "proof"},
    SERVE: {"MODE": "UpdateAndRun"},
}  # fmt: skip
EVERY = tuple(WAYS)
READ_FILE = tuple(way for way in EVERY if way not in (STEPS, INSTALL))  # those that read MIGRATION_FILE
TAKES_D = (CHANGED, FORCE, SERVE)  # those that update oc_d because its content changed

Told = t.Union[str, dict[str, str]]


def told(ways: t.Iterable[str], words: str) -> dict[str, str]:
    """The same words in these ways."""
    return dict.fromkeys(ways, words)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One untidy database or project.

    `files`: below the release's folder (`addons/...`, `songs/...`), text, None: taken away; a value `-> name` is a symlink.
    `sql`: by the superuser. `migration`: the file's versions; by default one that updates oc_d. `env`: of every way. `told`: by
    version (or "*") and way, what the one line must have in it when the way is refused; every other way must succeed. `result`:
    statement and what it gives after a way
    that succeeded (only in `result_ways`). `warned`: what the plan or the log says in ways that succeed.
    """

    name: str
    files: t.Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    sql: t.Sequence[str] = ()
    migration: str = ""
    env: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    told: t.Mapping[str, t.Mapping[str, str]] = dataclasses.field(default_factory=dict)
    result: tuple[str, t.Any] | None = None
    result_ways: t.Sequence[str] = EVERY
    warned: t.Mapping[str, str] = dataclasses.field(default_factory=dict)  # by version or "*"
    warned_ways: t.Sequence[str] = EVERY
    versions: t.Sequence[str] = ("19", "14")
    ways: t.Sequence[str] = EVERY
    longest: int = 1600  # characters of the one line

    def expected(self, version: str, way: str) -> str:
        """What the line has in it if the way is refused; empty if it succeeds."""
        for key in (version, "*"):
            if way in self.told.get(key, {}):
                return self.told[key][way]
        return ""


def manifest(depends: t.Any = ("base",), **values: t.Any) -> str:
    return repr(
        {"name": "Proof", "version": "1.0", "license": "GPL-3", "author": "proof", "depends": list(depends), **values}
    )


def stray(name: str, text: str) -> dict[str, str | None]:
    """An addon that no database uses."""
    return {f"addons/{name}/__manifest__.py": text, f"addons/{name}/__init__.py": ""}


def of(name: str, **values: t.Any) -> dict[str, str | None]:
    """Another manifest of a test addon, with its data."""
    depends = {"oc_b": ("oc_a",), "oc_c": ("oc_b",)}.get(name, ("base",))
    own = {"data": ["ir.model.access.csv", "data.xml"], "depends": list(depends), "post_init_hook": "count_install"}
    return {
        f"addons/{name}/__manifest__.py": repr({"name": name, "version": "1.0", "license": "GPL-3", **own, **values})
    }


def gone(*names: str) -> dict[str, str | None]:
    return {f"addons/{name}": None for name in names}


def version(text: str, number: str = "SERIES.1.0.0") -> str:
    return f"  - version: {number}\n{text}"


PRE, POST = "    operations:\n      pre:\n", "    operations:\n      post:\n"
UPGRADE_D = "    addons: {upgrade: [oc_d]}\n"
MIGRATION_OF_D = version(UPGRADE_D)
ROWS = "INSERT INTO ir_module_module (name, state, latest_version) VALUES "
TABLES_OF_ANOTHER = (
    "DO $$ DECLARE n text; BEGIN FOR n IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'oc\\_%'"
    " LOOP EXECUTE format('ALTER TABLE public.%I OWNER TO postgres', n); END LOOP; END $$"
)
NONE_LEFT = ("SELECT count(*) FROM ir_module_module WHERE state LIKE 'to %%'", 0)
SONG = "def main(ctx):\n    ctx.env['ir.config_parameter'].set_param('proof.song', '1')\n"
SUNG = ("SELECT value FROM ir_config_parameter WHERE key = 'proof.song'", "1")
TRIGRAMS = ("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'", 1)
WITH_TRGM = ("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public",)
MARABUNTA = (
    "CREATE TABLE marabunta_version (number varchar NOT NULL CONSTRAINT version_pk PRIMARY KEY, date_start timestamp NOT NULL,"
    " date_done timestamp, log text, addons text)",
    "ALTER TABLE marabunta_version OWNER TO oc",
)
UNKNOWN_121 = ", ".join(f"acme_module_{number}" for number in range(121))

ADDONS = [
    # Addons that no database uses
    Recipe("stray-dash", stray("my-addon", manifest()), told={"19": told(EVERY, "letters, digits and '_'")}),
    Recipe("stray-digit", stray("2fa_login", manifest())),
    Recipe("stray-version", stray("oc_stray", manifest(version="1.x")), told={"19": told(EVERY, "version '1.x' in its manifest")}),
    Recipe("stray-version-short", stray("oc_stray", manifest(version="1")), told={"19": told(EVERY, "version '1' in its manifest")}),
    Recipe("stray-series", stray("oc_stray", manifest(version="16.0.1.0.0"))),
    Recipe("stray-syntax", stray("oc_stray", "{'name': 'Proof',, }")),
    Recipe("stray-list", stray("oc_stray", "['name', 'Proof']"), told={"19": told(EVERY, "must be one dictionary")}),
    Recipe("stray-auto-install", stray("oc_stray", manifest(auto_install=["sale"])), told={"19": told(EVERY, "'auto_install'")}),
    Recipe("stray-loop", {**stray("oc_x", manifest(["oc_y"])), **stray("oc_y", manifest(["oc_x"]))}),
    Recipe("stray-openerp", {"addons/oc_old/__openerp__.py": manifest(), "addons/oc_old/__init__.py": ""}),
    Recipe("stray-files", {"addons/README.md": "text", "addons/setup/oc_d/setup.py": "", "addons/oc_link": "-> nowhere"}),
    Recipe("stray-auto-absent", stray("oc_auto", manifest(["oc_new", "oc_absent"], auto_install=["oc_new"])),
           warned={"*": "oc_absent"}, warned_ways=(STEPS, INSTALL)),
    Recipe("stray-auto-package", stray("oc_auto", manifest(["oc_new"], auto_install=True, external_dependencies={"python": ["nix_da"]})),
           warned={"*": "nix_da"}, warned_ways=(STEPS, INSTALL)),
    Recipe("stray-auto-file", stray("oc_auto", manifest(["oc_new"], auto_install=True, data=["nix.xml"])),
           warned={"*": "nix.xml"}, warned_ways=(STEPS, INSTALL)),
    # Addons that are installed
    Recipe("installed-gone", gone("oc_c"), warned={"*": "oc_c"}),
    Recipe("installed-gone-needed", gone("oc_b"), migration=MIGRATION_OF_D, warned={"*": "oc_b"}),
    Recipe("installed-openerp", {"addons/oc_c/__manifest__.py": None, "addons/oc_c/__openerp__.py": manifest(["oc_b"])},
           warned={"19": "oc_c"}),
    Recipe("installed-not-installable", of("oc_c", installable=False), warned={"*": "oc_c"}),
    Recipe("installed-syntax", {"addons/oc_c/__manifest__.py": "{'name': 'x',, }"}, warned={"19": "oc_c"},
           told={"19": told(TAKES_D, "is not a manifest"), "14": told(EVERY, "is not a manifest")}),
    Recipe("installed-version", of("oc_d", version="1.x"), told={"19": told(EVERY, "version '1.x' in its manifest")}),
    Recipe("installed-series", of("oc_d", version="18.0.1.0.0"), migration=MIGRATION_OF_D, warned={"19": "oc_d"},
           told={"19": told(READ_FILE, "version '18.0.1.0.0' in its manifest")}),
    Recipe("installed-auto-install", of("oc_d", auto_install=["sale"]), told={"*": told(EVERY, "'auto_install'")}),
    Recipe("installed-depends-text", of("oc_d", depends="base"), warned={"*": "oc_d"},
           told={"*": told(READ_FILE, "'depends' in its manifest is not a list"), "14": told(EVERY, "'depends'")}),
    Recipe("installed-loop", of("oc_a", depends=["oc_b"]), warned={"*": "oc_a"},
           told={"*": told((*TAKES_D, NAMED, STEPS, INSTALL), "needs itself")}),
    Recipe("installed-package", of("oc_d", external_dependencies={"python": ["nix_da"]}), migration=MIGRATION_OF_D,
           told={"*": told(READ_FILE, "Python package nix_da")}),
    Recipe("installed-package-version", of("oc_d", external_dependencies={"python": ["psycopg2>=99"]}),
           told={"*": told(READ_FILE, "psycopg2>=99")}),
    Recipe("installed-package-marker", of("oc_d", external_dependencies={"python": ["nix_da; python_version < '3'"]}),
           told={"*": told(READ_FILE, "python_version")}),  # neither image has what Odoo needs to read the condition
    Recipe("installed-program", of("oc_a", external_dependencies={"bin": ["nix-da"]}),
           told={"*": told((*TAKES_D, ALL, NAMED), "program nix-da")}),
    Recipe("installed-file", of("oc_d", data=["ir.model.access.csv", "data.xml", "views/nix.xml"]), migration=MIGRATION_OF_D,
           told={"*": told(READ_FILE, "views/nix.xml")}),
    Recipe("installed-new-dependency", of("oc_d", depends=["oc_new"]),
           result=("SELECT state FROM ir_module_module WHERE name = 'oc_new'", "installed"), result_ways=READ_FILE),
    Recipe("installed-new-dependency-absent", of("oc_d", depends=["oc_absent"]), warned={"*": "oc_absent"},
           told={"*": told(READ_FILE, "oc_absent")}),
    Recipe("installed-new-dependency-package",
           {**of("oc_d", depends=["oc_needy"]), **stray("oc_needy", manifest(external_dependencies={"python": ["nix_da"]}))},
           told={"*": told(READ_FILE, "Python package nix_da")}),
    # Addons that are to be installed
    Recipe("wanted-absent", env={"MODULES": "base,oc_nwe,oc_also"}, ways=(INSTALL,),
           told={"*": {INSTALL: "oc_nwe, oc_also is in none of the addons folders"}}),
    Recipe("wanted-package", {"addons/oc_new/__manifest__.py": manifest(["oc_a"], external_dependencies={"python": ["nix_da"]})},
           told={"*": told((STEPS, INSTALL), "Python package nix_da")}),
    Recipe("wanted-needs-package", {"addons/oc_new/__manifest__.py": manifest(["oc_needy"]),
                                    **stray("oc_needy", manifest(external_dependencies={"python": ["nix_da"]}))},
           told={"*": told((STEPS, INSTALL), "Python package nix_da")}),
    Recipe("wanted-gone", {"addons/oc_new/__manifest__.py": manifest(["oc_absent"])},
           told={"*": told((STEPS, INSTALL), "oc_absent")}),
    Recipe("wanted-named-with-digit", stray("2fa_login", manifest()), migration=version("    addons: {upgrade: [2fa_login]}\n"),
           result=("SELECT state FROM ir_module_module WHERE name = '2fa_login'", "installed"), result_ways=READ_FILE),
    Recipe("wanted-named-with-dash", stray("my-addon", manifest()), migration=version("    addons: {upgrade: [my-addon]}\n"),
           result=("SELECT state FROM ir_module_module WHERE name = 'my-addon'", "installed"), result_ways=READ_FILE,
           told={"19": told(EVERY, "letters, digits and '_'")}),
    Recipe("several-unknown", env={"UPDATE": "oc_aa,oc_xx"}, ways=(NAMED,),
           told={"*": {NAMED: "modules 'oc_aa', 'oc_xx' are not installed"}}),
]  # fmt: skip

DATABASES = [
    Recipe("database-no-history", sql=("DROP TABLE curq_state_history",)),
    Recipe("database-old-history", sql=(
        "DROP TABLE curq_state_history", "CREATE TABLE curq_state_history (id serial PRIMARY KEY, state varchar(255),"
        " write_date timestamptz DEFAULT now())", "ALTER TABLE curq_state_history OWNER TO oc",
        "INSERT INTO curq_state_history (state) VALUES ('Ready')")),
    Recipe("database-nothing-recorded", sql=("DROP TABLE odoo_cloud_module",)),
    Recipe("database-to-upgrade-gone", gone("oc_c"), ("UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'oc_c'",),
           warned={"*": "oc_c"}),
    Recipe("database-to-install-absent", sql=(ROWS + "('acme_nix', 'to install', NULL)",), warned={"*": "acme_nix"}),
    Recipe("database-to-upgrade", sql=("UPDATE ir_module_module SET state = 'to upgrade' WHERE name = 'oc_b'",)),
    Recipe("database-to-remove", sql=("UPDATE ir_module_module SET state = 'to remove' WHERE name = 'oc_c'",)),
    Recipe("database-foreign-rows", sql=(ROWS + ", ".join(f"('{name}', 'uninstalled', NULL)" for name in UNKNOWN_121.split(", ")),)),
    Recipe("database-enterprise", sql=(
        ROWS + ", ".join(f"('acme_ent_{n}', 'installed', '19.0.1.0')" for n in range(30)),), warned={"*": "acme_ent_7"}),
    Recipe("database-studio", sql=(ROWS + "('studio_customization', 'installed', '1.0')",)),
    Recipe("database-no-version", sql=("UPDATE ir_module_module SET latest_version = NULL WHERE name = 'oc_c'",)),
    Recipe("database-odd-version", sql=("UPDATE ir_module_module SET latest_version = 'nightly build' WHERE name = 'oc_c'",)),
    Recipe("database-newer-version", sql=("UPDATE ir_module_module SET latest_version = '99.0.1' WHERE name = 'oc_c'",)),
    Recipe("database-odd-names", sql=(ROWS + "('../../etc', 'installed', '1.0'), ('acme kr\u00e4mer', 'installed', '1.0')",)),
    Recipe("database-no-state", sql=(ROWS + "('acme_null', NULL, NULL)",)),
    Recipe("database-stale-dependency", sql=(
        "INSERT INTO ir_module_module_dependency (module_id, name) SELECT id, 'acme_nix' FROM ir_module_module WHERE name = 'oc_b'",)),
    Recipe("database-table-of-uninstalled", sql=(
        "UPDATE ir_module_module SET state = 'uninstalled', latest_version = NULL WHERE name = 'oc_c'",), env={}),
    Recipe("database-foreign-owner", sql=(TABLES_OF_ANOTHER,), told={"*": told(EVERY, 'REASSIGN OWNED BY "postgres" TO "oc"')}),
    Recipe("database-foreign-owner-one", sql=("ALTER TABLE oc_d_thing OWNER TO postgres",), told={"*": told(EVERY, "oc_d_thing")}),
    Recipe("database-closed-schema", sql=("ALTER SCHEMA public OWNER TO postgres", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"),
           told={"*": told(EVERY, "GRANT CREATE, USAGE ON SCHEMA public")}),
    Recipe("database-read-only", sql=("ALTER ROLE oc IN DATABASE {database} SET default_transaction_read_only = on",),
           told={"*": told(EVERY, "read-only")}),
    Recipe("database-statement-timeout", sql=("ALTER ROLE oc IN DATABASE {database} SET statement_timeout = '40ms'",)),
    Recipe("database-idle-timeout", sql=("ALTER ROLE oc IN DATABASE {database} SET idle_in_transaction_session_timeout = '300ms'",)),
    Recipe("database-lock-timeout", sql=("ALTER ROLE oc IN DATABASE {database} SET lock_timeout = '1ms'",)),
    Recipe("database-search-path", sql=('ALTER DATABASE {database} SET search_path = "$user", public',)),
    Recipe("database-other-schema", sql=("CREATE SCHEMA bi", "CREATE TABLE bi.res_partner (id int)", "ALTER SCHEMA bi OWNER TO oc")),
    Recipe("database-reports", sql=(
        "CREATE ROLE bi_{database}", "CREATE VIEW public.bi_things AS SELECT * FROM oc_d_thing",
        "ALTER VIEW public.bi_things OWNER TO bi_{database}")),
    Recipe("database-trigger", sql=(
        "CREATE FUNCTION public.proof_log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER proof_log BEFORE UPDATE ON res_partner FOR EACH ROW EXECUTE FUNCTION public.proof_log()")),
    Recipe("database-no-trigrams", sql=("DROP EXTENSION IF EXISTS pg_trgm CASCADE",)),
    Recipe("database-extension-elsewhere", sql=("CREATE SCHEMA ext", "CREATE EXTENSION IF NOT EXISTS unaccent SCHEMA ext")),
    Recipe("database-bad-checksums", sql=(
        "INSERT INTO ir_config_parameter (key, value) VALUES ('module_auto_update.installed_checksums', '{{not json')",)),
    Recipe("database-lost-records", sql=(
        "INSERT INTO ir_model_data (module, name, model, res_id, noupdate) VALUES ('oc_d', 'nix', 'oc.d.thing', 99999, false)",
        "INSERT INTO ir_model_data (module, name, model, res_id, noupdate) VALUES ('acme_nix', 'x', 'acme.nix', 1, true)")),
    Recipe("database-lost-model", sql=("INSERT INTO ir_model (model, name{order}) VALUES ('acme.nix', {label})",)),
    Recipe("database-series", sql=("UPDATE ir_module_module SET latest_version = '13.0.1.3' WHERE name = 'base'",),
           told={"*": told(EVERY, "it belongs to Odoo 13")}),
    Recipe("database-marabunta-unfinished", sql=(*MARABUNTA, "INSERT INTO marabunta_version VALUES ('SERIES.1.0.0', now(), NULL)"),
           migration=MIGRATION_OF_D, told={"*": told(READ_FILE, "begun")}),
    Recipe("database-marabunta-done", sql=(*MARABUNTA, "INSERT INTO marabunta_version VALUES ('SERIES.1.0.0', now(), now())"),
           migration=MIGRATION_OF_D),
    Recipe("database-marabunta-odd-row", sql=(*MARABUNTA, "INSERT INTO marabunta_version VALUES ('latest', now(), now())"),
           migration=MIGRATION_OF_D, told={"*": told(READ_FILE, "'latest'")}),
    Recipe("database-marabunta-newer", sql=(*MARABUNTA, "INSERT INTO marabunta_version VALUES ('SERIES.1.9.0', now(), now())"),
           migration=MIGRATION_OF_D, told={"*": told(READ_FILE, "is below")}),
]  # fmt: skip

PROJECTS = [
    Recipe("song-digit", {"songs/upgrade/10_0_4/crm.py": SONG},
           migration=version(POST + "        - anthem songs.upgrade.10_0_4.crm::main\n"),
           result=SUNG, result_ways=READ_FILE),
    Recipe("song-dash", {"songs/14-0-0-0-1.py": SONG}, migration=version(POST + "        - anthem songs.14-0-0-0-1::main\n"),
           result=SUNG, result_ways=READ_FILE),
    Recipe("song-missing", {"songs/14-0-0-0-1.py": SONG}, migration=version(POST + "        - anthem songs.14-0-0-0-2::main\n"),
           told={"*": told(READ_FILE, "did you mean '14-0-0-0-1'")}),
    Recipe("song-argument", {"songs/one.py": SONG}, migration=version(POST + "        - {song: 'songs.one::main', kwargs: {x: 1}}\n"),
           told={"*": told(READ_FILE, "takes no argument x")}),
    Recipe("song-syntax", {"songs/one.py": "def main(ctx)\n"}, migration=version(POST + "        - anthem songs.one::main\n"),
           told={"*": told(READ_FILE, "is not Python")}),
    Recipe("extension-sql", sql=WITH_TRGM, migration=version(PRE + "        - sql: CREATE EXTENSION pg_trgm\n"), result=TRIGRAMS),
    Recipe("extension-psql", sql=WITH_TRGM, migration=version(PRE + '        - psql -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_trgm"\n'),
           result=TRIGRAMS),
    Recipe("extension-shell", sql=WITH_TRGM,
           migration=version(PRE + "        - sh -c 'psql -c \"create extension \\\"pg_trgm\\\"\"'\n"), result=TRIGRAMS),
    Recipe("extension-song", {"songs/one.py": "def main(ctx):\n    ctx.env.cr.execute('CREATE EXTENSION pg_trgm')\n"}, sql=WITH_TRGM,
           migration=version(PRE + "        - anthem songs.one::main\n"), result=TRIGRAMS),
    Recipe("psql-file", {"data/x.sql": "SELECT 1;\n"}, migration=version(PRE + "        - psql -f /mnt/recipe/data/x.sql\n"),
           warned={"*": "ON_ERROR_STOP"}, warned_ways=READ_FILE),
    Recipe("pipe", migration=version(PRE + "        - sh -c 'nix-da | cat'\n"), warned={"*": "left of |"}, warned_ways=READ_FILE),
    Recipe("modules-121-unknown", migration=version(f"    addons:\n      upgrade: [{UNKNOWN_121}]\n"),
           told={"*": told(READ_FILE, "121 of 121")}, longest=500),
    Recipe("module-gone", gone("oc_b"), migration=version("    addons: {upgrade: [oc_c]}\n"), warned={"*": "oc_b"},
           told={"*": told(READ_FILE, "'oc_b'")}),
    Recipe("step-install-gone", {"addons/oc_new/__manifest__.py": manifest(["oc_absent"])},
           migration=version(POST + "        - install: [oc_new]\n"), told={"*": told((*READ_FILE, STEPS, INSTALL), "oc_absent")}),
    Recipe("step-uninstall-absent", migration=version(POST + "        - uninstall: [acme_nix]\n")),
    Recipe("step-uninstall-gone", gone("oc_c"), migration=version(POST + "        - uninstall: [oc_c]\n"),
           told={"*": told(READ_FILE, "a step uninstalls 'oc_c'")}, warned={"*": "oc_c"}),
    Recipe("all-at-once", gone("oc_b"), env={"MIGRATION_MODE": "smaple"}, migration=version(
        "    addons: {upgrade: [oc_c, oc_ddd]}\n    modes: {sample: {addons: {upgrade: [oc_d]}}}\n" + POST
        + "        - anthem songs.nix::main\n")
        + version(UPGRADE_D, "SERIES.1.1.0"),
        told={"*": told(READ_FILE, "'oc_b' & 'oc_ddd' & songs & 'smaple' & 2 versions")}),
    Recipe("two-versions", migration=MIGRATION_OF_D + version(UPGRADE_D, "SERIES.1.1.0"), told={"*": told(READ_FILE, "2 versions")}),
    Recipe("csv-missing",
           migration=version(POST + "        - load_csv: data/res.partner.csv\n"), told={"*": told(READ_FILE, "there is no file")}),
    Recipe("file-tab", migration="\t- version: setup\n", told={"*": told(READ_FILE, "is not YAML")}),
    Recipe("file-keys",
           migration=version("    adons: {upgrade: [oc_d]}\n    backup: yes\n"), told={"*": told(READ_FILE, "'adons' & backup")}),
    Recipe("file-marabunta", migration=version(UPGRADE_D) , result=(
        "SELECT count(*) FROM marabunta_version WHERE date_done IS NOT NULL", 1), result_ways=READ_FILE),
    Recipe("variable-foreign", env={"MARABUNTA_MODE": "sample"}, warned={"*": "MIGRATION_MODE"}),
    Recipe("variable-misspelt", env={"MIGRATION_FIEL": "/x"}, warned={"*": "did you mean MIGRATION_FILE"}),
    Recipe("variable-several", env={"MIGRATION_ALLOW_SERIE": "perhaps", "UPDATE": "a b;c"},
           told={"*": told(EVERY, "MIGRATION_ALLOW_SERIE & UPDATE")}),
]  # fmt: skip

RECIPES = [*ADDONS, *DATABASES, *PROJECTS]
