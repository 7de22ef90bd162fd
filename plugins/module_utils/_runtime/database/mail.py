# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""What Odoo's database says about mail that comes in: the domain with its catch-all and bounce
names, and the mailbox that is fetched. A start sets what the container's variables say.

Up to Odoo 16 the domain and its names are system parameters. From 17 on they are a record of
`mail.alias.domain`, which companies and aliases refer to. The mailbox is a record of
`fetchmail.server` in all versions, of the module `fetchmail` up to 16 and of `mail` later. Our
records are known by external identifiers, so a changed name renames them, and what users made
themselves is left alone.
"""

from __future__ import annotations

from typing import Any

from ..common.config import Settings

OURS = "__odoo_cloud__"  # module of our external identifiers; Odoo removes only those of its own modules
DOMAIN, MAILBOX = "mail_domain", "incoming_mail"
NAME = "odoo_cloud.platform"  # of the mailbox, as users see it
DOMAIN_VERSION = 17  # the first with mail.alias.domain
CRON = "ir_cron_mail_gateway_action"

Values = dict[str, Any]


def parameters(settings: Settings) -> dict[str, str]:
    """The system parameters of Odoo up to 16; none without a domain."""
    if not settings.mail_domain or settings.version >= DOMAIN_VERSION:
        return {}
    return {
        "mail.catchall.domain": settings.mail_domain,
        "mail.catchall.alias": settings.mail_catchall,
        "mail.bounce.alias": settings.mail_bounce,
        "mail.default.from": settings.mail_default_from,
    }


def alias_domain(settings: Settings) -> Values:
    """The record of the domain, from Odoo 17 on; empty without a domain."""
    if not settings.mail_domain or settings.version < DOMAIN_VERSION:
        return {}
    return {
        "name": settings.mail_domain,
        "catchall_alias": settings.mail_catchall,
        "bounce_alias": settings.mail_bounce,
        "default_from": settings.mail_default_from,
    }


def mailbox(settings: Settings) -> Values:
    """The record of the mailbox; empty without one. Where mail is caught there is none: a copy of
    the production would fetch its mail."""
    if not settings.incoming_server or settings.mail_catcher:
        return {}
    return {
        "server": settings.incoming_server,
        "port": settings.incoming_port,
        "server_type": settings.incoming_protocol,
        "is_ssl": settings.incoming_tls,
        "user": settings.incoming_user,
        "password": settings.incoming_password or "",
        "state": "done",
        "active": True,
    }


def differences(cursor: Any, settings: Settings) -> list[str]:
    """What differs from the settings, in words, empty if nothing does. Only reads."""
    return _bring(cursor, settings, False)


def apply(cursor: Any, settings: Settings) -> list[str]:
    """Set what differs, in the cursor's transaction. Returns it in words."""
    return _bring(cursor, settings, True)


def _bring(cursor: Any, settings: Settings, write: bool) -> list[str]:
    found = _parameters(cursor, parameters(settings), write)
    wanted = alias_domain(settings)
    if wanted and _exists(cursor, "mail_alias_domain"):
        found += _domain(cursor, wanted, write)
    if _exists(cursor, "fetchmail_server"):
        found += _mailbox(cursor, mailbox(settings), write)
    return found


def _exists(cursor: Any, table: str) -> bool:
    cursor.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relname = %s AND c.relkind = 'r')",
        (table,),
    )
    return bool(cursor.fetchone()[0])


def _parameters(cursor: Any, wanted: dict[str, str], write: bool) -> list[str]:
    if not wanted or not _exists(cursor, "mail_alias"):  # without the module mail nothing reads them
        return []
    cursor.execute("SELECT key, value FROM public.ir_config_parameter WHERE key = ANY(%s)", (list(wanted),))
    known = dict(cursor.fetchall())
    wrong = {key: value for key, value in wanted.items() if known.get(key) != value}
    for key, value in wrong.items() if write else ():
        cursor.execute(
            "INSERT INTO public.ir_config_parameter (key, value, create_uid, write_uid, create_date, write_date)"
            " VALUES (%s, %s, 1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value, write_uid = 1, write_date = excluded.write_date",
            (key, value),
        )
    return [f"{key} = {value}" for key, value in wrong.items()]


def _domain(cursor: Any, wanted: Values, write: bool) -> list[str]:
    number = _ours(cursor, DOMAIN, "mail_alias_domain")
    if number is None:
        # One that a user made with this name is the one that is meant.
        cursor.execute("SELECT id FROM public.mail_alias_domain WHERE name = %s ORDER BY id LIMIT 1", (wanted["name"],))
        row = cursor.fetchone()
        number = row[0] if row else None
        if write and number is not None:
            _remember(cursor, DOMAIN, "mail.alias.domain", number)
    wrong = _wrong(cursor, "mail_alias_domain", number, wanted)
    if write and number is None:
        number = _insert(cursor, "mail_alias_domain", {**wanted, "sequence": 10})
        _remember(cursor, DOMAIN, "mail.alias.domain", number)
    elif write and wrong:
        _update(cursor, "mail_alias_domain", number, wrong)
    # As Odoo does with the first domain: whatever has none gets it.
    cursor.execute("SELECT count(*) FROM public.res_company WHERE alias_domain_id IS NULL")
    lacking = cursor.fetchone()[0]
    if write and (lacking or wrong):
        cursor.execute("UPDATE public.res_company SET alias_domain_id = %s WHERE alias_domain_id IS NULL", (number,))
        cursor.execute(
            "UPDATE public.mail_alias a SET alias_domain_id = %(domain)s WHERE alias_domain_id IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM public.mail_alias b WHERE b.alias_domain_id = %(domain)s AND b.alias_name = a.alias_name)",
            {"domain": number},
        )
        cursor.execute(
            "UPDATE public.mail_alias SET alias_full_name = alias_name || '@' || %s"
            " WHERE alias_domain_id = %s AND alias_name <> ''",
            (wanted["name"], number),
        )
    told = [f"mail domain {wanted['name']}: {name} = {value}" for name, value in wrong.items()]
    return told + ([f"mail domain {wanted['name']}: of {lacking} companies"] if lacking else [])


def _mailbox(cursor: Any, wanted: Values, write: bool) -> list[str]:
    number = _ours(cursor, MAILBOX, "fetchmail_server")
    if not wanted:
        if number is None or not _wrong(cursor, "fetchmail_server", number, {"active": False}):
            return []
        if write:
            _update(cursor, "fetchmail_server", number, {"active": False})
        return ["the mailbox is not fetched any more"]
    wrong = _wrong(cursor, "fetchmail_server", number, wanted)
    if write and number is None:
        new = {**wanted, "name": NAME, "attach": True, "original": False, "priority": 5}
        _remember(cursor, MAILBOX, "fetchmail.server", _insert(cursor, "fetchmail_server", new))
    elif write and wrong:
        _update(cursor, "fetchmail_server", number, wrong)
    if write and wrong:
        # Odoo has the action that fetches switched off as long as there is no mailbox.
        cursor.execute(
            "UPDATE public.ir_cron SET active = true WHERE NOT active AND id IN"
            " (SELECT res_id FROM public.ir_model_data WHERE name = %s AND model = 'ir.cron')",
            (CRON,),
        )
    return [
        f"mailbox {wanted['server']}: {name} = {'********' if name == 'password' else value}"
        for name, value in wrong.items()
    ]


def _ours(cursor: Any, name: str, table: str) -> int | None:
    """The record of our external identifier, if it is still there."""
    cursor.execute(
        f"SELECT d.res_id FROM public.ir_model_data d JOIN public.{table} r ON r.id = d.res_id"  # noqa: S608 - a constant
        " WHERE d.module = %s AND d.name = %s",
        (OURS, name),
    )
    row = cursor.fetchone()
    return row[0] if row else None


def _remember(cursor: Any, name: str, model: str, number: int) -> None:
    cursor.execute("DELETE FROM public.ir_model_data WHERE module = %s AND name = %s", (OURS, name))
    cursor.execute(
        "INSERT INTO public.ir_model_data (module, name, model, res_id, noupdate) VALUES (%s, %s, %s, %s, true)",
        (OURS, name, model, number),
    )


def _wrong(cursor: Any, table: str, number: int | None, wanted: Values) -> Values:
    """The values that a record doesn't have; all for a record that isn't there."""
    if number is None:
        return wanted
    columns = ", ".join(f'"{name}"' for name in wanted)
    cursor.execute(f"SELECT {columns} FROM public.{table} WHERE id = %s", (number,))  # noqa: S608 - constants
    return {name: value for (name, value), known in zip(wanted.items(), cursor.fetchone()) if known != value}


def _insert(cursor: Any, table: str, values: Values) -> int:
    columns = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join(["%s"] * len(values))
    cursor.execute(
        f"INSERT INTO public.{table} ({columns}, create_uid, write_uid, create_date, write_date)"  # noqa: S608 - constants
        f" VALUES ({marks}, 1, 1, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC') RETURNING id",
        tuple(values.values()),
    )
    return int(cursor.fetchone()[0])


def _update(cursor: Any, table: str, number: int | None, values: Values) -> None:
    columns = ", ".join(f'"{name}" = %s' for name in values)
    cursor.execute(
        f"UPDATE public.{table} SET {columns}, write_uid = 1, write_date = now() AT TIME ZONE 'UTC' WHERE id = %s",  # noqa: S608 - constants
        (*values.values(), number),
    )
