# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The runtime: what the Odoo container does before it becomes Odoo.

Plain Python 3.9 to 3.13 without Ansible and Odoo: psycopg2, yaml for migration files and boto3
for S3, each imported where it is needed. The image contains it as the package
`odoo_cloud_runtime`; modules and tests import it from here. PostgreSQL holds the lock and the
history, so a container that restarts on its own follows the same rules as a playbook run.
"""

from __future__ import annotations
