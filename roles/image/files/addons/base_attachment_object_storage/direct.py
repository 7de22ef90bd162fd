# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""Large files go from the store to nginx and don't pass through Odoo, which only says who gets what.

nginx tells in each request which store it can ask (X-Odoo-Store, the role nginx). The answer then has no body: it sends nginx to its own
internal place, with what to ask the store for. The names of headers and place are a contract with the role's nginx.conf.
"""

from odoo.addons.odoo_cloud_compat import compat, settings

STORE = "HTTP_X_ODOO_STORE"
PLACE = "/.odoo-store"
SECONDS = 300  # nginx asks at once; this is for clocks that differ


def is_possible():
    """Whether the request that is being answered came through an nginx that can ask a store."""
    environ = compat.request_environ()
    return environ.get("REQUEST_METHOD") == "GET" and bool(environ.get(STORE))


def headers(attachments, fname, size):
    """What sends nginx to the store for this object; {} if Odoo has to send it."""
    least = settings.number("ODOO_DIRECT_DOWNLOAD_BYTES")
    if not least or (size or 0) < least or not is_possible():
        return {}
    store = compat.request_environ()[STORE].rstrip("/")
    address = attachments._store_link(fname, SECONDS)
    if not address.startswith(store + "/"):
        return {}  # another store than nginx's
    return {"X-Accel-Redirect": PLACE, "X-Odoo-Target": address[len(store) :], "Content-Length": "0"}


def part(etag):
    """The part of the file that is asked for, '' for all of it: also if the file was another one when the first part was sent."""
    environ = compat.request_environ()
    return environ.get("HTTP_RANGE", "") if environ.get("HTTP_IF_RANGE") in (None, etag) else ""


class Wanted:
    """In the context as ``object_wanted``: an object is asked for instead of its content."""

    content = b"\n"  # what is read in its place

    def __init__(self):
        self.headers = {}

    def takes(self, attachments, fname):
        """Whether this object needs not be read."""
        self.headers = headers(attachments, fname, attachments._object_size(fname))
        return bool(self.headers)
