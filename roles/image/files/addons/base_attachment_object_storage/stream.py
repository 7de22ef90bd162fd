# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""A file on its way from the store to the browser: sent by nginx if it can reach the store,
otherwise in pieces, never as a whole in memory."""

from odoo.addons.odoo_cloud_compat import compat
from werkzeug.http import parse_range_header

from . import direct


def bounds(header, size):
    """Return (start, stop) of the part that a Range header requests from a file of `size` bytes;
    `None` for the whole file. Raises `ValueError` if there is no such part."""
    wanted = parse_range_header(header) if header else None
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return None
    found = wanted.range_for_length(size)
    if found is None:
        raise ValueError(header)
    return found


class ObjectStream(compat.Stream):
    """Odoo's Stream of an object. Reading its attribute `data`, as Odoo does to scale images, loads
    the whole content."""

    @classmethod
    def of_attachment(cls, attachment):
        """Return the stream of an attachment whose file is in the store."""
        stream = cls(
            type="data",
            mimetype=attachment.mimetype,
            download_name=attachment.name,
            etag=attachment.checksum or True,
            last_modified=attachment.write_date,
            size=attachment.file_size,
            public=attachment.public,
        )
        stream.fetch = lambda: attachment._file_read(attachment.store_fname)
        stream.open_part = attachment._store_opener()
        stream.direct = lambda: direct.headers(attachment, attachment.store_fname, attachment.file_size)
        return stream

    @property
    def data(self):
        """The content. It is read once and kept; afterwards the answer is made from it."""
        if "content" not in self.__dict__:
            self.content = self.fetch()
        return self.content

    @data.setter
    def data(self, value):
        self.content = value

    def get_response(self, *args, **kwargs):
        """Return the answer: with the headers and conditions of Odoo, and a body from the store."""
        if "content" in self.__dict__ or not self.size:
            return super().get_response(*args, **kwargs)
        environ = compat.request_environ()
        # Odoo sets headers and evaluates conditions, for an answer without a body ...
        self.content = b""
        try:
            kwargs["environ"] = {name: value for name, value in environ.items() if name != "HTTP_RANGE"}
            response = super().get_response(*args, **kwargs)
        finally:
            del self.content
        if response.status_code == 304:
            return response
        # ... and we add the body.
        part = None
        if environ.get("HTTP_IF_RANGE") in (None, response.headers.get("ETag")):
            try:
                part = bounds(environ.get("HTTP_RANGE"), self.size)
            except ValueError:
                response.status_code = 416
                response.headers["Content-Range"] = f"bytes */{self.size}"
                return response
        start, stop = part or (0, self.size)
        found = self.direct()
        if found:
            response.headers.update(dict(found, **{"X-Odoo-Range": f"bytes={start}-{stop - 1}" if part else ""}))
            return response
        response.headers["Accept-Ranges"] = "bytes"
        if part is not None:
            response.status_code = 206
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{self.size}"
        response.headers["Content-Length"] = str(stop - start)
        if environ.get("REQUEST_METHOD") != "HEAD":
            response.response = self.open_part(start, stop)
            response.direct_passthrough = True
        return response
