# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Commands of migrations whose errors nobody would notice, because the program that is started
succeeds nevertheless. Only the text is read, so a warning may be wrong, and none is an error."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh")
PSQL = "psql goes on after an error in {what} and succeeds: add -v ON_ERROR_STOP=1, or use a step sql"
PIPE = (
    "the shell ignores a program left of | that fails: write bash -c 'set -o pipefail; ...', or use a file in between"
)
SEQUENCE = "the shell ignores a command before ; that fails: begin with set -e, or write && instead"
_KEYWORD = re.compile(r"(?:^|[\s;&|])(if|for|while|until|case|function)\s")


def of_command(argv: Sequence[str]) -> tuple[str, ...]:
    """Return one warning for each way in which a command hides errors. `argv`: its words."""
    if os.path.basename(argv[0]) == "psql":
        return _of_psql(argv[1:], "")
    if os.path.basename(argv[0]) not in SHELLS:
        return ()
    options: list[str] = []
    rest = list(argv[1:])
    while rest and rest[0].startswith(("-", "+")):
        option = rest.pop(0)
        options.append(option)
        if option == "-o" and rest:
            options.append(rest.pop(0))
    short = "".join(option[1:] for option in options if not option.startswith("--"))
    if "c" not in short or not rest:
        return ()
    return _of_script(rest[0], "pipefail" in options, "e" in short.replace("pipefail", ""))


def _of_script(script: str, pipefail: bool, stops: bool) -> tuple[str, ...]:
    # What quotes keep is no part of the shell's own syntax, but its words are still words of psql.
    plain = re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.", lambda match: re.sub(r"[|;&<>\n]", "_", match[0]), script)
    plain = re.sub(r"(?m)(^|\s)#.*$", " ", plain)
    found: list[str] = []
    pipefail = pipefail or bool(re.search(r"\bset\s[^;\n]*pipefail", plain))
    stops = stops or bool(re.search(r"\bset\s+-\w*e|\bset\s+-o\s+errexit", plain))
    commands = re.split(r"\|\||&&|[;&\n]", re.sub(r"\d?>&\d?|&>", " ", plain))
    if not pipefail and any("|" in command for command in commands):
        found.append(PIPE)
    several = [command for command in re.split(r"[;\n]", plain) if command.strip()]
    first = [
        command
        for command in several
        if not re.match(r"\s*(set|export|cd|umask|exit|:|true)\b|\s*\w+=\S*\s*$", command)
    ]
    if not stops and len(several) > 1 and first and first[0] is not several[-1] and not _KEYWORD.search(plain):
        found.append(SEQUENCE)
    for command in commands:
        for number, part in enumerate(command.split("|")):
            words = part.split()
            names = [os.path.basename(word) for word in words]
            if "psql" in names:
                given = words[names.index("psql") + 1 :]
                fed = "what it reads from the pipe" if number else "what it reads" if "<" in part else ""
                found += _of_psql(given, fed)
    return tuple(dict.fromkeys(found))


def _of_psql(words: Sequence[str], fed: str) -> tuple[str, ...]:
    if any("ON_ERROR_STOP" in word for word in words):
        return ()
    files = [word for word in words if re.match(r"-\w*f|--file\b", word)]
    commands = [word for word in words if re.match(r"-[^-]*c|--command\b", word)]
    if files:
        return (PSQL.format(what="a file (-f)"),)
    if len(commands) > 1:
        return (PSQL.format(what="all but the last -c"),)
    return (PSQL.format(what=fed),) if fed and not commands else ()
