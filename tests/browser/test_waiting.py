"""A person with a browser on Odoo's port while the runtime works: the page is readable, and turns into the real one by itself.

Runs under pytest or alone (`python3 tests/browser/test_waiting.py`); the runtime's server runs in this process. Environment:

SCREENSHOT_DIR      folder for waiting-*.png, default the current folder

Needs Debian's chromium, chromium-driver and libnss3-tools, and selenium from PyPI.
"""

from __future__ import annotations

import contextlib
import http.server
import os
import pathlib
import socket
import sys
import threading
import typing as t

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "plugins" / "module_utils")]

import test_login as common  # noqa: E402
from _runtime.run import waiting_page  # noqa: E402

if t.TYPE_CHECKING:
    from selenium import webdriver

SCREENSHOTS = pathlib.Path(os.environ.get("SCREENSHOT_DIR", "."))
PHONE, DESKTOP = 375, 1280

UPDATING: dict[str, t.Any] = {
    "database": "acme_prod",
    "instance": "acme_prod",
    "state": "Updating",
    "since": "2026-11-21T13:50:01+00:00",
    "age_seconds": 185,
    "phase": "updating module sale (3 of 12)",
    "step": 3,
    "of": 12,
    "holder": {"mode": "UpdateAndRun", "run_id": "0a1b2c3d4e5f", "host": "acme-prod-1", "since": None},
    "failed": False,
}
NOTHING_KNOWN = dict.fromkeys(("since", "age_seconds", "phase", "step", "of", "holder"))
SCENES: dict[str, dict[str, t.Any]] = {
    "creating": {"state": "Creating", "age_seconds": 40, "phase": "installing 14 modules", "step": None, "of": None},
    "updating": {},
    "long": {"phase": "updating module " + "a_module_with_a_very_long_name_" * 4 + " (3 of 12)"},
    "maintenance": {"state": "Maintenance", "phase": "hook post-update.d/20-rebuild-index", "step": 12},
    "starting": {**NOTHING_KNOWN, "state": None},
    "failed": {"state": "Failed", "age_seconds": 9000, "phase": "KeyError: 'sale_line'", "failed": True},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def chromium(port: int) -> t.Iterator[webdriver.Chrome]:
    """The browser of the login test; it trusts no CA of ours and needs none."""
    settings = common.Settings(f"http://odoo.localhost:{port}", "", "", "", SCREENSHOTS)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with common.browser(settings, trusted=False) as driver:
        yield driver


def look(driver: webdriver.Chrome, width: int, dark: bool) -> None:
    """A screen of this width; a window of Chromium's own can't be as narrow as a phone."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def visible_text(driver: webdriver.Chrome) -> str:
    return str(driver.execute_script("return document.body.innerText"))


# The page's text against what is behind it, as WCAG counts it.
LEAST_CONTRAST = """
const light = color => {
  const [r, g, b] = color.match(/[\\d.]+/g).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const card = light(getComputedStyle(document.querySelector('main')).backgroundColor);
return Math.min(...Array.from(document.querySelectorAll('h1, p, dt, dd')).map(element => {
  const ink = light(getComputedStyle(element).color);
  return (Math.max(ink, card) + 0.05) / (Math.min(ink, card) + 0.05);
}));
"""


def check_look() -> int:
    """Each scene on phone and desktop, light and dark: nothing is cut off, and the text stands out."""
    status: dict[str, t.Any] = {}
    server = waiting_page.Waiting(free_port(), lambda: status, host="127.0.0.1")
    assert server.start(), "the page did not start"
    taken = 0
    try:
        with chromium(server.address[1]) as driver:
            for name, values in SCENES.items():
                status = {**UPDATING, **values}
                for width in (PHONE, DESKTOP):
                    for dark in (False, True):
                        look(driver, width, dark)
                        driver.get(f"http://odoo.localhost:{server.address[1]}/web/login")
                        widths = driver.execute_script(
                            "const page = document.documentElement; return [page.clientWidth, page.scrollWidth]"
                        )
                        assert widths == [width, width], f"{name} at {width} px scrolls sideways: {widths}"
                        contrast = driver.execute_script(LEAST_CONTRAST)
                        assert contrast >= 4.5, f"{name}: text with a contrast of {contrast:.1f}"
                        text = visible_text(driver)
                        for secret in ("acme", "0a1b2c3d4e5f", "KeyError"):
                            assert secret not in text, f"{name} shows {secret!r}"
                        kind = f"{'phone' if width == PHONE else 'desktop'}-{'dark' if dark else 'light'}"
                        driver.save_screenshot(str(SCREENSHOTS / f"waiting-{name}-{kind}.png"))
                        taken += 1
            complaints = [entry["message"] for entry in driver.get_log("browser") if "Policy" in entry["message"]]
            assert complaints == [], f"the page breaks its own policy: {complaints}"
    finally:
        server.stop()
    return taken


def check_it_follows_by_itself() -> None:
    """Nobody touches the browser: it shows the next phase, and Odoo as soon as Odoo has the port."""
    status = dict(UPDATING)
    server = waiting_page.Waiting(free_port(), lambda: status, host="127.0.0.1")
    assert server.start(), "the page did not start"
    real: http.server.ThreadingHTTPServer | None = None
    try:
        with chromium(server.address[1]) as driver:
            driver.get(f"http://odoo.localhost:{server.address[1]}/shop?order=7")
            first = visible_text(driver)
            assert "Update in progress" in first and "updating module sale (3 of 12)" in first, first
            bar = driver.execute_script("const bar = document.querySelector('progress'); return [bar.value, bar.max]")
            assert bar == [3, 12], bar
            status.update(state="Maintenance", phase="the last hook", step=None, of=None)
            common.wait(driver, lambda page: "the last hook" in visible_text(page), "the next phase")
            assert "Maintenance in progress" in visible_text(driver)
            server.stop()
            real = real_server(server.address[1])
            common.wait(driver, lambda page: page.title == "The shop", "the real page")
            assert visible_text(driver).strip() == "/shop?order=7"
    finally:
        server.stop()
        if real is not None:
            real.shutdown()
            real.server_close()


def real_server(port: int) -> http.server.ThreadingHTTPServer:
    class Real(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<!DOCTYPE html><title>The shop</title><p>{self.path}</p>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: t.Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Real)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if "pytest" in sys.modules:
    import pytest

    pytestmark = pytest.mark.skipif(not os.path.exists(common.CHROMIUM), reason="Chromium is not installed")


def test_the_page_looks_right_on_phone_and_desktop() -> None:
    assert check_look() == len(SCENES) * 4


def test_the_page_turns_into_the_real_one_by_itself() -> None:
    check_it_follows_by_itself()


def main() -> None:
    taken = check_look()
    check_it_follows_by_itself()
    print(f"waiting page: {taken} screenshots without sideways scrolling, and it turned into the real page by itself")


if __name__ == "__main__":
    main()
