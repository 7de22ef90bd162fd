"""Write pip's effective configuration as one file: a tool that runs pip with another home and without the user's environment
then reaches the same package sources, whatever they are.

    python tools/pip_config.py FILE
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path


def effective() -> dict[str, str]:
    """Return the settings of ``pip config list``: the environment wins over files, as in pip."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    settings: dict[str, str] = {}
    for prefix in ("global", "install", ":env:"):
        for match in re.finditer(r"^(\S+?)\.([\w-]+)='(.*)'$", listed, re.MULTILINE):
            if match[1] == prefix:
                settings[match[2]] = match[3].replace("\\n", " ")
    return settings


def main() -> None:
    settings = effective()
    parser = configparser.RawConfigParser()
    parser["global"] = settings
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        parser.write(stream)


if __name__ == "__main__":
    main()
