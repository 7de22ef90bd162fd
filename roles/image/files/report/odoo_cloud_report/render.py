# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints one job with a browser."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping, Sequence

from playwright.async_api import Browser, BrowserContext, Error, Page, Route

from . import assemble
from .options import Job

log = logging.getLogger("report")

PREFIX = "/.odoo-cloud-report/"  # below Odoo's own address, so that fonts and pictures are of the same origin
# What wkhtmltopdf's "smart shrinking" makes of a CSS pixel, relative to a browser's.
SHRINK = 0.7785
LEAST_SCALE, MOST_SCALE = 0.1, 2.0
# wkhtmltopdf lays bodies out wider than Odoo's containers want; without this they are too narrow.
BODY_STYLE = "<style>.container{max-width:100%!important}</style>"
MM = 1 / 25.4  # in inches
MOST_CACHE = 32 * 1024 * 1024
MOST_WARNINGS = 5
CLOSE = 15  # seconds that the browser may take to end the pages of a print
STUCK = 75  # exit code of the service when it does not; the engine starts it again

# Status, type and body of what is at a path of Odoo.
Fetch = Callable[[str], Awaitable[tuple[int, str, bytes]]]

# wkhtmltopdf breaks no page before the first content, even if a template says so after an empty element.
NO_EMPTY_PAGE = """
() => {
  const top = document.body.getBoundingClientRect().top + parseFloat(getComputedStyle(document.body).paddingTop) + 1;
  for (const one of document.body.querySelectorAll('*')) {
    if (one.getBoundingClientRect().top > top) break;
    if (['page', 'always', 'left', 'right', 'recto', 'verso'].includes(getComputedStyle(one).breakBefore))
      one.style.setProperty('break-before', 'auto', 'important');
  }
}
"""
# Remembers a header's or footer's content before its own script changes it.
PRISTINE = """
document.addEventListener('DOMContentLoaded', () => {
  window.__odooCloudPristine = [...document.body.childNodes].map(one => one.cloneNode(true));
});
"""
# Whether the script runs only at the load of the page, so that it may be run once for each page of the paper.
ONLY_ONLOAD = "!document.body.querySelector('script') && document.body.hasAttribute('onload')"
# Builds one page of paper for each query in `queries`, each with the header or footer as its own script makes it.
STRIP = """
async ({queries, geometry}) => {
  const g = geometry, body = document.body, onload = body.getAttribute('onload');
  const height = body.getBoundingClientRect().height;
  const made = [];
  for (const query of queries) {
    if (queries.length > 1 || onload) {
      body.replaceChildren(...window.__odooCloudPristine.map(one => one.cloneNode(true)));
      history.replaceState(null, '', location.pathname + '?' + query);
      // An error ends it alone, as everywhere in a browser: Odoo's own fails where there is no header.
      try { if (onload) new Function(onload).call(window); } catch (error) { console.warn(error); }
    }
    made.push([...body.childNodes]);
    body.replaceChildren();
  }
  const attributes = [...body.attributes].filter(one => one.name != 'onload');
  for (const one of [...body.attributes]) body.removeAttribute(one.name);
  const style = document.createElement('style');
  style.textContent = '@page{margin:0}html,body{height:auto!important;margin:0!important;padding:0!important;'
    + 'max-width:none!important;overflow:visible!important;background:transparent!important}'
    // Margins at the top collapse with the body's and count for nothing, such as those of Odoo 14's footers.
    + '.header,.footer{margin-top:0!important}';
  document.head.appendChild(style);
  // A body that is higher than nothing moves up, as in wkhtmltopdf; Odoo's has no height.
  let top = g.top / g.scale + 'mm';
  if (g.kind == 'header') top = 'calc(' + top + ' - ' + height + 'px)';
  made.forEach((nodes, number) => {
    const paper = document.createElement('div');
    paper.style.cssText = 'position:relative;overflow:hidden;width:' + g.width / g.scale + 'mm;height:'
      + (g.height - 0.05) / g.scale + 'mm;' + (number < made.length - 1 ? 'break-after:page' : '');
    const box = document.createElement('div');
    for (const one of attributes) box.setAttribute(one.name, one.value);
    box.style.cssText += ';background:transparent!important;position:absolute;margin:0;max-width:none!important;'
      + 'overflow:visible!important;left:' + g.left / g.scale + 'mm;width:'
      + (g.width - g.left - g.right) / g.scale + 'mm;top:' + top + ';height:'
      + Math.max(g.room, 1) / g.scale + 'mm';
    box.append(...nodes);
    paper.append(box);
    if (g.line) {
      const line = document.createElement('div');
      line.style.cssText = 'position:absolute;left:' + g.left / g.scale + 'mm;width:' + (g.width - g.left - g.right) / g.scale
        + 'mm;border-top:1px solid black;top:' + g.line / g.scale + 'mm';
      paper.append(line);
    }
    body.append(paper);
  });
  await document.fonts.ready;
  await Promise.all([...document.images].map(one => one.decode().catch(() => 0)));
  return height;
}
"""


class RenderError(Exception):
    """The job can't be printed; the message is one line for the person who prints."""


@dataclasses.dataclass
class Result:
    """What a job came to. `content`: a PDF or an image. `pages`: of the PDF."""

    content: bytes
    pages: int
    warnings: list[str]


class Cache:
    """Odoo's compiled stylesheets and fonts, whose addresses change with their content."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str, bytes]] = {}
        self._size = 0

    @staticmethod
    def takes(path: str) -> bool:
        """Whether what is at this path never changes."""
        return path.startswith("/web/assets/") and not path.startswith("/web/assets/debug/") and "?" not in path

    def get(self, key: str) -> tuple[int, str, bytes] | None:
        return self._found.get(key)

    def put(self, key: str, answer: tuple[int, str, bytes]) -> None:
        if self._size + len(answer[2]) > MOST_CACHE:
            self._found.clear()
            self._size = 0
        if len(answer[2]) <= MOST_CACHE:
            self._found[key] = answer
            self._size += len(answer[2])


class Print:
    """One job."""

    def __init__(self, job: Job, files: Mapping[str, bytes], origin: str, fetch: Fetch, cache: Cache) -> None:
        """`files`: documents by their names. `origin`: of Odoo's links."""
        self.job, self.files, self.origin, self.fetch, self.cache = job, files, origin, fetch, cache
        self.warnings: list[str] = []
        self.failure = ""

    async def run(self, browser: Browser) -> Result:
        """Prints it. Raises `RenderError`, or Playwright's `Error` when the browser is gone."""
        job = self.job
        size = {"width": int(job.width), "height": int(job.height) or 768} if job.kind == "image" else None
        context = await browser.new_context(
            service_workers="block", accept_downloads=False, viewport=size or {"width": 1280, "height": 1024},
            java_script_enabled=job.script or bool(job.header or job.footer),
        )  # fmt: skip
        try:
            await context.route("**/*", self._serve)
            await context.route_web_socket("**/*", lambda socket: socket.close())
            if job.kind == "image":
                content, pages = await self._image(context), 0
            else:
                content, pages = await self._pdf(context)
            if self.failure:
                raise RenderError(self.failure)
            return Result(content, pages, self.warnings[:MOST_WARNINGS])
        finally:
            await self._close(context)

    async def _close(self, context: BrowserContext) -> None:
        """Ends all pages of the print. A browser that was killed has done it already; one that never does it ends the service."""
        try:
            async with asyncio.timeout(CLOSE):
                await context.close()
        except Error:
            pass
        except TimeoutError:
            log.error("the browser does not let go of a print; the service starts again")
            os._exit(STUCK)

    async def _page(self, context: BrowserContext) -> Page:
        page = await context.new_page()
        page.on("popup", lambda popup: asyncio.ensure_future(popup.close()))
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))
        await page.emulate_media(media="print" if self.job.print_media else "screen")
        return page

    async def _serve(self, route: Route) -> None:
        """Answers every request of the browser: our documents, what Odoo has, and nothing else."""
        request = route.request
        url = urllib.parse.urlsplit(request.url)
        try:
            if f"{url.scheme}://{url.netloc}" != self.origin or request.method != "GET":
                self._warn(f"not loaded, since it is not Odoo's: {request.method} {request.url[:150]}")
                await route.abort("accessdenied")
            elif url.path.startswith(PREFIX):
                await self._document(route, urllib.parse.unquote(url.path[len(PREFIX) :]))
            else:
                await self._odoo(route, url.path + (f"?{url.query}" if url.query else ""))
        except Error:
            pass  # the page has ended

    async def _document(self, route: Route, name: str) -> None:
        html = self.files.get(name)
        if html is None:
            await route.abort("filenotfound")
            return
        if name in self.job.bodies:
            html = html.replace(b"</head>", BODY_STYLE.encode() + b"</head>", 1)
        await route.fulfill(status=200, content_type="text/html; charset=utf-8", body=html)

    async def _odoo(self, route: Route, path: str) -> None:
        request = route.request
        key = self.origin + path
        answer = self.cache.get(key) or await self.fetch(path)
        status, kind, body = answer
        if status == 200 and self.cache.takes(path):
            self.cache.put(key, answer)
        if status >= 300:
            said = f"{path[:150]} could not be loaded ({status})"
            if request.resource_type == "stylesheet":
                # An invoice without its styles is no invoice.
                self.failure = self.failure or f"the stylesheet {said}"
            else:
                self._warn(said)
        await route.fulfill(status=status if status >= 200 else 502, content_type=kind, body=body)

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    async def _open(self, page: Page, name: str, query: str = "") -> None:
        """Opens one of the documents and waits for all that it loads."""
        await page.goto(
            f"{self.origin}{PREFIX}{urllib.parse.quote(name)}" + (f"?{query}" if query else ""), wait_until="load"
        )
        await page.evaluate("() => document.fonts.ready.then(() => 1)")
        if self.failure:
            raise RenderError(self.failure)

    async def _image(self, context: BrowserContext) -> bytes:
        page = await self._page(context)
        await self._open(page, self.job.bodies[0])
        quality = {"quality": self.job.quality} if self.job.format == "jpeg" else {}
        return await page.screenshot(type=self.job.format, full_page=not self.job.height, **quality)

    @property
    def scale(self) -> float:
        """What a CSS pixel is multiplied by on paper."""
        return min(max(self.job.zoom * (SHRINK if self.job.shrink else 1), LEAST_SCALE), MOST_SCALE)

    async def _paper(self, page: Page, margins: bool) -> bytes:
        job = self.job
        sides = {
            side: f"{getattr(job, side) * MM if margins else 0:.4f}in" for side in ("top", "bottom", "left", "right")
        }
        return await page.pdf(
            width=f"{job.width * MM:.4f}in", height=f"{job.height * MM:.4f}in", margin=sides, scale=self.scale, print_background=True
        )  # fmt: skip

    async def _pdf(self, context: BrowserContext) -> tuple[bytes, int]:
        job, documents = self.job, []
        page = await self._page(context)
        for name in job.bodies:
            await self._open(page, name)
            await page.evaluate(NO_EMPTY_PAGE)
            heading = await page.evaluate(
                "() => (document.querySelector('h1,h2,h3,h4,h5,h6') || {textContent: ''}).textContent.trim().slice(0, 200)"
            )
            documents.append(assemble.Document(await self._paper(page, True), heading))
        await page.close()
        counts = [await asyncio.to_thread(assemble.pages_of, one.pdf) for one in documents]
        queries = [self._query(number, page, counts) for number, pages in enumerate(counts) for page in range(pages)]
        strips = [
            await self._strip(context, kind, name, queries)
            for kind, name in (("header", job.header), ("footer", job.footer))
            if name
        ]
        title = job.title or documents[0].title
        return await asyncio.to_thread(assemble.assemble, documents, job.height, title, strips)

    async def _strip(self, context: BrowserContext, kind: str, name: str, queries: Sequence[str]) -> bytes:
        """Headers or footers of all pages, as pages of the paper with nothing else on them. `queries`: one for each page."""
        page = await self._page(context)
        await page.add_init_script(PRISTINE)
        await self._open(page, name, queries[0])
        if len(queries) == 1 or await page.evaluate(ONLY_ONLOAD):
            await page.evaluate(STRIP, {"queries": list(queries), "geometry": self._geometry(kind)})
            strip = await self._paper(page, False)
        else:  # its scripts know one page alone
            parts = []
            for query in queries:
                await self._open(page, name, query)
                await page.evaluate(STRIP, {"queries": [query], "geometry": self._geometry(kind)})
                parts.append(assemble.Document(await self._paper(page, False), ""))
            strip, dummy = await asyncio.to_thread(assemble.assemble, parts, self.job.height)
        await page.close()
        return strip

    def _geometry(self, kind: str) -> dict[str, object]:
        """Where a header or footer is on the paper, in mm: its `top`, and the `room` to the body or to the end."""
        job = self.job
        if kind == "header":
            top, room = job.top - job.header_spacing, job.header_spacing
            line = top + room if job.header_line else 0
        else:
            top, room = job.height - job.bottom + job.footer_spacing, job.bottom
            line = top if job.footer_line else 0
        return {
            "kind": kind, "top": top, "room": room, "line": line, "scale": self.scale, "width": job.width, "height": job.height,
            "left": job.left, "right": job.right,
        }  # fmt: skip

    def _query(self, number: int, page: int, counts: Sequence[int]) -> str:
        """What wkhtmltopdf tells a header about the page: the paper's number counts on, the document's begins anew."""
        before = sum(counts[:number])
        return urllib.parse.urlencode(
            {
                "page": before + page + 1, "frompage": 1, "topage": sum(counts), "sitepage": page + 1, "sitepages": counts[number],
                "webpage": f"/tmp/{self.job.bodies[number]}", "section": "", "subsection": "", "subsubsection": "",
                "title": "", "doctitle": "", "date": "", "isodate": "", "time": "",
            },
            quote_via=urllib.parse.quote,
        )  # fmt: skip
