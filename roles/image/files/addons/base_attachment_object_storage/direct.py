# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Large files are sent from the store to nginx without passing through Odoo, which only decides who
may read them.

In each request nginx names the store that it can reach (header X-Odoo-Store, set by the role
nginx). The answer then has no body: it redirects nginx to an internal location, with the target in
the store. The names of headers and location are a contract with the role's nginx.conf.
"""

from odoo.addons.odoo_cloud_compat import compat, settings

STORE = "HTTP_X_ODOO_STORE"
PLACE = "/.odoo-store"
SECONDS = 300  # nginx follows it immediately; the time allows for clock skew


def is_possible():
    """Whether the current request came through an nginx that can reach a store."""
    environ = compat.request_environ()
    return environ.get("REQUEST_METHOD") == "GET" and bool(environ.get(STORE))


def headers(attachments, fname, size):
    """Return the headers that redirect nginx to the store for the object `fname` of `size` bytes;
    empty if Odoo has to send it."""
    least = settings.number("ODOO_DIRECT_DOWNLOAD_BYTES")
    if not least or (size or 0) < least or not is_possible():
        return {}
    store = compat.request_environ()[STORE].rstrip("/")
    address = attachments._store_link(fname, SECONDS)
    if not address.startswith(store + "/"):
        return {}  # another store than nginx's
    return {"X-Accel-Redirect": PLACE, "X-Odoo-Target": address[len(store) :], "Content-Length": "0"}


def part(etag):
    """Return the requested part of the file, as in the header Range; empty for the whole file, also
    if the file has changed since the first part was sent."""
    environ = compat.request_environ()
    return environ.get("HTTP_RANGE", "") if environ.get("HTTP_IF_RANGE") in (None, etag) else ""


class Wanted:
    """Put into the context as `object_wanted` to request an object without reading its content."""

    content = b"\n"  # returned in place of the content

    def __init__(self):
        self.headers = {}

    def takes(self, attachments, fname):
        """Whether nginx can send this object, so that it needn't be read."""
        self.headers = headers(attachments, fname, attachments._object_size(fname))
        return bool(self.headers)
