# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import contextlib
import logging
import re

import psycopg2
from odoo import _, api, fields, models
from odoo.addons.odoo_cloud_compat import compat, settings
from odoo.exceptions import AccessError, UserError
from odoo_cloud_runtime.store.objects import (
    STAYS_IN_DATABASE,
    STAYS_PARAMETER,
    by_bucket,
    database_rules,
    is_object,
    parse,
    scheme_of,
    stays_in_database,
    uri,
)

from ..transaction import pending

if compat.Stream is not None:
    from ..stream import ObjectStream

_logger = logging.getLogger(__name__)

BATCH = 100


class StoreError(UserError):
    """The store failed to do what was requested."""


class IrAttachment(models.Model):
    """Attachments in object stores."""

    _inherit = "ir.attachment"

    # 14 has no index here, and every deletion searches for other rows with the same object.
    store_fname = fields.Char(index=True)

    # -- the stores

    @api.model
    def _object_stores(self):
        """{scheme of store_fname: the runtime's module for the store}; each store's addon adds its
        own."""
        return {}

    @api.model
    def _get_stores(self):
        """The names of the stores: values of `ir_attachment.location`, and schemes of `store_fname`."""
        return list(self._object_stores())

    @api.model
    def _store_bucket(self, storage):
        """The name of the database's own bucket."""
        return self._object_stores()[storage].bucket_name(self.env.cr.dbname)

    @api.model
    def _store_file_read(self, fname, size=None):
        """The object's content (at most `size` bytes), None if it doesn't exist; raises
        `StoreError` if the store doesn't answer."""
        with self._store_reads(fname):
            scheme, bucket, key = parse(fname)
            return self._object_stores()[scheme].get(bucket, key, size=size)

    @api.model
    def _store_file_write(self, key, bin_data):
        """Stores the content under the key in the own bucket and returns its store_fname."""
        storage = self._storage()
        store = self._object_stores()[storage]
        try:
            bucket = self._store_bucket(storage)
            store.put(bucket, key, bin_data)
        except (ValueError, *store.ERRORS) as error:
            _logger.error("%s can't be stored: %s", key, error)
            raise StoreError(_("The attachment can't be stored: its store doesn't take it.")) from error
        return uri(storage, bucket, key)

    @contextlib.contextmanager
    def _store_reads(self, fname):
        """Turns the store's errors into ours and logs them."""
        try:
            yield
        except (ValueError, *self._object_stores()[scheme_of(fname)].ERRORS) as error:
            _logger.error("%s can't be read: %s", fname, error)
            raise StoreError(_("The attachment can't be read: its store doesn't give it.")) from error

    @api.model
    def _store_own_prefix(self, storage):
        """The common prefix of all store_fnames in the own bucket, empty if the store has none."""
        if storage not in self._get_stores():
            return ""
        try:
            return uri(storage, self._store_bucket(storage), "")
        except settings.SettingsError as error:
            if self._storage() == storage:
                raise StoreError(str(error)) from error
            return ""  # the store is only in old rows: no bucket is ours

    @api.model
    def _store_deleter(self):
        """Returns a function that deletes a list of store_fnames. It is called after the
        transaction, so it must not use self."""
        stores = self._object_stores()

        def delete(fnames):
            for (scheme, bucket), keys in by_bucket(fnames).items():
                faults = stores[scheme].delete(bucket, keys)
                if faults:
                    _logger.warning(
                        "%d of %d objects can't be deleted in %s: %s", len(faults), len(keys), bucket, faults[:3]
                    )

        return delete

    def _store_opener(self):
        """Returns a function (start, stop) that yields the object's bytes in pieces."""
        fname = self.store_fname

        def open_part(start, stop):
            with self._store_reads(fname):
                scheme, bucket, key = parse(fname)
                return self._object_stores()[scheme].opened(bucket, key, start, stop)

        return open_part

    @api.model
    def _store_link(self, fname, seconds):
        """A URL with which the object can be read for so many seconds; empty if there is none. Only
        for the own bucket: others are only read."""
        scheme, bucket, key = parse(fname)
        own = self._store_own_prefix(scheme)
        if not own or not fname.startswith(own):
            return ""
        store = self._object_stores()[scheme]
        try:
            return store.link(bucket, key, seconds)
        except (ValueError, *store.ERRORS) as error:
            _logger.warning("%s is sent by Odoo, its store gives no address for it: %s", fname, error)
            return ""

    @api.model
    def _object_size(self, fname):
        """The size in bytes of an object, from a row that refers to it."""
        self.env.cr.execute("SELECT max(file_size) FROM ir_attachment WHERE store_fname = %s", (fname,))
        return self.env.cr.fetchone()[0] or 0

    @api.model
    def _store_check(self, storage):
        """Raises `StoreError` if the own bucket can't be used. For monitoring; must be quick."""
        store = self._object_stores().get(storage)
        if store is None:
            return
        try:
            store.check(self._store_bucket(storage))
        except (ValueError, *store.ERRORS) as error:
            raise StoreError(str(error)) from error

    # -- where a content goes

    @api.model
    def _storage(self):
        storage = self.env.context.get("storage_location") or super()._storage()
        if storage in self._get_stores() and settings.is_true("DISABLE_ATTACHMENT_STORAGE"):
            return "db"
        return storage

    @api.model
    def _is_file_from_a_store(self, fname):
        return is_object(fname) and scheme_of(fname) in self._get_stores()

    @api.model
    def _get_storage_force_db_config(self):
        """Which contents stay in the database, from the parameter; an invalid one is logged and the
        default is used."""
        try:
            return database_rules(self.env["ir.config_parameter"].sudo().get_param(STAYS_PARAMETER))
        except ValueError as error:
            _logger.error("%s", error)
            return STAYS_IN_DATABASE

    @api.model
    def _stays_in_database(self, mimetype, size):
        return stays_in_database(self._get_storage_force_db_config(), mimetype, size)

    @api.model
    def _store_in_db_instead_of_object_storage(self, data, mimetype):
        return self._stays_in_database(mimetype, len(data))

    def _get_datas_related_values(self, data, mimetype):
        if self._storage() not in self._get_stores():
            return super()._get_datas_related_values(data, mimetype)
        values = super(IrAttachment, self.with_context(storage_location="db"))._get_datas_related_values(data, mimetype)
        if data and not self._store_in_db_instead_of_object_storage(data, mimetype):
            values["store_fname"] = self._object_write(values["checksum"], data)
            values["db_datas"] = False
        else:
            self._object_notes().in_database.add(values["checksum"])
        return values

    def _set_attachment_data(self, asbytes):
        before = {attachment.store_fname for attachment in self if is_object(attachment.store_fname)}
        result = super()._set_attachment_data(asbytes)
        # 19 forgets them if the new content goes into the database.
        for fname in before:
            self._file_delete(fname)
        return result

    # -- reading and writing

    @api.model
    def _object_notes(self):
        return pending(self.env.cr, self._store_deleter())

    @api.model
    def _object_write(self, checksum, data):
        """Uploads the content, unless this transaction did already, and returns its store_fname."""
        key = self.env.context.get("force_storage_key") or checksum
        notes = self._object_notes()
        fname = self._store_own_prefix(self._storage()) + key
        if fname not in notes.uploaded:
            notes.lock(self.env.cr, fname)
            notes.uploaded.add(fname)  # before the upload, so that a partial one is cleaned up too
            self._store_file_write(key, data)
        return fname

    @api.model
    def _file_read(self, fname, *args, **kwargs):
        if not self._is_file_from_a_store(fname):
            return super()._file_read(fname, *args, **kwargs)
        if settings.is_true("DISABLE_ATTACHMENT_STORAGE"):
            _logger.info("Not read, since the storage is switched off: %s", fname)
            return b""
        wanted = self.env.context.get("object_wanted")
        if wanted is not None and wanted.takes(self, fname):
            return wanted.content
        content = self._store_file_read(fname, *args, **kwargs)
        if content is None:
            _logger.error("Missing object: %s", fname)
            return b""
        return content

    @api.model
    def _file_write(self, bin_value, checksum):
        if self._storage() not in self._get_stores():
            return super()._file_write(bin_value, checksum)
        if checksum in self._object_notes().in_database:
            return False  # 19 calls this for every content, including those in the database
        return self._object_write(checksum, bin_value)

    @api.model
    def _file_delete(self, fname):
        """Deletes when the transaction is committed, if no other row refers to the object, and only
        in the own bucket."""
        if is_object(fname):
            scheme = scheme_of(fname)
            own = self._store_own_prefix(scheme) if self._is_file_from_a_store(fname) else ""
            if own and fname.startswith(own) and not settings.is_true("DISABLE_ATTACHMENT_STORAGE"):
                self._object_notes().unlinked.add(fname)
            return None
        if self._storage() in self._get_stores():
            # Odoo collects garbage in its files only while they are its storage.
            self._object_notes().files[fname] = self._full_path(fname)
            return None
        return super()._file_delete(fname)

    def _to_http_stream(self):
        """For 18 and later (16 and 17: see compat.object_streams)."""
        self.ensure_one()
        return self._object_stream() or super()._to_http_stream()

    def _object_stream(self):
        if not self._is_file_from_a_store(self.store_fname) or settings.is_true("DISABLE_ATTACHMENT_STORAGE"):
            return None
        return ObjectStream.of_attachment(self)

    # -- moving what is there

    @api.model
    def force_storage(self):
        """Move all contents that are elsewhere to the configured storage: a store, the database or
        local files. Raises `AccessError` for users that aren't administrators."""
        storage = self._storage()
        if storage not in (*self._get_stores(), "file"):
            return super().force_storage()
        if not self.env.is_admin():
            raise AccessError(_("Only administrators can execute this action."))
        rows = self._rows_to_move(storage)
        _logger.info("%d attachments are to be moved to %s", len(rows), storage)
        left = self._move(rows)
        _logger.info("%d attachments were moved to %s, %d are left", len(rows) - left, storage, left)
        return True

    @api.model
    def force_storage_to_db_for_special_fields(self):
        """Move contents that belong in the database by the rules back to it. Returns how many could
        not be moved. Raises `AccessError` for users that aren't administrators."""
        if not self.env.is_admin():
            raise AccessError(_("Only administrators can execute this action."))
        compat.flush(self)
        self.env.cr.execute(
            "SELECT id, mimetype, file_size, store_fname FROM ir_attachment"
            " WHERE type = 'binary' AND store_fname LIKE '%%://%%' ORDER BY id DESC"
        )
        rows = [
            (number, fname)
            for number, mimetype, size, fname in self.env.cr.fetchall()
            if self._is_file_from_a_store(fname) and self._stays_in_database(mimetype, size or 0)
        ]
        return self._move(rows)

    @api.model
    def _rows_to_move(self, storage):
        """(id, store_fname) of the rows whose content isn't where the storage and the rules want it."""
        compat.flush(self)
        self.env.cr.execute(
            "SELECT id, mimetype, file_size, store_fname FROM ir_attachment WHERE type = 'binary'"
            " AND (store_fname IS NOT NULL OR db_datas IS NOT NULL) ORDER BY id DESC"
        )
        rows = []
        for number, mimetype, size, fname in self.env.cr.fetchall():
            if storage == "file":
                wanted = not fname or is_object(fname)
            else:
                # Contents in another bucket of the same store stay there: it may be production's.
                wanted = not (fname or "").startswith(f"{storage}://")
                wanted = wanted and (bool(fname) or not self._stays_in_database(mimetype, size or 0))
            if wanted:
                rows.append((number, fname))
        return rows

    @api.model
    def _move(self, rows):
        """Writes the contents of the rows again, committing after each batch. Returns how many
        could not be moved."""
        left = 0
        for start in range(0, len(rows), BATCH):
            for number, fname in rows[start : start + BATCH]:
                left += not self._move_one(number, fname)
            compat.commit(self.env)
            _logger.info("%d of %d attachments done", min(start + BATCH, len(rows)), len(rows))
        return left

    @api.model
    def _move_one(self, number, fname):
        cr = self.env.cr
        try:
            with cr.savepoint():
                cr.execute(
                    "SELECT 1 FROM ir_attachment WHERE id = %s AND store_fname IS NOT DISTINCT FROM %s"
                    " FOR UPDATE SKIP LOCKED",
                    (number, fname),
                    log_exceptions=False,
                )
                if not cr.fetchone():
                    _logger.info("Attachment %d is being changed by somebody else, it stays where it is", number)
                    return False
                attachment = self.sudo().browse(number)
                content = attachment.raw or b""
                if attachment.file_size and not content:
                    _logger.error("Attachment %d stays where it is: nothing found at %s", number, fname)
                    return False
                # With its MIME type, which would be guessed again otherwise.
                attachment.write({"raw": content, "mimetype": attachment.mimetype})
                compat.flush(attachment)
        except psycopg2.OperationalError:
            _logger.info("Attachment %d was changed by somebody else, it stays where it is", number)
            return False
        except StoreError as error:
            _logger.error("Attachment %d stays where it is: %s", number, error)
            return False
        finally:
            compat.invalidate(self)
        return True

    def _register_hook(self):
        """Moves files to the store after an update: modules that are loaded before this one write
        them to the local disk."""
        result = super()._register_hook()
        off = settings.is_true("DISABLE_ATTACHMENT_STORAGE")  # then "db" is only the fallback
        if compat.is_updating() and not off and self._storage() in (*self._get_stores(), "db"):
            attachments = self.env["ir.attachment"].sudo()
            rows = [
                (number, fname)
                for number, fname in attachments._rows_to_move(self._storage())
                if fname and re.match(r"[0-9a-f]{2,3}/[0-9a-f]{40}\Z", fname)
            ]
            if rows:
                attachments._move(rows)
        return result


if compat.Stream is not None:
    compat.object_streams(lambda attachment: attachment._object_stream())
