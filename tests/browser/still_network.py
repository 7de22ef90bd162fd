"""Runs a command in a network namespace of its own, in which nothing ever changes, and from which ports of this machine can be reached.

    python3 tests/browser/still_network.py 8443 -- python3 tests/browser/test_replicas.py

Chromium gives up what it loads when an interface comes or goes (ERR_NETWORK_CHANGED), and each container that starts or is killed
makes one come or go. A person's browser is not on the engine's machine. In the namespace is only a loopback; what connects to one of the
ports there is carried through a socket file to the same port outside. Needs root (util-linux' unshare).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def carry(one: socket.socket, other: socket.socket) -> None:
    """Everything from one to the other, then the end."""
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def join(near: socket.socket, family: int, address: str | tuple[str, int]) -> None:
    """A connection that was accepted, and one to the address, as one."""
    with near, socket.socket(family, socket.SOCK_STREAM) as far:
        try:
            far.connect(address)
        except OSError:
            return
        back = threading.Thread(target=carry, args=(far, near), daemon=True)
        back.start()
        carry(near, far)
        back.join()


def serve(listener: socket.socket, family: int, address: str | tuple[str, int]) -> None:
    """Carries each connection on, in the background."""

    def accept() -> None:
        while True:
            near, _peer = listener.accept()
            threading.Thread(target=join, args=(near, family, address), daemon=True).start()

    listener.listen(128)
    threading.Thread(target=accept, daemon=True).start()


def outside(ports: list[int], command: list[str]) -> int:
    """This machine's side."""
    with tempfile.TemporaryDirectory(prefix="still-network-") as folder:
        for port in ports:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(f"{folder}/{port}")
            serve(listener, socket.AF_INET, ("127.0.0.1", port))
        inner = [sys.executable, os.path.realpath(__file__), "--inside", folder, *map(str, ports), "--", *command]
        return subprocess.run(["unshare", "--net", *inner], check=False).returncode


def inside(folder: str, ports: list[int], command: list[str]) -> int:
    """The namespace's side: the loopback is down at first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        fcntl.ioctl(plain, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING))
    for port in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        serve(listener, socket.AF_UNIX, f"{folder}/{port}")
    return subprocess.run(command, check=False).returncode


def main() -> int:
    arguments = sys.argv[1:]
    if "--" not in arguments:
        raise SystemExit(__doc__)
    place = arguments.index("--")
    given, command = arguments[:place], arguments[place + 1 :]
    if given[:1] == ["--inside"]:
        return inside(given[1], [int(port) for port in given[2:]], command)
    return outside([int(port) for port in given], command)


if __name__ == "__main__":
    raise SystemExit(main())
