"""A person with a browser: logs in through the proxy over TLS, opens Apps, sees the app cards, and nothing complains on the way.

Runs under pytest or alone (`python3 tests/browser/test_login.py`). Environment:

DEMO_URL            address of the instance, for example https://demo.localhost:8443
DEMO_CA             file with the certificate of the CA; the browser trusts it as a person's would who imported it
DEMO_LOGIN          login name, default admin
DEMO_PASSWORD_FILE  file with the password
SCREENSHOT_DIR      folder for login.png and apps.png, default the current folder

Needs Debian's chromium, chromium-driver and libnss3-tools, and selenium from PyPI. Certificate errors are never ignored.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.parse

try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait
except ImportError:
    if "pytest" not in sys.modules:
        raise SystemExit("selenium is not installed: pip install selenium") from None
    import pytest

    pytest.skip("selenium is not installed", allow_module_level=True)

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMEDRIVER = os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")
PATIENCE = float(os.environ.get("BROWSER_TIMEOUT", "90"))
MINIMUM_APPS = 5

QUIET_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=1366,900",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-client-side-phishing-detection",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-pings",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,CertificateTransparencyComponentUpdater",
]

# Cards of apps in Odoo 14 to 19.
CARDS = ".o_kanban_view .o_kanban_record:not(.o_kanban_ghost), .o_kanban_renderer .o_kanban_record:not(.o_kanban_ghost)"
WEB_CLIENT = ".o_web_client .o_main_navbar, .o_web_client nav.o_main_navbar"

STATIC_TIMINGS = """
return performance.getEntriesByType('resource')
  .filter(entry => /^\\/[^\\/]+\\/static\\//.test(new URL(entry.name).pathname))
  .map(entry => ({url: entry.name, disk: (entry.serverTiming || []).some(timing => timing.name === 'disk'),
                  cached: entry.transferSize === 0}));
"""


FIRST_WEBSOCKET_VERSION = 16
BUS_STATE = """
const services = window.odoo && odoo.__WOWL_DEBUG__ && odoo.__WOWL_DEBUG__.root.env.services;
const bus = services && services.bus_service;
return bus && bus.isActive && 'workerState' in bus ? String(bus.workerState) : 'unknown';
"""
OPEN_WEBSOCKET = """
const done = arguments[arguments.length - 1];
const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/websocket');
const timer = setTimeout(() => done('no answer within 20 s'), 20000);
socket.onopen = () => { clearTimeout(timer); socket.close(); done('open'); };
socket.onerror = () => { clearTimeout(timer); done('error'); };
"""


class Settings(t.NamedTuple):
    url: str
    ca: str
    login: str
    password: str
    screenshots: pathlib.Path

    @property
    def host(self) -> str:
        return urllib.parse.urlsplit(self.url).hostname or ""


def read_settings() -> Settings | None:
    """What the environment says; None when it doesn't name an instance."""
    environment = os.environ
    if not environment.get("DEMO_URL"):
        return None
    missing = [name for name in ("DEMO_CA", "DEMO_PASSWORD_FILE") if not os.path.isfile(environment.get(name, ""))]
    if missing:
        raise SystemExit(f"{missing[0]}={environment.get(missing[0], '')!r}: give the path of a file that is there")
    password = pathlib.Path(environment["DEMO_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
    folder = pathlib.Path(environment.get("SCREENSHOT_DIR", "."))
    folder.mkdir(parents=True, exist_ok=True)
    return Settings(
        environment["DEMO_URL"].rstrip("/"),
        environment["DEMO_CA"],
        environment.get("DEMO_LOGIN", "admin"),
        password,
        folder,
    )


@contextlib.contextmanager
def browser(settings: Settings, trusted: bool = True) -> t.Iterator[webdriver.Chrome]:
    """Chromium with an empty profile in a home of its own whose certificate store holds our CA."""
    with tempfile.TemporaryDirectory(prefix="browser-test-", ignore_cleanup_errors=True) as home:
        store = os.path.join(home, ".pki", "nssdb")
        os.makedirs(store)
        subprocess.run(["certutil", "-d", f"sql:{store}", "-N", "--empty-password"], check=True, capture_output=True)
        if trusted:
            command = ["certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "test-ca", "-i", settings.ca]
            subprocess.run(command, check=True, capture_output=True)
        options = Options()
        options.binary_location = CHROMIUM
        for argument in [*QUIET_ARGUMENTS, f"--user-data-dir={home}/profile"]:
            options.add_argument(argument)
        if settings.host.endswith("localhost"):  # and nothing else is looked up at all
            options.add_argument(
                f"--host-resolver-rules=MAP {settings.host} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
            )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        environment = {**os.environ, "HOME": home}
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            environment.pop(name, None)
        driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER, env=environment))
        driver.set_page_load_timeout(PATIENCE)
        driver.set_script_timeout(PATIENCE)
        try:
            yield driver
        finally:
            driver.quit()


def wait(driver: webdriver.Chrome, condition: t.Callable[[webdriver.Chrome], t.Any], what: str) -> t.Any:
    """Wait until the condition holds; says what was waited for when it doesn't."""
    try:
        return WebDriverWait(driver, PATIENCE, poll_frequency=0.25, ignored_exceptions=[WebDriverException]).until(
            condition
        )
    except Exception as error:
        raise AssertionError(f"{what}: not within {PATIENCE:.0f} s at {driver.current_url}") from error


def present(selector: str) -> t.Callable[[webdriver.Chrome], t.Any]:
    return lambda driver: driver.find_elements(By.CSS_SELECTOR, selector)


def login_form_shown(driver: webdriver.Chrome) -> bool:
    """Odoo 19 hides the form until its scripts ran; on a new database it makes those scripts first, which takes seconds."""
    if driver.execute_script("return document.readyState") != "complete":
        return False
    return any(field.is_displayed() for field in driver.find_elements(By.CSS_SELECTOR, "input[name=login]"))


class Quiet:
    """True once the page has asked for nothing more during a second.

    Odoo's login page first loads a small script that holds clicks back until the large one is there; a click in between is sent twice,
    and the second one cancels the first.
    """

    def __init__(self) -> None:
        self.count, self.since = -1, 0.0

    def __call__(self, driver: webdriver.Chrome) -> bool:
        count = driver.execute_script("return performance.getEntriesByType('resource').length")
        if count != self.count:
            self.count, self.since = count, time.monotonic()
        return time.monotonic() - self.since >= 1


def try_login(driver: webdriver.Chrome, settings: Settings, login: str, password: str) -> bool:
    """Fill in the login page; True when the web client opened, False when the page said no."""
    if not driver.current_url.startswith(f"{settings.url}/web/login"):
        driver.get(f"{settings.url}/web/login")
    wait(driver, login_form_shown, "the login page")
    wait(driver, Quiet(), "the login page at rest")
    for name, value in (("login", login), ("password", password)):
        field = driver.find_element(By.CSS_SELECTOR, f"input[name={name}]")
        field.clear()
        field.send_keys(value)
    driver.find_element(By.CSS_SELECTOR, "form.oe_login_form button[type=submit]").click()
    wait(driver, present(f"{WEB_CLIENT}, .oe_login_form .alert-danger"), "an answer to the login")
    return bool(driver.find_elements(By.CSS_SELECTOR, WEB_CLIENT))


class Traffic:
    """Everything that the browser wrote into its logs so far; reading a log empties it, so it is collected."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.console: list[dict[str, t.Any]] = []
        self.events: list[dict[str, t.Any]] = []
        self.static: dict[str, dict[str, t.Any]] = {}

    def collect(self) -> None:
        self.console += self.driver.get_log("browser")
        self.events += [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        for entry in self.driver.execute_script(STATIC_TIMINGS):
            self.static.setdefault(entry["url"], entry)

    def of(self, method: str) -> list[dict[str, t.Any]]:
        return [event["params"] for event in self.events if event["method"] == method]

    @property
    def severe(self) -> list[str]:
        return [entry["message"] for entry in self.console if entry["level"] == "SEVERE"]

    @property
    def websockets(self) -> dict[str, int | None]:
        """Address of each websocket and the status that the server answered with."""
        urls = {entry["requestId"]: entry["url"] for entry in self.of("Network.webSocketCreated")}
        statuses = {
            entry["requestId"]: entry["response"]["status"]
            for entry in self.of("Network.webSocketHandshakeResponseReceived")
        }
        return {url: statuses.get(request) for request, url in urls.items()}

    @property
    def failed(self) -> list[str]:
        """Requests of the site that got an error status."""
        return [
            f"{entry['response']['status']} {entry['response']['url']}"
            for entry in self.of("Network.responseReceived")
            if entry["response"]["status"] >= 400
        ]


def server_version(driver: webdriver.Chrome) -> int:
    """Odoo's major version, as the web client knows it."""
    text = driver.execute_script(
        "return String((window.odoo && odoo.session_info && odoo.session_info.server_version) || '')"
    )
    if not text:
        text = driver.execute_script(
            "const answer = await fetch('/web/webclient/version_info', {method: 'POST', headers: {'Content-Type': 'application/json'},"
            ' body: \'{"jsonrpc": "2.0", "params": {}}\'}); return (await answer.json()).result.server_version;'
        )
    found = re.search(r"\d+", text or "")
    return int(found.group()) if found else 0


def check_wrong_passwords(settings: Settings) -> None:
    """Neither a wrong password nor the well-known one opens the door."""
    with browser(settings) as driver:
        assert not try_login(driver, settings, settings.login, settings.password + "-wrong"), (
            "a wrong password was accepted"
        )
        assert not try_login(driver, settings, "admin", "admin"), "admin/admin was accepted"


def check_untrusted_ca(settings: Settings) -> None:
    """The control: a browser that doesn't know our CA refuses, so the other checks prove that the certificate is right."""
    with browser(settings, trusted=False) as driver:
        with contextlib.suppress(WebDriverException):
            driver.get(f"{settings.url}/web/login")
        assert "ERR_CERT_AUTHORITY_INVALID" in driver.page_source, (
            "a browser without our CA saw the site: the test would prove nothing"
        )
        assert not driver.find_elements(By.CSS_SELECTOR, "input[name=login]")


def check_login_and_apps(settings: Settings) -> dict[str, t.Any]:
    """Log in, open Apps, and look at all that happened."""
    with browser(settings) as driver:
        traffic = Traffic(driver)
        driver.get(f"{settings.url}/web/login")
        wait(driver, login_form_shown, "the login page")
        driver.save_screenshot(str(settings.screenshots / "login.png"))
        traffic.collect()
        if not try_login(driver, settings, settings.login, settings.password):
            raise AssertionError(f"login {settings.login!r} with the password of DEMO_PASSWORD_FILE was refused")
        wait(driver, Quiet(), "the web client at rest")
        version = server_version(driver)
        traffic.collect()
        driver.get(f"{settings.url}/odoo/apps" if version >= 18 else f"{settings.url}/web#action=base.open_module_tree")
        wait(
            driver,
            lambda page: len(page.find_elements(By.CSS_SELECTOR, CARDS)) >= MINIMUM_APPS,
            "the cards of the apps",
        )
        wait(driver, images_loaded, "the icons of the apps")
        driver.save_screenshot(str(settings.screenshots / "apps.png"))
        cards = len(driver.find_elements(By.CSS_SELECTOR, CARDS))
        traffic.collect()
        realtime = "long polling"
        if version >= FIRST_WEBSOCKET_VERSION:
            wait(driver, lambda page: bus_state(page) in ("CONNECTED", "unknown"), "the web client's own websocket")
            opened = driver.execute_async_script(OPEN_WEBSOCKET)
            assert opened == "open", f"a websocket to {settings.url}/websocket was not opened: {opened}"
            realtime = f"websocket open, the web client's is {bus_state(driver)}"
        time.sleep(1)
        traffic.collect()

    assert traffic.severe == [], f"the console shows errors: {traffic.severe}"
    assert traffic.failed == [], f"requests failed: {traffic.failed}"
    broken = {url: status for url, status in traffic.websockets.items() if status != 101}
    assert broken == {}, f"a websocket was not opened: {broken}"
    assert traffic.static, "no static file was asked for: the test would prove nothing"
    by_odoo = [url for url, entry in traffic.static.items() if not entry["disk"]]
    assert by_odoo == [], f"static files that did not come from the proxy's disk: {by_odoo}"
    return {"version": version, "cards": cards, "static_files": len(traffic.static), "realtime": realtime}


def images_loaded(driver: webdriver.Chrome) -> bool:
    """All pictures of the cards are there and are pictures."""
    script = f"""return Array.from(document.querySelectorAll({json.dumps(CARDS)})).flatMap(card => Array.from(card.querySelectorAll('img')))
      .filter(image => image.loading !== 'lazy' || image.complete).every(image => image.complete && image.naturalWidth > 0)"""
    return bool(driver.execute_script(script))


def bus_state(driver: webdriver.Chrome) -> str:
    """What the web client knows of its websocket. It lives in a shared worker, which the browser's log of a page doesn't see."""
    return str(driver.execute_script(BUS_STATE))


SETTINGS = read_settings()

if "pytest" in sys.modules:
    import pytest

    pytestmark = pytest.mark.skipif(SETTINGS is None, reason="DEMO_URL is not set: no instance to look at")


def test_an_unknown_ca_is_refused() -> None:
    assert SETTINGS is not None
    check_untrusted_ca(SETTINGS)


def test_login_and_apps() -> None:
    assert SETTINGS is not None
    check_login_and_apps(SETTINGS)


def test_wrong_passwords_are_refused() -> None:
    assert SETTINGS is not None
    check_wrong_passwords(SETTINGS)


def main() -> None:
    if SETTINGS is None:
        raise SystemExit(
            "DEMO_URL is not set: give the address of the instance, for example https://demo.localhost:8443"
        )
    check_untrusted_ca(SETTINGS)
    seen = check_login_and_apps(SETTINGS)
    check_wrong_passwords(SETTINGS)
    print(f"browser: logged in to Odoo {seen['version']}, {seen['cards']} apps, {seen['static_files']} static files from disk, "
          f"{seen['realtime']}; a wrong password, admin/admin and an unknown CA were refused")  # fmt: skip


if __name__ == "__main__":
    main()
