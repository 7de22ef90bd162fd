# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import logging

import odoo.modules.db
import odoo.modules.graph
import odoo.modules.migration
from odoo.modules.module import manifests
from odoo.release import series
from odoo.tools import config

_logger = logging.getLogger(__name__)

TABLES = """
CREATE TABLE ir_module_module (id serial PRIMARY KEY, name varchar UNIQUE, state varchar, latest_version varchar,
    auto_install boolean DEFAULT false);
CREATE TABLE ir_module_module_dependency (id serial PRIMARY KEY, module_id int, name varchar,
    auto_install_required boolean DEFAULT true);
CREATE TABLE ir_model_data (module varchar, name varchar, model varchar, res_id int);
CREATE TABLE res_partner (id serial PRIMARY KEY, lang varchar, tz varchar);
CREATE TABLE res_users (id serial PRIMARY KEY, login varchar, password varchar, partner_id int, active boolean DEFAULT true,
    share boolean DEFAULT false);
CREATE TABLE res_lang (code varchar, active boolean);
CREATE TABLE ir_config_parameter (id serial, key varchar UNIQUE, value text, create_uid int, write_uid int,
    create_date timestamp, write_date timestamp);
INSERT INTO res_partner (lang) VALUES ('en_US');
INSERT INTO res_users (login, password, partner_id) VALUES ('admin', 'admin', 1);
INSERT INTO ir_model_data VALUES ('base', 'user_admin', 'res.users', 1);
INSERT INTO res_lang VALUES ('en_US', true), ('nl_NL', false);
"""


class Env:
    def __init__(self, cr):
        self.cr = cr


def update_list(cr):
    for name, data in manifests().items():
        cr.execute(
            "INSERT INTO ir_module_module (name, state) VALUES (%s, 'uninstalled') ON CONFLICT DO NOTHING RETURNING id",
            (name,),
        )
        row = cr.fetchone()
        for depends in data.get("depends", []) if row else ():
            cr.execute("INSERT INTO ir_module_module_dependency (module_id, name) VALUES (%s, %s)", (row[0], depends))


def load_module_graph(cr, graph, registry):
    from odoo.addons.base.models.ir_module import Module

    migrations = odoo.modules.migration.MigrationManager(cr, graph)
    processed = []
    for package in graph:
        if package.name in registry._init_modules:
            continue
        registry._init_modules.add(package.name)
        if package.state not in ("to install", "to upgrade"):
            continue
        migrations.migrate_module(package, "pre")
        cr.execute(f"CREATE TABLE IF NOT EXISTS model_{package.name} (id serial)")
        migrations.migrate_module(package, "post")
        cr.commit()  # before the state is written, as Odoo 14 to 18 do it
        Module(Env(cr), package.id).write(
            {"state": "installed", "latest_version": f"{series}.{package.data['version']}"}
        )
        package.load_state, package.load_version = package.state, package.installed_version
        package.state = "installed"
        processed.append(package.name)
    return processed


def load_modules(database, force_demo=False, status=None, update_module=False):
    from odoo.modules.registry import Registry
    from odoo.sql_db import Cursor

    registry = Registry.registries[database]
    cr = Cursor(database)
    try:
        cr.execute("SELECT to_regclass('ir_module_module') IS NOT NULL")
        if not cr.fetchone()[0]:
            if not update_module:
                return
            odoo.modules.db.initialize(cr)
        if update_module:
            from odoo.addons.base.models.ir_module import Module

            Module(Env(cr), None).update_list()
            wanted = list(config["init"])
            while wanted:
                name = wanted.pop()
                cr.execute(
                    "UPDATE ir_module_module SET state = 'to install' WHERE name = %s AND state = 'uninstalled'",
                    (name,),
                )
                wanted += [item for item in manifests().get(name, {}).get("depends", []) if item != "base"]
            cr.execute(
                "WITH RECURSIVE t(name) AS (SELECT unnest(%s::varchar[]) UNION SELECT m.name FROM t JOIN"
                " ir_module_module_dependency d ON d.name = t.name JOIN ir_module_module m ON m.id = d.module_id)"
                " UPDATE ir_module_module SET state = 'to upgrade' WHERE state = 'installed' AND name IN (SELECT name FROM t)",
                (list(config["update"]),),
            )
        if config.get("load_language"):
            cr.execute("UPDATE res_lang SET active = true WHERE code = %s", (config.pop("load_language"),))
        graph = odoo.modules.graph.Graph()
        states = ["installed", "to upgrade"] + (["to install"] if update_module else [])
        cr.execute("SELECT name FROM ir_module_module WHERE state = ANY(%s)", (states,))
        known = manifests()
        names, loadable = [row[0] for row in cr.fetchall()], set()
        while True:
            more = {
                name
                for name in names
                if name not in loadable and name in known and set(known[name].get("depends", [])) <= loadable
            }
            if not more:
                break
            loadable |= more
        for name in sorted(loadable):
            graph[name] = odoo.modules.graph.Package(name, known[name])
        graph.update_from_db(cr)
        load_module_graph(cr, graph, registry)
        for states, text in (
            (
                ["to install", "to upgrade"],
                "Some modules have inconsistent states, some dependencies may be missing: %s",
            ),
            (["installed"], "Some modules are not loaded, some dependencies or manifest may be missing: %s"),
        ):
            cr.execute("SELECT name FROM ir_module_module WHERE state = ANY(%s) ORDER BY name", (states,))
            lost = [name for (name,) in cr.fetchall() if states != ["installed"] or name not in graph]
            if lost and update_module:
                logging.getLogger("odoo.modules.loading").error(text, lost)
        migrations = odoo.modules.migration.MigrationManager(cr, graph)
        for package in graph:
            migrations.migrate_module(package, "end")
        config["init"], config["update"] = {}, {}
        cr.commit()
    finally:
        cr.close()


def reset_modules_state(database):
    from odoo.sql_db import Cursor

    cr = Cursor(database)
    cr.execute("UPDATE ir_module_module SET state = 'installed' WHERE state IN ('to remove', 'to upgrade')")
    cr.execute("UPDATE ir_module_module SET state = 'uninstalled' WHERE state = 'to install'")
    cr.commit()
    cr.close()
