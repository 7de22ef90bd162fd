# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""Reading the contents of attachments, wherever they are. No content is trusted before its checksum
was computed."""

from __future__ import annotations

from collections.abc import Sequence

from ..common.errors import ConfigError
from .places import Broken, Content, Place, place_name
from .session import Row, Session


class Reader:
    """Reads the contents of one database's attachments. The caller closes the contents that it gets."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def _candidates(self, row: Row) -> list[str]:
        """The store_fnames under which the row's content may be, the right one first."""
        found = [row.fname] if row.fname else []
        if row.checksum:
            found += [place.fname(row.checksum) for place in self.session.places.values()]
        return list(dict.fromkeys(found))

    def read(self, fname: str) -> Content | None:
        """Return the content at a place; `None` if it doesn't exist. Raises `Broken` if the place
        doesn't answer, `ConfigError` if it can't be used."""
        place = self.session.place(place_name(fname))
        content = self.session.content()
        try:
            if place.read(fname, content):
                return content
        except BaseException:
            content.close()
            raise
        content.close()
        return None

    def find(self, row: Row, skip: str | None = None) -> tuple[Content | None, str]:
        """Return the row's content, from anywhere except `skip`, and what is wrong with the place
        in the row: '', missing, corrupt.

        Raises `Broken` or `ConfigError` if that place can't be queried.
        """
        wrong = ""
        for fname in self._candidates(row):
            if fname == skip:
                continue
            try:
                content = self.read(fname)
            except (Broken, ConfigError):
                if fname == row.fname:
                    raise
                continue
            if content is not None and row.checksum in (None, "", content.checksum):
                return content, wrong
            if fname == row.fname:
                wrong = "missing" if content is None else "corrupt"
            if content is not None:
                content.close()
        return None, wrong or "missing"

    def find_in_rows(self, row: Row) -> Content | None:
        """Return the content from another row with the same checksum; `None` if there is none."""
        if not row.checksum:
            return None
        for fname, data in self.session.rows(
            "SELECT store_fname, db_datas FROM public.ir_attachment WHERE checksum = %s AND (id <> %s OR db_datas IS NOT NULL)"
            " AND (store_fname IS NOT NULL OR db_datas IS NOT NULL) LIMIT 5", row.checksum, row.id,
        ):  # fmt: skip
            content: Content | None
            if data is not None:
                content = self.session.content()
                content.write(bytes(data))
            else:
                try:
                    content = self.read(fname)
                except (Broken, ConfigError):
                    continue
            if content is not None and content.checksum == row.checksum:
                return content
            if content is not None:
                content.close()
        return None

    def in_database(self, ids: Sequence[int]) -> dict[int, Content]:
        """Return the contents that are in the database, by the ids of their rows."""
        found = {}
        for number, data in self.session.rows(
            "SELECT id, db_datas FROM public.ir_attachment WHERE id = ANY(%s) AND store_fname IS NULL AND db_datas IS NOT NULL",
            list(ids),
        ):
            found[number] = self.session.content()
            found[number].write(bytes(data))
        return found

    def verify(self, place: Place, content: Content, confirmed: bool) -> None:
        """Check that the new place has the content: by the store's confirmation (`confirmed`), or
        by reading it. Raises `Broken` if not."""
        if confirmed and self.session.options.verify == "store":
            return
        fname = place.fname(content.checksum)
        again = self.read(fname)
        if again is None:
            raise Broken(f"{fname}: written, but it isn't there")
        with again:
            if again.checksum != content.checksum or again.size != content.size:
                raise Broken(f"{fname}: written, but something else is read")
