# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Untidy databases and projects with a real PostgreSQL: refused before the lock, with nothing closed. The whole table of them, with
real Odoo, is in tests/prove/real."""

from __future__ import annotations

import json

import pytest
from test_modes import Place, write_addons

CONFIG, MIGRATION = 78, 80
FILE = """
migration:
  versions:
    - version: 1.0.0
      operations:
        pre:
{steps}
      addons:
        upgrade: [{modules}]
"""


@pytest.fixture
def ready(database, settings, tmp_path):
    """A database with shop and till, and newer code of both."""
    made = Place(database, settings, tmp_path)
    made.run("InstallOnly")
    write_addons(made.addons, "1.1")
    return made


def line(output):
    """The one line of the error."""
    (found,) = [text for text in output.splitlines() if " ERROR odoo-cloud: " in text]
    return found


def refused(place, words, code=CONFIG, **extra):
    """Plan and run say the same, and the run leaves no row."""
    before = place.sql("SELECT id, state FROM curq_state_history ORDER BY id")
    plan = json.loads(place.run("UpdateOnly", "plan", **extra))
    assert plan["refused"] and not plan["changed"]
    text = line(place.run("UpdateOnly", expect=code, **extra))
    shown = json.dumps(plan).replace('\\"', '"')
    for word in words:
        assert word in shown, plan
        assert word in text
    assert place.sql("SELECT id, state FROM curq_state_history ORDER BY id") == before


def migration(place, steps, modules="shop"):
    place.path.joinpath("migration.yml").write_text(
        FILE.format(steps="".join(f"          - {step}\n" for step in steps), modules=modules)
    )
    return {"MIGRATION_FILE": place.path / "migration.yml"}


def test_tables_of_another_role(ready, server):
    server.execute("CREATE TABLE public.ir_model (model varchar)", database=ready.address["DB_NAME"])
    server.execute("INSERT INTO public.ir_model VALUES ('shop.thing')", database=ready.address["DB_NAME"])
    server.execute("CREATE TABLE public.shop_thing (id int)", database=ready.address["DB_NAME"])
    server.execute("CREATE TABLE public.report_of_others (id int)", database=ready.address["DB_NAME"])
    server.execute(
        f'GRANT SELECT ON public.ir_model TO "{ready.address["DB_USER"]}"', database=ready.address["DB_NAME"]
    )
    refused(
        ready,
        [
            "Odoo's tables shop_thing belong to 'postgres'",
            f'REASSIGN OWNED BY "postgres" TO "{ready.address["DB_USER"]}"',
        ],
    )
    server.execute(
        f'ALTER TABLE public.shop_thing OWNER TO "{ready.address["DB_USER"]}"', database=ready.address["DB_NAME"]
    )
    ready.run("UpdateOnly")


def test_packages_and_files_that_are_missing(ready):
    manifest = ready.addons / "till" / "__manifest__.py"
    text = manifest.read_text()
    manifest.write_text(text.replace("}", ", 'external_dependencies': {'python': ['nix_da']}}"))
    refused(ready, ["Odoo would fail to update module 'till': Python package nix_da"])
    refused(ready, ["nix_da"], UPDATE="shop")
    manifest.write_text(text.replace("}", ", 'data': ['nix.xml']}"))
    refused(ready, ["nix.xml"])
    manifest.write_text(text)
    ready.run("UpdateOnly")


def test_everything_at_once(ready):
    (ready.addons / "till" / "__manifest__.py").write_text("{'version': '1.2', 'depends': ['shop', 'absent']}")
    given = migration(ready, ["anthem songs.nix::main"], "shop, nix")
    refused(ready, ["'absent'", "songs", "'nix'", "no mode 'smaple'"], MIGRATION_MODE="smaple", **given)


def test_a_step_that_names_what_cannot_be_loaded(ready):
    (ready.addons / "till" / "__manifest__.py").write_text("{'version': '1.0', 'depends': ['shop', 'absent']}")
    refused(
        ready,
        ["a step names 'till': module 'till' needs 'absent'"],
        UPDATE="none",
        **migration(ready, ["sql: SELECT 1"], "till"),
    )
    refused(ready, ["a step uninstalls 'till'"], UPDATE="none", **migration(ready, ["uninstall: [till]"]))


def test_extensions_that_are_there(ready, server):
    server.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm", database=ready.address["DB_NAME"])
    given = migration(
        ready, ["sql: CREATE EXTENSION pg_trgm", "'psql -v ON_ERROR_STOP=1 -c \"CREATE EXTENSION pg_trgm\"'"]
    )
    ready.run("UpdateOnly", **given)
    assert ready.sql("SELECT number FROM marabunta_version") == [("1.0.0",)]


def test_a_failed_command_and_the_warnings_of_a_plan(ready):
    given = migration(ready, ["psql -f nix.sql", "sh -c 'echo the reason >&2; exit 3'"])
    plan = json.loads(ready.run("UpdateOnly", "plan", MARABUNTA_MODE="x", **given))
    assert "ON_ERROR_STOP" in json.dumps(plan["migration"]["warnings"])
    assert "give MIGRATION_MODE" in plan["warnings"][0]
    assert not plan["refused"]
    given = migration(ready, ["sh -c 'echo the reason >&2; exit 3'"])
    assert "failed: sh ended with code 3: the reason" in line(ready.run("UpdateOnly", expect=81, **given))


def test_a_statement_timeout_of_the_database(ready, server):
    name = ready.address["DB_NAME"]
    server.execute(f'ALTER DATABASE "{name}" SET statement_timeout = 1')
    ready.run("UpdateOnly")
