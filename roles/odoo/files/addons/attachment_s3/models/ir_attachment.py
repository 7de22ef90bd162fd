# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
import logging

from odoo import _, api, models
from odoo.addons.base_attachment_object_storage.models.ir_attachment import StoreError

from .. import store

_logger = logging.getLogger(__name__)
SCHEME = "s3"


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    @api.model
    def _get_stores(self):
        return [*super()._get_stores(), SCHEME]

    @api.model
    def _s3_bucket(self):
        return store.bucket_name(self.env.cr.dbname)

    @api.model
    def _store_own_prefix(self, storage):
        if storage != SCHEME:
            return super()._store_own_prefix(storage)
        try:
            return store.uri(self._s3_bucket(), "")
        except store.SettingsError as error:
            if self._storage() == SCHEME:
                raise StoreError(str(error)) from error
            return ""  # only rows of former times: nothing is ours

    @api.model
    def _store_file_read(self, fname, size=None):
        if not fname.startswith(f"{SCHEME}://"):
            return super()._store_file_read(fname, size)
        try:
            return store.get(*store.parse(fname), size=size)
        except (ValueError, *store.ERRORS) as error:
            _logger.error("%s can't be read: %s", fname, error)
            raise StoreError(_("The attachment can't be read: its store doesn't give it.")) from error

    @api.model
    def _store_file_write(self, key, bin_data):
        if self._storage() != SCHEME:
            return super()._store_file_write(key, bin_data)
        try:
            bucket = self._s3_bucket()
            store.put(bucket, key, bin_data)
        except (ValueError, *store.ERRORS) as error:
            _logger.error("%s can't be stored: %s", key, error)
            raise StoreError(_("The attachment can't be stored: its store doesn't take it.")) from error
        return store.uri(bucket, key)

    @api.model
    def _store_deleter(self):
        others = super()._store_deleter()

        def delete(fnames):
            keys = {}
            rest = []
            for fname in fnames:
                if fname.startswith(f"{SCHEME}://"):
                    bucket, key = store.parse(fname)
                    keys.setdefault(bucket, []).append(key)
                else:
                    rest.append(fname)
            for bucket, some in keys.items():
                faults = store.delete(bucket, some)
                if faults:
                    _logger.warning(
                        "%d of %d objects can't be deleted in %s: %s", len(faults), len(some), bucket, faults[:3]
                    )
            if rest:
                others(rest)

        return delete

    def _store_opener(self):
        if not (self.store_fname or "").startswith(f"{SCHEME}://"):
            return super()._store_opener()
        fname = self.store_fname

        def open_part(start, stop):
            try:
                return store.opened(*store.parse(fname), start, stop)
            except (ValueError, *store.ERRORS) as error:
                _logger.error("%s can't be read: %s", fname, error)
                raise StoreError(_("The attachment can't be read: its store doesn't give it.")) from error

        return open_part

    @api.model
    def _store_check(self, storage):
        if storage != SCHEME:
            return super()._store_check(storage)
        try:
            return store.check(self._s3_bucket())
        except (ValueError, *store.ERRORS) as error:
            raise StoreError(str(error)) from error
