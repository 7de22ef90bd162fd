# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Chromium at a time, driven by Playwright: started with the first print, replaced after many, ended when nobody prints."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from playwright.async_api import Browser, Error, Playwright, async_playwright

from .settings import Settings

log = logging.getLogger("report")

ARGUMENTS = [
    "--disable-gpu",
    "--font-render-hinting=none",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
]
START = 60  # seconds that a browser may take to start
ANSWER = 20  # seconds that it may take for an empty page


class BrowserError(Exception):
    """No browser can be started; the message is one line."""


class Chromium:
    """The browser of the service."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sandbox = True  # whether the browser that runs has its own
        self.version = ""
        self._lock = asyncio.Lock()
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._printed = self._users = 0
        self._used = time.monotonic()

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[Browser]:
        """A browser that works, for one print. Raises `BrowserError`."""
        async with self._lock:
            if self._printed >= self.settings.recycle and not self._users:
                await self._end()
            browser = await self._running()
            self._users += 1
            self._printed += 1
        try:
            yield browser
        finally:
            self._users -= 1
            self._used = time.monotonic()

    async def check(self) -> None:
        """Asks a browser that runs for an empty page; starts none. Raises `BrowserError` when it does not answer."""
        browser = self._browser
        if browser is None or not browser.is_connected():
            return
        try:
            async with asyncio.timeout(ANSWER):
                context = await browser.new_context()
                await (await context.new_page()).evaluate("1")
                await context.close()
        except (Error, TimeoutError) as error:
            if browser.is_connected():
                raise BrowserError(f"the browser does not answer ({first_line(error)})") from error

    async def rest(self) -> None:
        """Ends the browser if nobody has printed for a while."""
        async with self._lock:
            if self._browser and not self._users and time.monotonic() - self._used > self.settings.idle:
                await self._end()

    async def _running(self) -> Browser:
        if self._browser and self._browser.is_connected():
            return self._browser
        await self._end()
        try:
            async with asyncio.timeout(START):
                self._playwright = await async_playwright().start()
                self._browser = await self._start(self._playwright)
        except (Error, OSError, TimeoutError) as error:
            raise BrowserError(f"Chromium does not start ({first_line(error)})") from error
        self._printed, self.version = 0, self._browser.version
        return self._browser

    async def _start(self, playwright: Playwright) -> Browser:
        if self.sandbox:
            try:
                return await self._launch(playwright, True)
            except Error as error:
                if self.settings.sandbox == "required":
                    raise
                # Seen once, it stays so: the kernel or the engine refuses user namespaces.
                browser = await self._launch(playwright, False)
                self.sandbox = False
                log.warning("Chromium runs without its own sandbox, since the kernel refuses it: %s", first_line(error))
                return browser
        return await self._launch(playwright, False)

    async def _launch(self, playwright: Playwright, sandbox: bool) -> Browser:
        return await playwright.chromium.launch(
            executable_path=self.settings.browser, chromium_sandbox=sandbox, args=ARGUMENTS, handle_sigint=False, handle_sigterm=False,
            handle_sighup=False,
        )  # fmt: skip

    async def _end(self) -> None:
        browser, playwright, self._browser, self._playwright = self._browser, self._playwright, None, None
        for one, end in ((browser, "close"), (playwright, "stop")):
            if one is not None:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(10):
                        await getattr(one, end)()


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
