# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The settings of a PostgreSQL server for Odoo, computed from the memory that it may use."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from .._runtime.common import values
from .connections import ADMINISTRATOR, SUPERUSER

KIB, MIB, GIB = 1024, 1024**2, 1024**3
LEAST_MEMORY = 128 * MIB
MOST_AUTOMATIC_MEMORY = 32 * GIB
FALLBACK_MACHINE_MEMORY = 2 * GIB

_NAME = re.compile(r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$")

# Settings that the role decides elsewhere, or that would bypass its decisions.
RESERVED = {
    "config_file": "the role mounts the configuration",
    "data_directory": "it is on the platform's volume",
    "external_pid_file": "the container has no place for it",
    "hba_file": "the role mounts the configuration",
    "ident_file": "the role mounts the configuration",
    "listen_addresses": "use postgres_listen",
    "logging_collector": "the engine keeps the log",
    "log_destination": "the engine keeps the log",
    "max_connections": "use postgres_max_connections",
    "password_encryption": "only scram-sha-256 is used",
    "port": "use postgres_port",
    "reserved_connections": "the role reserves them for the administrator",
    "superuser_reserved_connections": "the role reserves them",
    "ssl": "use postgres_listen",
    "ssl_cert_file": "use postgres_tls_certificate",
    "ssl_key_file": "use postgres_tls_key",
    "unix_socket_directories": "it is in the platform's folder",
}

# pg_settings.context = 'postmaster' (PostgreSQL 13 to 18): these need a restart.
NEED_RESTART = {
    "archive_mode",
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "autovacuum_multixact_freeze_max_age",
    "autovacuum_worker_slots",
    "bonjour",
    "bonjour_name",
    "cluster_name",
    "commit_timestamp_buffers",
    "data_sync_retry",
    "debug_io_direct",
    "dynamic_shared_memory_type",
    "event_source",
    "hot_standby",
    "huge_page_size",
    "huge_pages",
    "ignore_invalid_pages",
    "io_max_combine_limit",
    "io_max_concurrency",
    "io_method",
    "jit_provider",
    "listen_addresses",
    "max_active_replication_origins",
    "max_connections",
    "max_files_per_process",
    "max_locks_per_transaction",
    "max_logical_replication_workers",
    "max_notify_queue_pages",
    "max_pred_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "min_dynamic_shared_memory",
    "multixact_member_buffers",
    "multixact_offset_buffers",
    "notify_buffers",
    "old_snapshot_threshold",
    "port",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "reserved_connections",
    "serializable_buffers",
    "shared_buffers",
    "shared_memory_type",
    "shared_preload_libraries",
    "subtransaction_buffers",
    "superuser_reserved_connections",
    "trace_connection_negotiation",
    "track_activity_query_size",
    "track_commit_timestamp",
    "transaction_buffers",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
    "wal_buffers",
    "wal_decode_buffer_size",
    "wal_level",
    "wal_log_hints",
}


class SettingsError(ValueError):
    """A setting is not possible: one line with the variable, its value and what would be right."""


def size_bytes(value: t.Any, variable: str) -> int:
    """A size such as `512m`, `1.5g` or a number of bytes, in bytes. `variable`: for the message.

    Raises `SettingsError`.
    """
    found = values.as_size(value)
    if found is None:
        raise SettingsError(f"{variable}={value!r}: give a size such as 512m or 2g")
    return found


def memory_to_plan(memory: t.Any, machine_memory: t.Any) -> int:
    """The memory in bytes that the server may use: the given one, else a quarter of the machine's.

    Raises `SettingsError`.
    """
    if memory not in (None, ""):
        planned = size_bytes(memory, "postgres_memory")
        if planned < LEAST_MEMORY:
            raise SettingsError(f"postgres_memory={memory!r}: give 128m or more")
        return planned
    machine = size_bytes(machine_memory or FALLBACK_MACHINE_MEMORY, "postgres_machine_memory")
    return max(LEAST_MEMORY, min(MOST_AUTOMATIC_MEMORY, machine // 4))


def _clamp(value: int, least: int, most: int) -> int:
    return max(least, min(most, value))


def _kb(value: int) -> str:
    """A size as PostgreSQL writes it, in whole megabytes if possible."""
    return f"{value // MIB}MB" if value >= MIB else f"{value // KIB}kB"


def computed(memory: int, max_connections: int) -> dict[str, t.Any]:
    """The settings that follow from memory in bytes and the number of connections."""
    shared = _clamp(memory * 2 // 5, 64 * MIB, 16 * GIB)
    # Odoo keeps many connections open, few of which are busy at a time: a quarter of them is
    # assumed to sort or hash at once.
    work = _clamp((memory - shared) // max(1, max_connections // 4), 4 * MIB, 64 * MIB)
    wal = _clamp(memory, GIB, 8 * GIB)
    return {
        "max_connections": max_connections,
        "shared_buffers": _kb(shared),
        "effective_cache_size": _kb(max(shared, memory * 3 // 4)),
        "work_mem": _kb(work),
        "maintenance_work_mem": _kb(_clamp(memory // 16, 32 * MIB, GIB)),
        "max_wal_size": _kb(wal),
        "min_wal_size": _kb(wal // 8),
        "wal_buffers": _kb(_clamp(shared // 32, MIB, 16 * MIB)),
        # The log of changes doesn't grow because of a replication slot that nobody reads.
        "max_slot_wal_keep_size": _kb(wal),
        # Only a superuser can change it. Of one session: a sort that is larger ends with an error.
        "temp_file_limit": "2GB",
        "superuser_reserved_connections": SUPERUSER,
    }


def _literal(name: str, value: t.Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    if not isinstance(value, str) or re.search(r"[\x00-\x1f]", text):
        raise SettingsError(f"postgres_settings: {name}={value!r}: give a number, a boolean or one line of text")
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _overrides(overrides: t.Any) -> dict[str, t.Any]:
    if overrides in (None, ""):
        return {}
    if not isinstance(overrides, t.Mapping):
        raise SettingsError(f"postgres_settings={overrides!r}: give a dictionary such as {{work_mem: 8MB}}")
    for name in overrides:
        if not _NAME.match(str(name)):
            raise SettingsError(
                f"postgres_settings: {name!r}: is not the name of a setting; use lowercase letters, digits and '_'"
            )
        if name in RESERVED:
            raise SettingsError(
                f"postgres_settings: {name}={overrides[name]!r}: the role sets it ({RESERVED[name]}); leave it out"
            )
    return {str(name): value for name, value in overrides.items()}


def postgres_settings(
    memory: t.Any = "",
    machine_memory: t.Any = FALLBACK_MACHINE_MEMORY,
    max_connections: t.Any = 200,
    fixed: t.Mapping[str, t.Any] | None = None,
    overrides: t.Any = None,
) -> dict[str, t.Any]:
    """The `text` of `postgresql.conf` and what the container has to know, such as `shm_size`.

    - `memory`, `machine_memory`: sizes, see `memory_to_plan`.
    - `fixed`: settings of the role.
    - `overrides`: settings of the user, which replace computed ones.

    Raises `SettingsError`.
    """
    connections = values.as_whole(max_connections)
    if connections is None or not 10 <= connections <= 10000:
        raise SettingsError(f"postgres_max_connections={max_connections!r}: give a number from 10 to 10000")
    planned = memory_to_plan(memory, machine_memory)
    settings = {**(fixed or {}), **computed(planned, connections), **_overrides(overrides)}
    lines = {name: _literal(name, settings[name]) for name in sorted(settings)}
    restart = {name: text for name, text in lines.items() if name in NEED_RESTART}
    return {
        "text": "".join(f"{name} = {text}\n" for name, text in lines.items()),
        "restart_key": hashlib.sha256(json.dumps(restart, sort_keys=True).encode()).hexdigest()[:12],
        # Parallel queries exchange rows through /dev/shm, which the container must make large
        # enough.
        "shm_size": f"{_clamp(planned // 2, 64 * MIB, 4 * GIB) // MIB}m",
        "memory_bytes": planned,
        # A setting that exists from PostgreSQL 16 on; the container's start knows the version.
        "reserved_connections": ADMINISTRATOR,
    }
