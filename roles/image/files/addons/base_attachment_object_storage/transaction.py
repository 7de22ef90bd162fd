# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""What a transaction did in the store, and what has to be done when it ends.

The store has no transactions: an object is uploaded before the rows that refer to it are committed,
and may be deleted only when no row refers to it any more. So both are settled afterwards, on a
separate connection: everything that the transaction touched and that no committed row refers to is
deleted.

The locks that separate an upload from a deletion of the same content are the runtime's
(store/objects.py); its mover of attachments takes them too.
"""

import logging
import time

from odoo.addons.odoo_cloud_compat import (  # pylint: disable=unused-import
    compat,
    settings,  # noqa: F401 # finds the runtime
)
from odoo_cloud_runtime.store.objects import LOCK_ALL, LOCK_CLASS, lock_number, settle

_logger = logging.getLogger(__name__)

LOCKS = 200  # maximum locks of single objects per transaction; PostgreSQL's lock table is small
BATCH = 200
KEY = "base_attachment_object_storage"
# Seconds between attempts while other transactions are deleting, which takes as long as the store
# needs.
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 0.0)


class Pending:
    """Objects and local files that one transaction touched."""

    def __init__(self, dbname):
        self.dbname = dbname
        self.uploaded = set()
        self.unlinked = set()
        self.files = {}  # local files: store_fname -> path
        self.in_database = set()  # checksums of contents that belong in the database
        self.locks = set()
        self.delete = None  # deletes a list of objects

    def lock(self, cr, fname):
        """Take the lock that keeps other transactions from deleting the object until this one ends."""
        wanted = {lock_number(fname)} if len(self.locks) < LOCKS else set(LOCK_ALL)
        for number in sorted(wanted - self.locks):
            cr.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", (LOCK_CLASS, number))
            self.locks.add(number)

    def committed(self):
        """Delete, after the commit, what no row refers to any more."""
        self._clean(self.uploaded | self.unlinked)
        self._clean(self.files, self._remove_files)

    def rolled_back(self):
        """Delete, after a rollback, what was uploaded."""
        self._clean(self.uploaded)

    def _clean(self, fnames, delete=None):
        """Never raises, because the transaction has ended and its caller can't react."""
        delete = delete or self.delete
        fnames = sorted(fnames)
        for start in range(0, len(fnames), BATCH):
            try:
                self._clean_batch(fnames[start : start + BATCH], delete)
            except Exception:
                _logger.exception("Objects could not be cleaned up and may be left over: %s", fnames[start : start + 5])

    def _clean_batch(self, fnames, delete):
        for pause in PAUSES:
            with compat.new_cursor(self.dbname) as cr:
                cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                found = settle(cr, fnames, delete)
            if found.busy:
                _logger.info("%d objects are left to a transaction that uploads them too", len(found.busy))
            if found.kept:
                _logger.warning(
                    "%d objects may be left over, since a transaction with very many uploads is open: %s; an audit finds them",
                    len(found.kept), found.kept[:5],
                )  # fmt: skip
            _logger.debug("No row names %s, rows name %s", found.deleted, found.named)
            fnames = list(found.again)
            if not fnames:
                return
            time.sleep(pause)
        _logger.warning(
            "%d objects may be left over, others were deleting all the time: %s; an audit finds them",
            len(fnames),
            fnames[:5],
        )

    def _remove_files(self, fnames):
        for fname in fnames:
            compat.remove_file(self.files[fname])


def pending(cr, delete):
    """Return the notes of the transaction that is open on the cursor. They end with it. `delete`: a
    function that deletes a list of store_fnames."""
    notes = cr.postcommit.data.get(KEY)
    if notes is None:
        notes = Pending(cr.dbname)
        cr.postcommit.data[KEY] = notes
        cr.postcommit.add(notes.committed)
        cr.postrollback.add(notes.rolled_back)
    if delete is not None:
        notes.delete = delete
    return notes
