# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the house is in order: what may import what, what a run repairs, what the platform costs at rest and per run.

    imports       import-linter holds every contract
    repairs       six kinds of damage by hand; the next run changes exactly that
    rest          processor time of the demo at rest, and of a further replica against one without a health check
    speed         an unchanged run in units of runs of ansible.builtin.ping, taken in the same minute
    conventional  the same containers and files in one play of community.docker and builtin modules, and as a role for each service
    instances     an unchanged run with 1, 4 and 10 instances whose replicas are small containers
    takeover      a demo made by an older commit becomes one of this checkout (--commit)
    tests         what the last `make test` of this checkout said

A platform of the proof's own with the images of `make demo` (Odoo 19). Figures mean something on a quiet machine only.
"""

from __future__ import annotations

import argparse

from ..frame import RUNTIME, Mutant, Proof, Run
from ..platforms import Platform
from . import cost, order, repairs, speed, takeover


class House(Run):
    """On one platform like the demo, which the parts share."""

    _platform: Platform | None = None

    def up(self) -> Platform:
        """The platform at rest."""
        if self._platform is None:
            self._platform = Platform(self.place, "demo", 0, self.tree, odoo_version=self.versions[0])
        self._platform.site()
        self._platform.wait_for_login(60)
        return self._platform


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--commit", default=takeover.BEFORE, help="that made the demo of the part takeover (default %(default)s)"
    )


PARTS = {
    "imports": order.part_imports,
    "repairs": repairs.part_repairs,
    "rest": cost.part_rest,
    "speed": speed.part_speed,
    "conventional": speed.part_conventional,
    "instances": speed.part_instances,
    "takeover": takeover.part_takeover,
    "tests": order.part_tests,
}
MUTANTS = {
    "import-upwards": Mutant.one(
        "imports",
        f"{RUNTIME}/common/errors.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nfrom ..database import lock as dummy\n",
    ),
    "import-of-a-neighbour": Mutant.one(
        "imports",
        "plugins/module_utils/_aws/service.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nfrom .._runs import events as dummy\n",
    ),
}
PROOF = Proof("house", __doc__, House, PARTS, port=9900, mutants=MUTANTS, versions=("19",), options=options)
