# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Entrypoint: `python3 -m odoo_cloud_runtime.cli [run | health | state | plan | adopt | static | rehearse | rollback | command ...]`."""

from __future__ import annotations

import sys

# `-m` puts the working directory first on the path, and files there must not shadow our modules.
if (
    __name__ == "__main__"
    and sys.path
    and sys.path[0] != __file__.rsplit("/", 2)[0]
    and not getattr(sys.flags, "safe_path", False)
):
    del sys.path[0]


def main(arguments: list[str]) -> int:
    """Run the command given by `arguments` and return its exit code. Every `RuntimeFailure` is
    logged as one line and becomes its exit code."""
    import os

    env = os.environ
    if arguments[:1] == ["health"]:  # runs every few seconds, so import only what it needs
        from .run.health import check

        good, line = check(env)
        sys.stdout.write(line + "\n")
        return 0 if good else 1

    if arguments[:1] == ["boot"] and "ODOO_CLOUD_ORDER" in env:  # the runtime's own child, which imports Odoo
        from .boot.child import main as boot

        return boot(arguments[1:])

    from .common import log
    from .common.errors import EXIT_CONFIG, EXIT_DATABASE_ERROR, RuntimeFailure, Stopped, UsageError
    from .database.pg import one_line, psycopg2

    if psycopg2 is None:
        log.error("the Python module psycopg2 is missing: install python3-psycopg2 in the image")
        return EXIT_CONFIG

    try:
        if not arguments or arguments[0] == "run":
            from .run import modes

            if arguments[1:]:
                raise UsageError(
                    f"argument {arguments[1]!r}: run takes none; settings come from the environment and odoo.conf"
                )
            return modes.run(env)
        from .run import commands

        printing = {
            "state": commands.print_state,
            "plan": commands.print_plan,
            "adopt": commands.adopt,
            "static": lambda env: commands.export_static(env, arguments[1:]),
        }
        if arguments[0] in printing:
            import json

            found = printing[arguments[0]](env)
            sys.stdout.write(json.dumps(found, indent=2) + "\n")
            return 0
        if arguments[0] == "attachments":
            from .attachments.command import main as attachments

            return attachments(arguments[1:], env)
        if arguments[0] == "rollback":
            return commands.rollback(arguments[1:], env)
        if arguments[0] == "rehearse":
            if arguments[1:]:
                raise UsageError(f"argument {arguments[1]!r}: rehearse takes none; settings come from the environment")
            return commands.rehearse(env)
        if arguments[0].startswith("-"):
            raise UsageError(
                f"argument {arguments[0]!r}: give run, health, state, plan, adopt, static, rehearse, rollback,"
                " or a command like: odoo shell"
            )
        commands.other_command(arguments, env)
    except RuntimeFailure as exc:
        (log.info if isinstance(exc, Stopped) else log.error)(str(exc))
        return exc.exit_code
    except psycopg2.Error as exc:
        log.error(f"PostgreSQL refuses what the runtime needs: {one_line(exc)}")
        return EXIT_DATABASE_ERROR
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
