# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Log lines of the runtime: one line per message, on stderr, never with a secret."""

from __future__ import annotations

import datetime
import os
import sys


def _line(level: str, message: str) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp = f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d}"
    text = " ".join(str(message).split())
    sys.stderr.write(f"{stamp} {os.getpid()} {level} odoo-cloud: {text}\n")
    sys.stderr.flush()


def info(message: str) -> None:
    """Log a message as one line at level INFO."""
    _line("INFO", message)


def warning(message: str) -> None:
    """Log a message as one line at level WARNING."""
    _line("WARNING", message)


def error(message: str) -> None:
    """Log a message as one line at level ERROR."""
    _line("ERROR", message)
