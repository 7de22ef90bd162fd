"""Write pip's own effective configuration as one file, and name the local paths it points to.

A stage that runs with another home or in a container then reaches the same package sources as the user's pip,
whatever they are.

    python tools/pip_config.py FILE     writes FILE (mode 0600), prints one existing local path a line
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


def local_paths(settings: dict[str, str]) -> list[str]:
    """Return the absolute paths named in the settings that exist here."""
    words = " ".join(settings.values()).split()
    paths = [word.removeprefix("file://") for word in words]
    return sorted({os.path.abspath(path) for path in paths if path.startswith("/") and os.path.exists(path)})


def main() -> None:
    settings = effective()
    parser = configparser.RawConfigParser()
    parser["global"] = settings
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        parser.write(stream)
    print("\n".join(local_paths(settings)))


if __name__ == "__main__":
    main()
