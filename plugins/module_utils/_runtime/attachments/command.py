# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The command `odoo-cloud attachments`: moves attachments or audits them, and prints the result as
JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

from ..common import startup
from ..common.odoo_facts import DATA_DIR
from .audit import audit
from .mover import move
from .options import parse_options
from .session import Session


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run the command with these arguments in the environment of the instance. Returns the exit
    code, 90 if attachments are missing, corrupt or could not be moved."""
    options = parse_options(arguments)
    startup.end_on_signals()
    startup.become_odoo(env.get("DATA_DIR") or DATA_DIR)
    with Session(env, options) as session:
        result, code = move(session) if options.action == "move" else audit(session)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return code
