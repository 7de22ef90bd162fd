# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The ACL file of a Redis or Valkey server: one user for each instance, limited to its key prefix."""

from __future__ import annotations

import hashlib
import re
import typing as t

from .._inventory.naming import RESERVED_REDIS_USERS

LEAST_PASSWORD = 16

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
_PREFIX = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,98}$")

# Everything that works on keys, without what reaches beyond a user's own keys: the commands that
# show or touch other instances' keys (KEYS, SCAN, RANDOMKEY, FLUSHALL, tracking of changes), other
# clients. Scripts and functions are closed as well: one without an end keeps the whole server busy,
# and neither Odoo nor the session addon has any.
INSTANCE_RULES = (
    "+@all -@admin -@dangerous -@scripting -scan -randomkey -dbsize -pubsub "
    "-client +client|id +client|getname +client|setname +client|setinfo +info"
)


class AclError(ValueError):
    """A user is not possible: one line with the variable, its value and what would be right."""


def _hashed(password: t.Any, name: str, variable: str) -> str:
    if not isinstance(password, str) or len(password) < LEAST_PASSWORD:
        raise AclError(f"{variable}: the password of {name!r} is too short; give {LEAST_PASSWORD} characters or more")
    return "#" + hashlib.sha256(password.encode("utf-8")).hexdigest()


def patterns(prefix: str) -> tuple[str, ...]:
    """The key patterns of a prefix.

    The prefix ends with a colon, so that `a-odoo-labs` does not include `a-odoo-labs-next`.
    Existing session addons put `session:` in front of it.
    """
    plain = prefix.rstrip(":")
    return tuple(f"{before}{plain}:*" for before in ("", "session:", "session::"))


def instance_line(user: t.Mapping[str, t.Any]) -> str:
    """The line of one instance's user. Raises `AclError`."""
    name, prefix = str(user.get("name", "")), str(user.get("prefix", ""))
    if not _NAME.match(name) or name in RESERVED_REDIS_USERS:
        raise AclError(
            f"redis_users: name={name!r}: use letters, digits, '.', '_' and '-' (63 at most; not {', '.join(RESERVED_REDIS_USERS)})"
        )
    if not _PREFIX.match(prefix) or not prefix.rstrip(":"):
        raise AclError(f"redis_users: prefix={prefix!r} of {name!r}: use letters, digits, '.', '_', '-' and ':'")
    own = patterns(prefix)
    keys = " ".join([f"~{one}" for one in own] + [f"&{one}" for one in own])
    return f"user {name} on {_hashed(user.get('password'), name, 'redis_users')} resetkeys resetchannels {keys} {INSTANCE_RULES}"


def redis_acl(users: t.Sequence[t.Mapping[str, t.Any]], admin_password: str) -> str:
    """The text of the ACL file, with hashed passwords only.

    Every user but that of the health check needs a password. Raises `AclError`.
    """
    lines = [
        "user default off resetpass resetkeys resetchannels -@all",
        f"user admin on {_hashed(admin_password, 'admin', 'redis_admin_password')} ~* &* +@all",
        "user health on nopass resetkeys resetchannels -@all +ping",
    ]
    names: set[str] = set()
    prefixes: dict[str, str] = {}
    for user in users:
        lines.append(instance_line(user))
        name, prefix = str(user["name"]), str(user["prefix"]).rstrip(":") + ":"
        if name in names:
            raise AclError(f"redis_users: name={name!r} is given twice; names must differ")
        for other, owner in prefixes.items():
            if prefix.startswith(other) or other.startswith(prefix):
                raise AclError(
                    f"redis_users: prefix={user['prefix']!r} of {name!r}: {owner!r} would reach the same keys; prefixes must differ"
                )
        names.add(name)
        prefixes[prefix] = name
    return "\n".join(lines) + "\n"
