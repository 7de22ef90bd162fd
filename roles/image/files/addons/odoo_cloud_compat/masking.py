# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Removes tokens from text for logs. Plain Python."""

import re

_SECRET = re.compile(
    r"(?i)([?&;](?:access_token|api_?key|auth|code|csrf_token|id_token|key|pass(?:word|wd)?|refresh_token|secret|"
    r"session_id|sig(?:nature)?|state|token|x-amz-(?:credential|security-token|signature))=)[^&;\s\"'#]+"
)
_BASIC = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^/\s:@\"']*:)[^@/\s\"']+@")


def mask(text):
    """Return the text with tokens and passwords in URLs replaced."""
    if "=" in text:
        text = _SECRET.sub(r"\1***", text)
    if "://" in text and "@" in text:
        text = _BASIC.sub(r"\1***@", text)
    return text
