"""Stands in for Odoo behind the proxy: answers with what it was asked, on the HTTP port and on the gevent port."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import socket
import sys
import threading
import typing as t

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        port = t.cast(tuple, self.connection.getsockname())[1]
        received = 0
        length = int(self.headers.get("Content-Length") or 0)
        while received < length:
            received += len(self.rfile.read(min(1 << 20, length - received)))
        if self.headers.get("Upgrade", "").lower() == "websocket" and port == 8072:
            digest = hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + MAGIC).digest()
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
            self.end_headers()
            self.wfile.write(b"\x81\x05hello")
            if "hold" in self.path:
                self.rfile.read(1)  # until the client goes
            self.close_connection = True
            return
        if self.path.startswith("/direct") or self.path.startswith("/bucket/"):
            self.direct(self.path.startswith("/bucket/"))
            return
        body = json.dumps(
            {
                "port": port,
                "replica": socket.gethostname(),
                "method": self.command,
                "path": self.path,
                "headers": [[name.lower(), value] for name, value in self.headers.items()],
                "received": received,
                "padding": "x" * 4000,
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session_id=abc; Path=/; HttpOnly")
        if port == 8069:
            self.send_header("X-Large", "y" * 20000)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def direct(self, store: bool) -> None:
        """As Odoo sends nginx to the store for a file (/direct?<what to ask for>), and as the store answers (/bucket/...)."""
        body = b""
        self.send_response(403 if store and "refused" in self.path else 200)
        if store:
            body = json.dumps(
                {"path": self.path, "headers": [[n.lower(), v] for n, v in self.headers.items()]}
            ).encode()
            for name in (
                "Content-Type",
                "ETag",
                "Last-Modified",
                "Content-Disposition",
                "X-Amz-Request-Id",
                "Set-Cookie",
            ):
                self.send_header(name, "store/s")
            self.send_header("X-Accel-Redirect", "/web")
        else:
            self.send_header("X-Accel-Redirect", "/.odoo-store")
            self.send_header("X-Odoo-Target", self.path.partition("?")[2])
            self.send_header("X-Odoo-Range", "bytes=5-9")
            self.send_header("Content-Type", "application/pdf")
            self.send_header("ETag", '"odoo"')
            self.send_header("Last-Modified", "Wed, 25 Nov 2026 10:00:00 GMT")
            self.send_header("Content-Disposition", "attachment; filename=a.pdf")
            self.send_header("Content-Security-Policy", "default-src 'none'")
            self.send_header("Set-Cookie", "session_id=abc; Path=/; HttpOnly")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_HEAD = do_PUT = do_OPTIONS = answer

    def log_message(self, format: str, *args: t.Any) -> None:
        pass


def main() -> None:
    for name in sys.argv[1:]:
        folder = f"/srv/static/{name}/current/web/static/src"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/from_disk.js", "w", encoding="utf-8") as handle:
            handle.write("// from disk\n" * 400)
        with open(f"{folder}/image.svg", "w", encoding="utf-8") as handle:
            handle.write('<svg xmlns="http://www.w3.org/2000/svg"/>')
    servers = [http.server.ThreadingHTTPServer(("0.0.0.0", port), Handler) for port in (8069, 8072)]
    for server in servers:
        threading.Thread(target=server.serve_forever).start()


main()
