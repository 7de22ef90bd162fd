"""Write pip's effective configuration as one file: a tool that runs pip with another home and without the user's environment
then reaches the same package sources, whatever they are.

    python tools/pip_config.py FILE

With --uv instead of a file: print what the tool uv needs of it, its one index and its certificates, as lines for a shell.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
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


def for_uv(settings: dict[str, str]) -> list[str]:
    """The settings that uv has by other names, as exports for a shell."""
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    return [f"export {name}={shlex.quote(settings[key])}" for key, name in names.items() if settings.get(key)]


def main() -> None:
    settings = effective()
    if sys.argv[1:] == ["--uv"]:
        print("\n".join(for_uv(settings)))
        return
    parser = configparser.RawConfigParser()
    parser["global"] = settings
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        parser.write(stream)


if __name__ == "__main__":
    main()
