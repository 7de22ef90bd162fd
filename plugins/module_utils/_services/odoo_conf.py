# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""odoo.conf for each Odoo version, and the sizes of its workers.

Sources: the options in Odoo's `odoo/tools/config.py` of 14.0 to 19.0; the deployment guide of the
documentation (workers = CPU * 2 + 1, heavy and light workers).
"""

from __future__ import annotations

import hashlib
import typing as t

from .._inventory import mail
from .._inventory.container_paths import DATA_DIR
from .._inventory.model import Instance
from .._runtime.common.odoo_facts import GEVENT_PORT, HTTP_PORT, gevent_port_option, server_wide_modules
from .._runtime.common.password import password_hash
from .._runtime.common.values import as_whole

MIB = 1024 * 1024
ADDONS_DIR = "/opt/odoo-cloud/addons"  # the platform's own addons in our images; before others, so that no older copy stands in for them
# Containers see their release of custom code at the same path whichever it is, so odoo.conf does
# not change with it.
CODE_DIR = "/mnt/release"
CODE_ADDONS = f"{CODE_DIR}/addons"
CODE_PYTHON = f"{CODE_DIR}/python"

# Deployment guide: 20 % of the requests are heavy and take 1 GB, the others take 150 MB.
WORKER_MEMORY = int((0.8 * 150 + 0.2 * 1024) * MIB)
LIMIT_MEMORY_SOFT = 2048 * MIB
LIMIT_MEMORY_HARD = 2560 * MIB
# While one worker renders a report, another one has to serve its style sheets to the renderer.
LEAST_WORKERS = 2
DB_MAXCONN = 16  # connections of one process; `connections` computes those of an instance from it

_PASSLIB_ROUNDS = 25000  # passlib's default of pbkdf2_sha512; the passwords here are long random ones


def workers_for(cpus: int, memory_bytes: int, replicas: int) -> int:
    """Number of HTTP workers of one of `replicas` replicas on a machine, half of whose memory is
    Odoo's.
    """
    by_cpu = (cpus * 2 + 1) // max(replicas, 1)
    by_memory = memory_bytes // 2 // max(replicas, 1) // WORKER_MEMORY
    return max(LEAST_WORKERS, min(by_cpu, by_memory))


def workers_of(instance: Instance, machine: t.Mapping[str, t.Any]) -> int:
    """Number of HTTP workers of each replica of an instance: as stated, else computed.

    `machine`: its `cpus` and `memory_bytes`.
    """
    stated = as_whole(instance.conf["workers"]) if "workers" in instance.conf else instance.workers
    if stated is not None:
        return stated
    return workers_for(machine["cpus"], machine["memory_bytes"], max(1, len(instance.replicas)))


def crons_of(instance: Instance) -> int:
    """Number of cron workers of each replica of an instance, as odoo.conf has it."""
    stated = as_whole(instance.conf.get("max_cron_threads"))
    return instance.max_cron_threads if stated is None else stated


def memory_limits(memory_bytes: int, replicas: int) -> tuple[int, int]:
    """Soft and hard memory limit of one worker in bytes: Odoo's defaults, less on a small machine."""
    share = memory_bytes // 2 // max(replicas, 1)
    soft = max(512 * MIB, min(LIMIT_MEMORY_SOFT, share))
    return soft, soft + min(LIMIT_MEMORY_HARD - LIMIT_MEMORY_SOFT, soft // 4)


def master_password_hash(password: str) -> str:
    """The value of `admin_passwd`; the same password gives the same hash, so the file does not
    change.
    """
    salt = hashlib.sha256(b"odoo_cloud.platform:" + password.encode()).digest()[:16]
    return password_hash(password, _PASSLIB_ROUNDS, salt)


def size_of(instance: Instance, machine: t.Mapping[str, t.Any]) -> tuple[int, int]:
    """HTTP workers of a replica, and bytes that a worker can't exceed, as odoo.conf has them."""
    hard = as_whole(instance.conf.get("limit_memory_hard")) or instance.limit_memory_hard
    replicas = max(1, len(instance.replicas))
    return workers_of(instance, machine), hard or memory_limits(machine["memory_bytes"], replicas)[1]


def options(
    instance: Instance, machine: t.Mapping[str, t.Any], db_host: str, db_port: int, db_sslmode: str = ""
) -> dict[str, str]:
    """All options of odoo.conf for one instance on one machine, without plain secrets.

    - `machine`: its `cpus` and `memory_bytes`.
    - `db_host`, `db_port`, `db_sslmode`: the connection to PostgreSQL; no mode leaves libpq's
      default.
    """
    version, number = instance.version, int(instance.version)
    workers, hard = size_of(instance, machine)
    soft = memory_limits(machine["memory_bytes"], max(1, len(instance.replicas)))[0]
    values: dict[str, t.Any] = {
        "data_dir": DATA_DIR,
        "db_host": db_host,
        "db_port": db_port,
        "db_sslmode": db_sslmode or None,
        "db_user": instance.database.owner,
        "db_name": instance.database.name,
        "dbfilter": f"^{instance.database.name}$",
        "list_db": False,
        "admin_passwd": master_password_hash(instance.master_password),
        "http_interface": "0.0.0.0",
        "http_port": HTTP_PORT,
        gevent_port_option(version): GEVENT_PORT,
        "proxy_mode": True,
        "workers": workers,
        "max_cron_threads": instance.max_cron_threads,
        "limit_memory_soft": instance.limit_memory_soft or soft,
        "limit_memory_hard": hard,
        "limit_time_cpu": instance.limit_time_cpu,
        "limit_time_real": instance.limit_time_real,
        "limit_request": 65536,
        "db_maxconn": DB_MAXCONN,
        "server_wide_modules": ",".join(dict.fromkeys([*server_wide_modules(version), *instance.server_wide_modules])),
        "log_level": "info",
        "unaccent": True,
        **mail.conf(instance),
    }
    own_code = [CODE_ADDONS] if instance.code else []
    addons = [
        ADDONS_DIR,
        *own_code,
        *(one.target for one in instance.addons_dirs),
        *instance.addons_path,
    ]
    values["addons_path"] = ",".join(dict.fromkeys(addons))
    if number <= 18:
        # 19.0 creates demo data only on request, and the old option is deprecated.
        values["without_demo"] = "all"
    values.update(instance.conf)
    return {key: str(value) for key, value in values.items() if value is not None}


def render(instance: Instance, machine: t.Mapping[str, t.Any], db_host: str, db_port: int, db_sslmode: str = "") -> str:
    """The text of odoo.conf. Parameters as for `options`."""
    values = options(instance, machine, db_host, db_port, db_sslmode)
    lines = [f"{key} = {value}" for key, value in sorted(values.items())]
    return "\n".join(["; Made by odoo_cloud.platform; changes made here are undone.", "[options]", *lines, ""])
