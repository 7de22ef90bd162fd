# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Whether a user can log in with Odoo's default password; checked before each start of Odoo.

Checking a password takes 0.2 to 0.5 s with the rounds of Odoo 17 and newer. So after a good result
a hash of the stored hashes is saved: as long as they don't change, nothing has to be computed
again.
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
    """A user of Odoo, with the password as it is stored."""

    id: int
    login: str
    password: str  # as it is stored


def suspects(cursor: Any) -> list[User]:
    """Return the active users that may have the default password: the administrator, and internal
    users called `admin`. `cursor`: on the Odoo database."""
    cursor.execute(
        "SELECT id, login, password FROM public.res_users WHERE active AND coalesce(password, '') <> '' AND (id IN"
        " (SELECT res_id FROM public.ir_model_data WHERE module = 'base' AND name = 'user_admin' AND model = 'res.users')"
        " OR login = %s AND share IS NOT TRUE) ORDER BY id",
        (DEFAULT,),
    )
    return [User(*row) for row in cursor.fetchall()]


def digest(users: list[User]) -> str:
    """Return a hash of the users' IDs and stored passwords."""
    return hashlib.sha256("\0".join(f"{user.id} {user.password}" for user in users).encode()).hexdigest()


def remembered(cursor: Any) -> str:
    """Return the digest that `remember()` saved; empty if there is none."""
    cursor.execute("SELECT to_regclass('public.odoo_cloud_checked') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return ""
    cursor.execute("SELECT value FROM public.odoo_cloud_checked WHERE name = %s", (KEY,))
    row = cursor.fetchone()
    return row[0] if row else ""


def remember(cursor: Any, users: list[User]) -> None:
    """Save the digest of these users: none of them has the default password."""
    cursor.execute(TABLE_SQL)
    cursor.execute(
        "INSERT INTO public.odoo_cloud_checked (name, value) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE odoo_cloud_checked.value <> excluded.value",
        (KEY, digest(users)),
    )


def with_default(users: list[User]) -> list[User]:
    """Return those of `users` that have the default password."""
    return [user for user in users if matches(DEFAULT, user.password)]


def set_password(cursor: Any, users: list[User], password: str, rounds: int) -> None:
    """Store a new password for the users, hashed with `rounds` rounds."""
    for user in users:
        cursor.execute(
            "UPDATE public.res_users SET password = %s WHERE id = %s", (password_hash(password, rounds), user.id)
        )
