# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Whether somebody gets in with Odoo's default password, asked before each start of Odoo.

Hashing a password takes 0.2 to 0.5 s with the rounds of Odoo 17 and newer. So what was found good is remembered by a hash of the
stored hashes: as long as they are the same, nothing has to be hashed again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from ..common.password import matches, password_hash

DEFAULT = "admin"  # login and password of the administrator in a new database of Odoo
HOW = "ADMIN_PASSWORD_FILE is not set: it must name the file with the administrator's password"
KEY = "administrator"
TABLE_SQL = "CREATE TABLE IF NOT EXISTS public.odoo_cloud_checked (name varchar PRIMARY KEY, value varchar NOT NULL)"


@dataclass(frozen=True)
class User:
    id: int
    login: str
    password: str  # as it is stored


def suspects(cursor: Any) -> list[User]:
    """Active users who may have the default password: the administrator, and internal users called `admin`."""
    cursor.execute(
        "SELECT id, login, password FROM public.res_users WHERE active AND coalesce(password, '') <> '' AND (id IN"
        " (SELECT res_id FROM public.ir_model_data WHERE module = 'base' AND name = 'user_admin' AND model = 'res.users')"
        " OR login = %s AND share IS NOT TRUE) ORDER BY id",
        (DEFAULT,),
    )
    return [User(*row) for row in cursor.fetchall()]


def digest(users: list[User]) -> str:
    return hashlib.sha256("\0".join(f"{user.id} {user.password}" for user in users).encode()).hexdigest()


def remembered(cursor: Any) -> str:
    cursor.execute("SELECT to_regclass('public.odoo_cloud_checked') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return ""
    cursor.execute("SELECT value FROM public.odoo_cloud_checked WHERE name = %s", (KEY,))
    row = cursor.fetchone()
    return row[0] if row else ""


def remember(cursor: Any, users: list[User]) -> None:
    """These were found to have other passwords than the default one."""
    cursor.execute(TABLE_SQL)
    cursor.execute(
        "INSERT INTO public.odoo_cloud_checked (name, value) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE odoo_cloud_checked.value <> excluded.value",
        (KEY, digest(users)),
    )


def with_default(users: list[User]) -> list[User]:
    """Those of them who have the default password."""
    return [user for user in users if matches(DEFAULT, user.password)]


def set_password(cursor: Any, users: list[User], password: str, rounds: int) -> None:
    for user in users:
        cursor.execute(
            "UPDATE public.res_users SET password = %s WHERE id = %s", (password_hash(password, rounds), user.id)
        )
