# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Paths in Odoo's containers: mounted folders, and the files that containers are given."""

from __future__ import annotations

from .._runtime.common import odoo_facts

DATA_DIR = odoo_facts.DATA_DIR  # a volume, or memory when replicas are stateless
CONFIG_DIR = "/etc/odoo"  # odoo.conf
SECRETS_DIR = "/run/secrets"  # the instance's secrets, one file each
KEEPER_SECRETS_DIR = "/run/secrets-admin"  # the password of the role that copies and renames its database
INSTALL_SECRETS_DIR = "/run/secrets-install"  # what only a first installation needs
EVENTS_DIR = "/run/odoo-cloud"  # the events of runs
RESTORE_DIR = "/var/lib/odoo-restore"  # dumps before an update
REPORT_DIR = "/run/report"  # the socket of the instance's report service
STATIC_DIR = "/srv/static"  # static files, a folder for each instance
HOOKS_DIR = "/opt/odoo-cloud/hooks"
PROJECT_DIR = "/opt/odoo-cloud/project"  # songs, data and the migration file
ADDONS_DIR = "/mnt/addons"  # folders of the machine with addons, numbered
