# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""What strangers may do at the proxy: where Odoo takes uploads, where passwords are guessed, and
how many connections, requests and uploads fit into memory and disk. No I/O.
"""

from __future__ import annotations

import re
import typing as t

from .._runtime.common import values
from .._runtime.common.odoo_facts import major

KIB, MIB = 1024, 1024 * 1024

# Where Odoo takes large bodies: a pattern, and the first and last version that has the route. From
# the routes of Odoo 14.0 to 19.0 and its enterprise addons; JSON calls carry binary fields.
UPLOADS: tuple[tuple[str, int, int], ...] = (
    ("/web/dataset/call(_kw|_button)?", 14, 19),
    ("/web/binary/upload(_attachment)?", 14, 19),
    ("/base_import/set_file", 14, 19),
    ("/base_import_module/[^/]+", 14, 19),
    ("/mail/attachment/upload", 15, 19),
    ("/mail/(message|chatter)_?/?post", 14, 19),
    ("/mail_(plugin|client_extension)/.+", 14, 19),
    ("/im_livechat/cors/attachment/upload", 17, 19),
    ("/portal/attachment/add", 14, 19),
    ("/my/.+", 14, 19),
    ("/mrp/upload_attachment", 14, 16),
    ("/documents/(upload|attachment|add|.+/upload).*", 14, 19),
    ("/(product|sale_pdf_quote_builder|sale/quotation)[/_]document/upload", 17, 19),
    ("/sign/.+", 14, 19),
    ("/(web|html)_editor/(attachment/add_data|modify_image/.+|save_library_media)", 14, 19),
    ("/web_unsplash/attachment/add", 14, 19),
    ("/web_studio/.+", 14, 19),
    ("/website_form/.+", 14, 14),
    ("/website/form/.+", 14, 19),
    ("/slides/(add_slide|prepare_preview)", 14, 19),
    ("/profile/user/save", 14, 19),
    ("/forum/.+", 14, 19),
    ("/event/.+", 14, 19),
    ("/survey/submit/.+", 14, 19),
    ("/(jsonrpc|xmlrpc/.+|json/.+)", 14, 19),
)
# Where people give passwords, codes or addresses that somebody may guess; each also below it.
DOORS = (
    "/web/login", "/web/signup", "/web/reset_password", "/web/session/authenticate", "/web/session/identity",
    "/auth/passkey", "/auth_oauth", "/auth_totp", "/mail_plugin/auth", "/my/security", "/my/deactivate_account",
)  # fmt: skip
# Where programs log in.
RPC = "/(xmlrpc|jsonrpc|json)"

# Bytes of memory, measured: a connection in the middle of its handshake; a request whose answer is
# large and is read slowly (buffers and compression); each process; zones that all of them share.
STATE = 56 * KIB
REQUEST = 448 * KIB
FILE = 96 * KIB  # a static file in progress; twice as many as requests
WORKER = 12 * MIB
SHARED = 48 * MIB
MOST_WORKERS = 16
LEAST_CONNECTIONS = 512
MOST = 65535  # that nginx can count

# Bytes on disk: the body of a request and what is kept of an answer, anywhere; a middle-sized
# upload.
SMALL_BODY = 2 * MIB
ANSWER = 8 * MIB
MEDIUM_BODY = 32 * MIB


class LimitError(ValueError):
    """The limits are not possible: one line with the variable, its value and what would be right."""


def uploads(version: str, more: t.Iterable[str] = ()) -> str:
    """The regular expression of the paths that take uploads in this version, also behind the prefix
    of a language. `more`: further paths, with everything below them.
    """
    number = major(version)
    patterns = [pattern for pattern, first, last in UPLOADS if first <= number <= last]
    patterns += [f"{re.escape(path.rstrip('/'))}(/.*)?" for path in more]
    # the method of a call may follow its route
    return f"^(/[^/]+)?({'|'.join(patterns)})(/|$)"


def doors() -> str:
    """The regular expression of the paths where people log in."""
    return f"^(/[^/]+)?({'|'.join(DOORS)})(/|$)"


def limits(
    memory: t.Any, cpus: t.Any, space: t.Any, bodies: t.Iterable[str], workers: t.Any = "auto", connections: t.Any = ""
) -> dict[str, int]:
    """How many processes, connections, requests and uploads the proxy takes at the same time.

    - `memory`: of its container; `cpus`: of its machine; `space`: on disk, for what doesn't fit into
      memory.
    - `bodies`: the largest body of each site.
    - `workers`, `connections`: given by an operator instead of computed.

    A worst case of each kind at the same time fits: requests in progress, uploads of three sizes,
    and everything else that is connected. Raises `LimitError`.
    """
    memory_bytes, space_bytes = _size("nginx_memory", memory), _size("nginx_temporary_space", space)
    requests = min(
        MOST // 2, int(memory_bytes * 0.25) // (REQUEST + 2 * FILE), int(space_bytes * 0.625) // (SMALL_BODY + ANSWER)
    )
    left = memory_bytes - SHARED - requests * (REQUEST + 2 * FILE)
    count = _workers(workers, cpus, left)
    each = values.as_whole(connections) if connections not in (None, "") else (left - count * WORKER) // STATE // count
    if each is None or each < LEAST_CONNECTIONS:
        if connections not in (None, ""):
            raise LimitError(
                f"nginx_worker_connections={connections!r}: give a whole number, {LEAST_CONNECTIONS} or more"
            )
        raise LimitError(
            f"nginx_memory={memory!r}: too little for {count} processes; give 128m or more, or a lower nginx_workers"
        )
    largest = max([values.as_size(body) or 0 for body in bodies], default=0)
    large = int(space_bytes * 0.25) // max(largest, MEDIUM_BODY)
    if large < 1 or requests < 1:
        need = -(-max(largest, MEDIUM_BODY) * 4 // MIB)
        raise LimitError(
            f"nginx_temporary_space={space!r}: an upload of {largest // MIB} MB needs {need}m; give that, or a lower odoo_max_upload"
        )
    return {
        "workers": count,
        "connections": each,
        "requests": requests,
        "medium": max(1, int(space_bytes * 0.125) // MEDIUM_BODY),
        "large": large,
        # A websocket takes a connection on each side; half of all stay for others.
        "websockets": max(1, min(count * each // 4, MOST)),
    }


def _workers(workers: t.Any, cpus: t.Any, left: int) -> int:
    """A process for each processor, as long as the bytes that are left have room for each with its
    least connections.
    """
    if str(workers or "auto") == "auto":
        return max(1, min(values.as_whole(cpus) or 1, MOST_WORKERS, left // (WORKER + LEAST_CONNECTIONS * STATE)))
    count = values.as_whole(workers)
    if count is None or count < 1:
        raise LimitError(f"nginx_workers={workers!r}: give auto or a whole number, 1 or more")
    return count


def _size(name: str, value: t.Any) -> int:
    found = values.as_size(value)
    if not found:
        raise LimitError(f"{name}={value!r}: give a size such as 768m or 8g")
    return found
