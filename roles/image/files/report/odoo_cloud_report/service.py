# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes prints on a socket, some at the same time, the others wait in their order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Mapping
from typing import Any

from playwright.async_api import Error

from . import frames, render
from .assemble import AssembleError
from .chromium import BrowserError, Chromium, first_line
from .options import Job, OptionError
from .settings import Settings

log = logging.getLogger("report")

HELLO = 30  # seconds for the first frame of a client
ANSWER = 90  # seconds that Odoo may take for one picture or stylesheet
SECOND_TRY = 2
DIED = (
    "crash",
    "printing failed",
    "closed",
)  # in errors when a process of the browser ended, mostly for want of memory


class ClientGone(Exception):
    """The client has closed its connection."""


async def receive(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """The next frame. Raises `FrameError`, and `ClientGone` at the end."""
    try:
        head, body = frames.lengths(await reader.readexactly(frames.LENGTHS.size))
        return frames.read_head(await reader.readexactly(head)), await reader.readexactly(body)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise ClientGone("the client went away") from error


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._lock = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[tuple[int, str, bytes]]] = {}
        self._asked = 0

    async def send(self, head: Mapping[str, Any], body: bytes = b"") -> None:
        """Raises `ClientGone`."""
        try:
            async with self._lock:
                self.writer.write(frames.pack(head, body))
                await self.writer.drain()
        except ConnectionError as error:
            raise ClientGone("the client went away") from error

    async def get(self, path: str) -> tuple[int, str, bytes]:
        """What Odoo has at a path: status, type and body."""
        self._asked += 1
        number, answer = self._asked, asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self.send({"op": "get", "id": number, "path": path})
            async with asyncio.timeout(ANSWER):
                return await answer
        except TimeoutError:
            return 504, "text/plain", b""
        finally:
            self._waiting.pop(number, None)

    async def listen(self) -> None:
        """Takes Odoo's answers until the client goes away, which it raises as `ClientGone`."""
        while True:
            head, body = await receive(self.reader)
            waiting = self._waiting.get(head.get("id"))  # type: ignore[arg-type]
            if head["op"] == "got" and waiting and not waiting.done():
                waiting.set_result((int(head.get("status") or 502), str(head.get("type") or ""), body))

    async def beat(self) -> None:
        """Says that the service is there, while a print waits or works."""
        while True:
            await asyncio.sleep(frames.BEAT)
            await self.send({"op": "wait"})


class Service:
    """All prints of an instance."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.chromium = Chromium(settings)
        self.cache = render.Cache()
        self.free = asyncio.Semaphore(settings.jobs)
        self.jobs = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its begin to its end."""
        client = Client(reader, writer)
        try:
            async with asyncio.timeout(HELLO):
                head, body = await receive(reader)
            if head.get("protocol") != frames.PROTOCOL:
                raise render.RenderError("Odoo's image and the service are of different versions; run site.yml")
            if head["op"] == "ping":
                await self.chromium.check()
                await client.send({"op": "pong", **self.state()})
            elif head["op"] == "print":
                await self.print(client, head, body)
        except (ClientGone, TimeoutError):
            pass
        except (render.RenderError, OptionError, AssembleError, BrowserError, frames.FrameError) as error:
            log.warning("not printed: %s", first_line(error))
            with contextlib.suppress(ClientGone):
                await client.send({"op": "failed", "message": first_line(error)})
        except Exception as error:
            log.exception("not printed")
            with contextlib.suppress(ClientGone):
                await client.send({"op": "failed", "message": f"{type(error).__name__}: {first_line(error)}"})
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def state(self) -> dict[str, Any]:
        """What is known of the service."""
        return {"browser": self.chromium.version, "sandbox": self.chromium.sandbox, "jobs": self.jobs}

    async def print(self, client: Client, head: Mapping[str, Any], body: bytes) -> None:
        """One print. Raises what tells the client why there is none."""
        files, position = {}, 0
        for name, size in head["files"]:
            files[str(name)] = body[position : position + int(size)]
            position += int(size)
        job = Job.from_dict(dict(head["job"]))
        if not job.bodies or any(one not in files for one in (*job.bodies, *filter(None, (job.header, job.footer)))):
            raise render.RenderError("a document is missing")
        listening, beating = asyncio.ensure_future(client.listen()), asyncio.ensure_future(client.beat())
        working = asyncio.ensure_future(self._work(job, files, str(head.get("origin") or ""), client))
        try:
            await asyncio.wait({listening, beating, working}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise ClientGone("the client went away")
            result = working.result()
            await client.send({"op": "done", "warnings": result.warnings, "pages": result.pages}, result.content)
        finally:
            for one in (listening, beating, working):
                one.cancel()
            await asyncio.gather(listening, beating, working, return_exceptions=True)

    async def _work(self, job: Job, files: Mapping[str, bytes], origin: str, client: Client) -> render.Result:
        async with self.free:
            self.jobs += 1
            begin = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(self.settings.timeout):
                    result = await self._tried(job, files, origin, client)
            except TimeoutError:
                raise render.RenderError(
                    f"the print took longer than report_timeout: {self.settings.timeout:.0f} seconds"
                ) from None
            finally:
                self.jobs -= 1
            seconds = asyncio.get_running_loop().time() - begin
            log.info("printed %d pages, %d bytes in %.1f s", result.pages, len(result.content), seconds)
            return result

    async def _tried(self, job: Job, files: Mapping[str, bytes], origin: str, client: Client) -> render.Result:
        """Prints, and once more with a new browser if the first one ended meanwhile."""
        for number in range(1, SECOND_TRY + 1):
            try:
                async with self.chromium.lease() as browser:
                    try:
                        return await render.Print(job, files, origin, client.get, self.cache).run(browser)
                    except Error as error:
                        if browser.is_connected() and not any(word in str(error).lower() for word in DIED):
                            raise render.RenderError(f"the browser: {first_line(error)}") from error
                        log.warning("the browser ended in the middle of a print: %s", first_line(error))
            except BrowserError:
                if number == SECOND_TRY:
                    raise
        raise render.RenderError(
            "the browser ended twice in the middle of this print; it may need more memory (report_memory)"
        )


async def serve(settings: Settings) -> None:
    """Runs until a signal."""
    service = Service(settings)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(settings.socket)
    mask = os.umask(0o117)  # Odoo's group may connect
    server = await asyncio.start_unix_server(service.connected, settings.socket, limit=2**20)
    os.umask(mask)
    ended = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, ended.set)
    async with service.chromium.lease() as browser:  # so that a machine on which it can't start says so now
        log.info(
            "ready: Chromium %s, %s",
            browser.version,
            "in its sandbox" if service.chromium.sandbox else "without a sandbox",
        )
    async with server:
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), 15)
            await service.chromium.rest()
    server.close()


async def health(settings: Settings) -> int:
    """The exit code of a health check: 0 when the service answers and its browser does."""
    try:
        async with asyncio.timeout(HELLO):
            reader, writer = await asyncio.open_unix_connection(settings.socket)
            writer.write(frames.pack({"op": "ping", "protocol": frames.PROTOCOL}))
            head, dummy = await receive(reader)
            writer.close()
    except (OSError, TimeoutError, ClientGone, frames.FrameError) as error:
        print(f"the service does not answer: {first_line(error)}")
        return 1
    if head["op"] != "pong":
        print(head.get("message"))
        return 1
    print(
        f"Chromium {head['browser']}, {'in its sandbox' if head['sandbox'] else 'without its own sandbox'}, {head['jobs']} at work"
    )
    return 0
