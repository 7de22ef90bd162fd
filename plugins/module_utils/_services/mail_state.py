# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""How many mails of an Odoo database were sent, bounced, failed or wait.

It reads Odoo's own tables, in a session of the database's owner (`tenant`). Their owner can put
anything in their place, so each is checked in the catalog first, and only the newest rows are read.

Odoo has a notification for each recipient of a message who is a partner, and deletes most mails
when they are sent. Mails to other addresses have no notification and count as long as Odoo keeps
them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

DAYS = 7  # of which mails are counted
ROWS = 10_000  # the newest messages and mails that are read
REASON = 200  # characters of the reason of a failure

# Tables with the columns that are read, and their permitted types
MESSAGE = "mail_message"
# Of notifications, with the column that names the mail; the second is that of Odoo 14
NOTIFICATIONS = {"mail_notification": "mail_mail_id", "mail_message_res_partner_needaction_rel": "mail_id"}
MAIL = "mail_mail"
COLUMNS = {
    MESSAGE: {"id": "int4", "date": "timestamp"},
    MAIL: {"id": "int4", "state": "varchar", "write_date": "timestamp", "failure_reason": "text"},
    **{
        table: {
            "mail_message_id": "int4",
            mail: "int4",
            "notification_type": "varchar",
            "notification_status": "varchar",
        }
        for table, mail in NOTIFICATIONS.items()
    },
}

SHAPE_SQL = """
SELECT c.relkind::text, c.relpersistence::text, c.relrowsecurity, c.relhasrules,
       EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)),
       (SELECT pg_catalog.array_agg(a.attname::text || ' ' || t.typname::text)
          FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
           AND t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace)
  FROM pg_catalog.pg_class c
 WHERE c.relname = %s AND c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public')
"""

# Each mail once: by its notification if it has one.
NOTIFIED_SQL = """
SELECT n.notification_status, pg_catalog.count(*)
  FROM (SELECT id, date FROM public.mail_message ORDER BY id DESC LIMIT %(rows)s) m
  JOIN LATERAL (SELECT notification_status FROM public.{table}
                 WHERE mail_message_id = m.id AND notification_type = 'email' LIMIT %(rows)s) n ON true
 WHERE m.date > (pg_catalog.now() AT TIME ZONE 'UTC') - %(days)s * interval '1 day'
   AND n.notification_status IN ('sent', 'pending', 'bounce', 'exception')
 GROUP BY 1
"""
KEPT_SQL = """
SELECT m.state, pg_catalog.count(*)
  FROM (SELECT id, state, write_date FROM public.mail_mail ORDER BY id DESC LIMIT %(rows)s) m
 WHERE (m.state = 'outgoing' OR m.write_date > (pg_catalog.now() AT TIME ZONE 'UTC') - %(days)s * interval '1 day')
   AND m.state IN ('outgoing', 'sent', 'exception')
   AND (m.state = 'outgoing' OR NOT EXISTS (SELECT 1 FROM public.{table} n WHERE n.{mail} = m.id AND n.notification_type = 'email'))
 GROUP BY 1
"""
REASON_SQL = """
SELECT pg_catalog.left(m.failure_reason, %(reason)s)
  FROM (SELECT id, state, write_date, failure_reason FROM public.mail_mail ORDER BY id DESC LIMIT %(rows)s) m
 WHERE m.state = 'exception' AND m.failure_reason <> ''
   AND m.write_date > (pg_catalog.now() AT TIME ZONE 'UTC') - %(days)s * interval '1 day'
 ORDER BY m.id DESC LIMIT 1
"""


class Unreadable(ValueError):
    """A table of Odoo is something else; the message is one line."""


@dataclasses.dataclass(frozen=True)
class MailState:
    """Mails of the last `DAYS` days. `waiting`: of any age. `failure`: why the last one failed."""

    sent: int
    bounced: int
    failed: int
    waiting: int
    failure: str = ""


def present(cursor: Any, table: str) -> bool:
    """Whether there is a table of Odoo. Raises `Unreadable` if it is no plain table, or its columns
    have other types.
    """
    cursor.execute(SHAPE_SQL, (table,))
    row = cursor.fetchone()
    if row is None:
        return False
    kind, persistence, secured, ruled, inherits, columns = row
    lacking = [f"{name} {kind}" for name, kind in COLUMNS[table].items() if f"{name} {kind}" not in (columns or ())]
    if kind != "r" or persistence != "p" or secured or ruled or inherits or lacking:
        raise Unreadable(f"table public.{table} is not Odoo's, so its mails are not counted")
    return True


def read(cursor: Any) -> MailState | None:
    """The mails of the database; None without Odoo's module mail. `cursor`: of a session of the
    owner. Raises `Unreadable`.
    """
    tables = [one for one in NOTIFICATIONS if present(cursor, one)]
    if not tables or not present(cursor, MESSAGE) or not present(cursor, MAIL):
        return None
    given = {"rows": ROWS, "days": DAYS, "reason": REASON}
    cursor.execute(NOTIFIED_SQL.format(table=tables[0]), given)
    notified = {str(status): int(number) for status, number in cursor.fetchall()}
    cursor.execute(KEPT_SQL.format(table=tables[0], mail=NOTIFICATIONS[tables[0]]), given)
    kept = {str(status): int(number) for status, number in cursor.fetchall()}
    cursor.execute(REASON_SQL, given)
    reason = cursor.fetchone()
    return MailState(
        sent=notified.get("sent", 0) + notified.get("pending", 0) + kept.get("sent", 0),
        bounced=notified.get("bounce", 0),
        failed=notified.get("exception", 0) + kept.get("exception", 0),
        waiting=kept.get("outgoing", 0),
        failure=" ".join(str(reason[0]).split()) if reason else "",
    )
