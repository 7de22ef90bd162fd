"""A person whose replica dies: logs in on one, uploads a file there, goes on with the other one, still logged in, the file still there.

Runs under pytest or alone (`python3 tests/browser/test_replicas.py`), with the environment of test_login.py and

DEMO_REPLICAS       names of the instance's two containers on this machine, separated by a comma

nginx asks either of the replicas, so which one answers is decided by which one runs: the second is stopped while the person logs in and
uploads; the first is killed, without a chance to put anything away, while the person is at work. Both run again at the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import time
import typing as t

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import test_login as common

if t.TYPE_CHECKING:
    from selenium import webdriver

SIZE = 300_000  # too large for what stays in the database
SECONDS = 300
TURNS = 5
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"

# What the upload button of Odoo's forms sends; the content follows from the seed, so that it can be computed here too.
UPLOAD = """
const [size, done] = arguments;
const content = new Uint8Array(size);
for (let place = 0; place < size; place++) content[place] = (place * 31 + (place >> 8)) % 251;
const form = new FormData();
form.append('model', 'res.partner');
form.append('id', '1');
form.append('csrf_token', odoo.csrf_token);
form.append('ufile', new File([content], 'replicas.bin', {type: 'application/octet-stream'}));
fetch('/web/binary/upload_attachment', {method: 'POST', body: form})
  .then(async answer => done({status: answer.status, text: await answer.text()}), error => done({status: 0, text: String(error)}));
"""
DOWNLOAD = """
const [number, done] = arguments;
fetch('/web/content/' + number + '?download=true', {cache: 'no-store'}).then(async answer => {
  const content = await answer.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  done({status: answer.status, size: content.byteLength, digest: [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('')});
}, error => done({status: 0, size: 0, digest: String(error)}));
"""
CALL = """
const [model, method, args, done] = arguments;
fetch('/web/dataset/call_kw/' + model + '/' + method, {method: 'POST', headers: {'Content-Type': 'application/json'},
  body: JSON.stringify({jsonrpc: '2.0', method: 'call', params: {model: model, method: method, args: args, kwargs: {}}})})
  .then(async answer => done(await answer.json()), error => done({error: String(error)}));
"""


def content() -> bytes:
    return bytes((place * 31 + (place >> 8)) % 251 for place in range(SIZE))


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr.strip()}"
    return done.stdout.strip()


def healthy(name: str) -> bool:
    done = subprocess.run(["docker", "exec", name, "odoo-cloud", "health"], capture_output=True, check=False)
    return done.returncode == 0


def bring_up(name: str) -> None:
    docker("start", name)
    begin = time.monotonic()
    while not healthy(name):
        assert time.monotonic() - begin < SECONDS, f"{name} is not healthy within {SECONDS} s"
        time.sleep(0.5)
    time.sleep(3)  # until nginx has looked the names up again


def fetched(driver: webdriver.Chrome, script: str, argument: int) -> dict[str, t.Any]:
    """What a fetch of the page gives; asked again when nothing came (see steadily())."""
    answer: dict[str, t.Any] = {}
    for _turn in range(TURNS):
        answer = driver.execute_async_script(script, argument)
        if answer["status"]:
            break
        time.sleep(1)
    return answer


def call(driver: webdriver.Chrome, model: str, method: str, arguments: list[t.Any]) -> t.Any:
    """A call of the web client's own kind, in the person's session."""
    answer = driver.execute_async_script(CALL, model, method, arguments)
    assert "result" in answer, f"{model}.{method}: {str(answer)[:300]}"
    return answer["result"]


def download(driver: webdriver.Chrome, number: int) -> None:
    found = fetched(driver, DOWNLOAD, number)
    assert found["status"] == 200, f"the file can't be downloaded: {found}"
    assert found["digest"] == hashlib.sha256(content()).hexdigest(), f"another file came back: {found}"


def web_client(driver: webdriver.Chrome, settings: common.Settings) -> None:
    driver.get(f"{settings.url}/web")
    common.wait(
        driver, common.present(f"{common.WEB_CLIENT}, input[name=password]"), "the web client, without a second login"
    )
    assert driver.find_elements(common.By.CSS_SELECTOR, common.WEB_CLIENT), "logged out"


def log_in(driver: webdriver.Chrome, settings: common.Settings) -> None:
    """As a person does who presses reload when a page doesn't come up: then the login itself may have worked already."""
    driver.get(f"{settings.url}/web")
    common.wait(driver, common.present(f"{common.WEB_CLIENT}, input[name=password]"), "a page")
    if not driver.find_elements(common.By.CSS_SELECTOR, common.WEB_CLIENT):
        assert common.try_login(driver, settings, settings.login, settings.password), "the login was refused"
    common.wait(driver, common.Quiet(), "the web client at rest")


def steadily(driver: webdriver.Chrome, what: str, step: t.Callable[[], t.Any]) -> t.Any:
    """Do a step of the person's; once more, on a fresh page, when it failed because this machine's network changed.

    Containers that come and go change it, and Chromium gives up what it was loading then; not in still_network.py.
    """
    for turn in range(1, TURNS + 1):
        driver.get_log("browser")
        try:
            return step()
        except AssertionError as error:
            noise = [entry["message"] for entry in driver.get_log("browser") if NETWORK_CHANGED in entry["message"]]
            if not noise or turn == TURNS:
                raise AssertionError(f"{what}: {error}") from error
    return None


def check_replicas(settings: common.Settings, first: str, second: str) -> dict[str, t.Any]:
    """Log in and upload on the first, go on with the second."""
    for name in (first, second):
        bring_up(name)
    docker("stop", second)
    try:
        with common.browser(settings) as driver:
            steadily(driver, "login", lambda: log_in(driver, settings))
            version = common.server_version(driver)
            answer = fetched(driver, UPLOAD, SIZE)
            assert answer["status"] == 200, f"the upload failed: {answer}"
            domain = [["name", "=", "replicas.bin"], ["res_model", "=", "res.partner"]]
            rows = call(driver, "ir.attachment", "search_read", [domain, ["file_size", "store_fname"]])
            assert rows and rows[0]["file_size"] == SIZE, f"the upload is not there: {rows} {answer}"
            number, place = max((row["id"], row["store_fname"]) for row in rows)
            assert "://" in str(place), f"the file is at {place!r}, not in a store"
            download(driver, number)
            files = docker("exec", first, "sh", "-c", "find /srv/odoo -type f -size +1k | wc -l")
            bring_up(second)
            docker("kill", "--signal", "KILL", first)  # with the browser in the middle of its session
            begin = time.monotonic()
            steadily(driver, "after the kill", lambda: web_client(driver, settings))
            seconds = time.monotonic() - begin
            assert not driver.find_elements(common.By.CSS_SELECTOR, "input[name=password]"), "logged out"
            driver.save_screenshot(str(settings.screenshots / f"replicas-{version}.png"))
            download(driver, number)
            call(driver, "ir.attachment", "unlink", [[row["id"] for row in rows]])
    finally:
        for name in (first, second):
            with contextlib.suppress(AssertionError):
                bring_up(name)
    return {"version": version, "seconds": seconds, "place": place, "local_files": int(files)}


def replicas() -> list[str]:
    return [name for name in os.environ.get("DEMO_REPLICAS", "").split(",") if name]


if "pytest" in sys.modules:
    import pytest

    pytestmark = pytest.mark.skipif(
        common.SETTINGS is None or len(replicas()) != 2, reason="DEMO_URL and DEMO_REPLICAS are not set"
    )


def test_a_replica_dies_and_nobody_notices() -> None:
    assert common.SETTINGS is not None
    check_replicas(common.SETTINGS, *replicas())


def main() -> None:
    if common.SETTINGS is None or len(replicas()) != 2:
        raise SystemExit(
            "DEMO_URL and DEMO_REPLICAS: give the address of the instance and the names of its two containers"
        )
    seen = check_replicas(common.SETTINGS, *replicas())
    print(f"browser: Odoo {seen['version']}: one replica killed, logged in on the other {seen['seconds']:.1f} s later, the file is there"
          f" ({seen['place'].partition('://')[0]}); local files on the first: {seen['local_files']}")  # fmt: skip


if __name__ == "__main__":
    main()
