# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""What a transaction did to the store, and what is to be done when it has ended.

The store knows no transactions: an object is uploaded before the rows that name it are committed, and must only go when
no row names it any more. So both are settled afterwards, on a connection of its own: whatever the transaction touched
and no committed row names is deleted.

Against the race of "the last row of an object is deleted" with "the same content is uploaded again" stand advisory locks:
an upload holds its object's lock (shared) until its transaction ends, a deletion needs it alone and doesn't wait for it. Who
finds it taken leaves the object to the other transaction, which looks at it in turn when it ends.
"""

import hashlib
import logging

from odoo.addons.odoo_cloud_compat import compat

_logger = logging.getLogger(__name__)

LOCK_CLASS = 0x0DC10D  # first key of our advisory locks
LOCK_ALL = 0  # second key: held by a transaction that uploads very many objects
LOCKS = 200  # so many locks of single objects per transaction; PostgreSQL's table of locks is small
BATCH = 200
KEY = "base_attachment_object_storage"


def lock_number(fname):
    """The second key for an object: 31 bits of a hash, never LOCK_ALL."""
    return (int.from_bytes(hashlib.sha1(fname.encode("utf-8")).digest()[:4], "big") & 0x7FFFFFFF) or 1


class Pending:
    """Objects and local files that one transaction touched."""

    def __init__(self, dbname):
        self.dbname = dbname
        self.uploaded = set()
        self.unlinked = set()
        self.files = {}  # local files: store_fname -> path
        self.in_database = set()  # checksums of contents that were put into the database on purpose
        self.locks = set()
        self.delete = None  # deletes a list of objects

    def lock(self, cr, fname):
        """Keep the object from being deleted by others until this transaction ends."""
        number = lock_number(fname) if len(self.locks) < LOCKS else LOCK_ALL
        if number not in self.locks:
            cr.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", (LOCK_CLASS, number))
            self.locks.add(number)

    def committed(self):
        """After the commit: what no row names goes."""
        self._clean(self.uploaded | self.unlinked)
        self._clean(self.files, self._remove_files)

    def rolled_back(self):
        """After a rollback: what was uploaded in vain goes."""
        self._clean(self.uploaded)

    def _clean(self, fnames, delete=None):
        """Never raises: the transaction has ended, nobody could do anything about it."""
        delete = delete or self.delete
        fnames = sorted(fnames)
        for start in range(0, len(fnames), BATCH):
            try:
                self._clean_batch(fnames[start : start + BATCH], delete)
            except Exception:
                _logger.exception("Objects could not be cleaned up and may be left over: %s", fnames[start : start + 5])

    def _clean_batch(self, fnames, delete):
        with compat.new_cursor(self.dbname) as cr:
            # Each statement sees what was committed before it: the rows are looked at after the locks were taken.
            cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            numbers = sorted({lock_number(fname) for fname in fnames})
            cr.execute(
                "SELECT number, pg_try_advisory_xact_lock(%s, number) FROM unnest(%s) AS number",
                (LOCK_CLASS, [LOCK_ALL, *numbers]),
            )
            free = {number for number, locked in cr.fetchall() if locked}
            if LOCK_ALL not in free:
                _logger.info("%d objects are left: a large upload is going on", len(fnames))
                return
            fnames = [fname for fname in fnames if lock_number(fname) in free]
            cr.execute("SELECT DISTINCT store_fname FROM ir_attachment WHERE store_fname = ANY(%s)", (fnames,))
            named = {fname for (fname,) in cr.fetchall()}
            fnames = [fname for fname in fnames if fname not in named]
            _logger.debug("No row names %s, rows name %s", fnames, sorted(named))
            if fnames:
                delete(fnames)

    def _remove_files(self, fnames):
        for fname in fnames:
            compat.remove_file(self.files[fname])


def pending(cr, delete):
    """The notes of the transaction that is open on the cursor. They end with it."""
    notes = cr.postcommit.data.get(KEY)
    if notes is None:
        notes = Pending(cr.dbname)
        cr.postcommit.data[KEY] = notes
        cr.postcommit.add(notes.committed)
        cr.postrollback.add(notes.rolled_back)
    if delete is not None:
        notes.delete = delete
    return notes
