# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proof of delivery works with: a store, sources, a package index, a git server and a registry that want a password, a line that
breaks, people with browsers. Everything listens on this machine alone."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
import urllib.parse
import zipfile

from ..benchmarks.delivery import Store
from ..frame import ROOT, WORK, Run, Shortfall
from ..platforms import Platform

MODULES = "ansible_collections.odoo_cloud.platform.plugins.modules"
KEYS = {"region": "us-east-1", "access_key": "proof", "secret_key": "proof-secret", "bucket": "proof"}


def own_platform(run: Run, version: str) -> Platform:
    """The proof's platform, with the images of the demo."""
    return Platform(run.place, tree=run.tree, odoo_version=version)


class Bucket:
    """A store (moto) with one bucket, and the modules as Ansible starts them: a fresh Python each."""

    def __init__(self, tree: pathlib.Path, folder: pathlib.Path) -> None:
        self.tree, self.folder = tree, folder
        self.store = Store(folder)
        self.environment = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(tree / ".work" / "collections"),
        }
        self.make()

    def requests(self, *methods: str) -> int:
        """How many requests with these methods the store has answered."""
        return len(re.findall(rf"\b(?:{'|'.join(methods)}) /\S* HTTP/1", self.store.log.read_text(errors="replace")))

    def make(self) -> None:
        self.run(
            "s3_bucket",
            buckets=[{"name": "proof", "versioning": False, "encryption": "none"}],
            provider="generic",
            **{key: value for key, value in KEYS.items() if key != "bucket"},
        )

    def start(self, module: str, **arguments: t.Any) -> subprocess.Popen[str]:
        path = self.folder / f"arguments-{secrets.token_hex(4)}.json"
        path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"endpoint_url": self.store.endpoint, **arguments}}))
        return subprocess.Popen(
            [sys.executable, "-m", f"{MODULES}.{module}", str(path)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, module: str, **arguments: t.Any) -> dict[str, t.Any]:
        process = self.start(module, **arguments)
        output, errors = process.communicate()
        if process.returncode:
            raise Shortfall(f"{module}: {(output or errors).strip()[-400:]}")
        return t.cast("dict[str, t.Any]", json.loads(output))

    def fails(self, module: str, **arguments: t.Any) -> str:
        """The message of a run that must fail."""
        process = self.start(module, **arguments)
        output, errors = process.communicate()
        if not process.returncode:
            raise Shortfall(f"{module} did not fail")
        return str(json.loads(output)["msg"]) if output.strip().startswith("{") else (output or errors)[-300:]

    def sync(self, addons: pathlib.Path, channel: str = "current") -> dict[str, t.Any]:
        return self.run("odoo_addons_sync", **sync_arguments(addons, channel))

    def pull(self, path: pathlib.Path, **more: t.Any) -> dict[str, t.Any]:
        return self.run("odoo_release", path=str(path), **KEYS, **more)


def sync_arguments(addons: pathlib.Path, channel: str = "current") -> dict[str, t.Any]:
    return {
        **KEYS,
        "odoo_version": "19",
        "odoo_custom_modules_paths": [str(addons)],
        "channel": channel,
        "keep_releases": 0,
    }


def write_addons(folder: pathlib.Path, mark: str, addons: int = 12, files: int = 25, weight: int = 0) -> None:
    """Addons in whose every file the same mark stands, so that a mix is seen. ``weight``: bytes of each that don't compress."""
    for number in range(addons):
        addon = folder / f"oc_{number:02}"
        (addon / "data").mkdir(parents=True, exist_ok=True)
        (addon / "__manifest__.py").write_text(f"{{'name': '{mark}', 'version': '19.0.1.0.0', 'depends': ['base']}}\n")
        for index in range(files - 1):
            (addon / "data" / f"file_{index:03}.xml").write_text(f"<odoo>{mark}</odoo>\n" + "<!-- filler -->\n" * 50)
        if weight:
            text = base64.b64encode(os.urandom(weight)).decode()
            (addon / "data" / "file_000.xml").write_text(f"<odoo>{mark}</odoo>\n<!-- {text} -->\n")


def marks(release: pathlib.Path) -> tuple[set[str], int]:
    """The marks in all files of a release, and how many files there are; read without the code under proof."""
    found, count = set(), 0
    for path in release.joinpath("addons").rglob("*"):
        if path.is_file():
            match = re.search(r"(?:'name': '|<odoo>)(\w+)", path.read_text())
            found.add(match[1] if match else "?")
            count += 1
    return found, count


class Index:
    """A package index that wants a password, on this machine alone."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.password = secrets.token_urlsafe(18)
        self.refused = self.served = 0
        wanted = "Basic " + base64.b64encode(f"proof:{self.password}".encode()).decode()
        for version in ("1.0", "2.0"):
            make_wheel(folder, version)
        make_wheel(folder, "1.0", "oc_in_turn", "babel==0.1")
        self.hashes = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.glob("*.whl")}
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers.get("Authorization") != wanted:
                    index.refused += 1
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="proof"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                index.served += 1
                name = self.path.rstrip("/").rpartition("/")[2]
                if (folder / name).is_file():
                    body = (folder / name).read_bytes()
                else:
                    body = "".join(
                        f'<a href="/files/{one.name}">{one.name}</a>' for one in folder.glob("*.whl")
                    ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream" if name.endswith(".whl") else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *dummy: t.Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.option = f"--index-url http://127.0.0.1:{self.server.server_address[1]}/simple"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def requirements(self, version: str) -> str:
        return f"{self.option}\noc-needed=={version}\n"

    def netrc(self) -> str:
        return f"machine 127.0.0.1 login proof password {self.password}\n"


def make_wheel(folder: pathlib.Path, version: str, name: str = "oc_needed", needs: str = "") -> None:
    """A package with one module, which tells its version."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'VERSION = "{version}"\n',
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
        + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: proof\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip('=')},{len(text)}\n"
        for path, text in files.items()
    )
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{about}/RECORD": record + f"{about}/RECORD,,\n"}.items():
            wheel.writestr(path, text)


CONTROLLER = """
from odoo import http
from odoo.http import request


class Page(http.Controller):
    @http.route("/oc/page", type="http", auth="none", csrf=False)
    def page(self, slow="0"):
        import oc_needed
        import oc_vendored
        if float(slow):  # at work in a transaction, where it must not be cut off: a first statement would be sent again
            request.env.cr.execute("SELECT 1")
            request.env.cr.execute("SELECT pg_sleep(%s)", [float(slow)])
        view = request.env["ir.ui.view"].sudo().search([("key", "=", "oc_page.page")], limit=1)
        return "|".join([view.arch_db, oc_needed.VERSION, oc_vendored.VALUE])

    @http.route("/oc/view", type="http", auth="public")
    def view(self):
        import oc_needed
        return request.render("oc_page.page", {"needed": oc_needed.VERSION})
"""


class Code:
    """The sources of the proof's instance."""

    def __init__(self, folder: pathlib.Path, version: str, index: Index) -> None:
        self.folder, self.index = folder, index
        for name, depends in (("oc_page", "web"), ("oc_other", "web")):
            addon = folder / "addons" / name
            (addon / "static" / "src").mkdir(parents=True)
            (addon / "static" / "src" / "text.txt").write_text(name)
            (addon / "__init__.py").write_text("from . import controllers\n" if name == "oc_page" else "")
            data = ["views/page.xml"] if name == "oc_page" else []
            (addon / "__manifest__.py").write_text(
                repr(
                    {
                        "name": name,
                        "version": f"{version}.0.1.0.0",
                        "depends": [depends],
                        "data": data,
                        "license": "LGPL-3",
                    }
                )
                + "\n"
            )
        (folder / "addons" / "oc_page" / "controllers.py").write_text(CONTROLLER)
        (folder / "python" / "oc_vendored").mkdir(parents=True)
        (folder / "python" / "oc_vendored" / "__init__.py").write_text('VALUE = "vendored"\n')
        self.write("first", "1.0")

    def write(self, text: str, needed: str, more: str = "") -> None:
        view = self.folder / "addons" / "oc_page" / "views" / "page.xml"
        view.parent.mkdir(exist_ok=True)
        view.write_text(
            f'<odoo><template id="page" name="Page of the proof"><html><body><p id="text">{text}</p>'
            '<p id="needed"><t t-esc="needed"/></p></body></html></template></odoo>\n'
        )
        (self.folder / "requirements.txt").write_text(self.index.requirements(needed) + more)

    def variables(self) -> dict[str, t.Any]:
        return {
            "odoo_custom_modules_paths": [str(self.folder / "addons")],
            "odoo_python_dependencies_paths": [str(self.folder / "python")],
            "odoo_python_requirements_file": str(self.folder / "requirements.txt"),
            "odoo_modules": ["base", "web", "oc_page", "oc_other"],
            "odoo_update_live": True,
            "image_pip_files": {".netrc": self.index.netrc()},
        }


class Load:
    """Requests one after the other from several browsers; also one that takes a while and must not be sent twice."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.count, self.failed, self.pages = 0, [], set()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(kind,)) for kind in ("page", "login", "slow", "slow", "static")
        ]

    def _run(self, kind: str) -> None:
        path = {
            "page": "/oc/page",
            "login": "/web/login",
            "slow": "/oc/page?slow=1.5",
            "static": "/oc_page/static/src/text.txt",
        }
        while not self._stop.is_set():
            try:
                status, headers, body = self.platform.request(path[kind], method="POST" if kind == "slow" else "GET")
                self.count += 1
                if status != 200:
                    where = headers.get("location") or body[:60]
                    self.failed.append(f"{kind} at {time.strftime('%H:%M:%S')}: {status} {where!r}")
                elif kind == "page":
                    self.pages.add(body.decode())
            except OSError as error:
                self.failed.append(f"{kind}: {type(error).__name__} {error}")
            except Exception as error:  # noqa: BLE001 -- http.client's own kinds; each is a request that failed
                self.failed.append(f"{kind}: {type(error).__name__} {error}")
            self._stop.wait(0.15)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


BACKEND = '''"""Builds the wheel of oc-git without fetching anything."""
import os
import zipfile


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    about = "oc_git-1.0.dist-info"
    files = {
        "oc_git.py": open("oc_git.py").read(),
        about + "/METADATA": "Metadata-Version: 2.1\\nName: oc-git\\nVersion: 1.0\\n",
        about + "/WHEEL": "Wheel-Version: 1.0\\nGenerator: proof\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    name = "oc_git-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(about + "/RECORD", "".join(path + ",,\\n" for path in [*files, about + "/RECORD"]))
    return name
'''


class GitServer:
    """git over https with a certificate of an authority of its own and a password; the repository oc-git is a Python package."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.password = secrets.token_urlsafe(18)
        self.refused = self.served = 0
        self.marker = f"oc-marker-{secrets.token_hex(8)}"
        self._repository(folder / "work")
        context = self._certificates()
        wanted = "Basic " + base64.b64encode(f"proof:{self.password}".encode()).decode()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Authorization") != wanted:
                    server.refused += 1
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="proof"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                server.served += 1
                place = urllib.parse.urlsplit(self.path)
                done = subprocess.run(
                    ["git", "http-backend"],
                    input=body,
                    capture_output=True,
                    check=False,
                    env={
                        **os.environ,
                        "GIT_PROJECT_ROOT": str(folder),
                        "GIT_HTTP_EXPORT_ALL": "1",
                        "PATH_INFO": place.path,
                        "QUERY_STRING": place.query,
                        "REQUEST_METHOD": self.command,
                        "REMOTE_USER": "proof",
                        "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                        "CONTENT_LENGTH": str(len(body)),
                        "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                        "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
                    },
                )
                head, dummy, answer = done.stdout.partition(b"\r\n\r\n")
                lines = [line.split(": ", 1) for line in head.decode().splitlines()]
                status = next((value for name, value in lines if name == "Status"), "200 OK")
                self.send_response(int(status.split()[0]))
                for name, value in lines:
                    if name != "Status":
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = _answer

            def log_message(self, *dummy: t.Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _repository(self, work: pathlib.Path) -> None:
        work.mkdir(parents=True)
        (work / "oc_git.py").write_text(f'VALUE = "{self.marker}"\n')
        (work / "backend.py").write_text(BACKEND)
        (work / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n\n'
            '[project]\nname = "oc-git"\nversion = "1.0"\n'
        )
        who = ["-c", "user.name=proof", "-c", "user.email=proof@localhost", "-c", "commit.gpgsign=false"]
        for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "one"], ["tag", "v1"]):
            subprocess.run(["git", *command], cwd=work, check=True, capture_output=True)
        subprocess.run(
            ["git", "clone", "-q", "--bare", str(work), str(self.folder / "oc-git.git")],
            check=True,
            capture_output=True,
        )

    def _certificates(self) -> ssl.SSLContext:
        def openssl(*arguments: str) -> None:
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

        openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
            "-days",
            "2",
            "-subj",
            "/CN=proof",
        )
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
            "-subj",
            "/CN=127.0.0.1",
        )
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl(
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-out",
            "server.crt",
            "-days",
            "2",
            "-extfile",
            "names",
        )
        everybody = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
        self.bundle = self.folder / "bundle.crt"
        self.bundle.write_text(
            (everybody.read_text() if everybody.exists() else "") + (self.folder / "ca.crt").read_text()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.crt", self.folder / "server.key")
        return context

    def requirement(self) -> str:
        return f"oc-git @ git+https://127.0.0.1:{self.port}/oc-git.git@v1"

    def pip_files(self) -> dict[str, str]:
        return {
            ".gitconfig": "[credential]\n    helper = store --file=/run/pip/.git-credentials\n",
            ".git-credentials": f"https://proof:{self.password}@127.0.0.1:{self.port}\n",
        }


class Cable:
    """A connection to a store that can be cut: after so many bytes everything that is open breaks, and nothing new gets through."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._left: int | None = None
        self._mutex = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count: int | None) -> None:
        """None mends it."""
        with self._mutex:
            self._left = count

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, dummy = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with self._mutex:
            cut = self._left is not None and self._left <= 0
        if cut:
            near.close()
            return
        far = socket.create_connection(("127.0.0.1", self._target))
        with self._mutex:
            self._open |= {near, far}
        back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
        back.start()
        self._carry(near, far)
        back.join()
        with self._mutex:
            self._open -= {near, far}
        near.close()
        far.close()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                with self._mutex:
                    if self._left is not None:
                        self._left -= len(data)
                        if self._left <= 0:
                            for end in self._open:
                                with contextlib.suppress(OSError):
                                    end.shutdown(socket.SHUT_RDWR)
                            return
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.close()


def page(platform: Platform) -> str:
    """What the page of the proof says."""
    status, dummy, body = platform.request("/oc/page")
    return body.decode() if status == 200 else f"status {status}"


def shown_in_browser(platform: Platform, path: str) -> dict[str, str]:
    """What a person's Chromium shows of a page of the site: the text of each element that has an id."""
    sys.path.insert(0, str(ROOT / "tests" / "browser"))  # a folder of tests, no package
    import test_login as browser
    from selenium.common.exceptions import WebDriverException

    settings = browser.Settings(
        f"https://{platform.host()}:{platform.https_port}", str(platform.secrets / "tls" / "ca.crt"), "", "", platform.logs
    )  # fmt: skip
    try:
        with browser.browser(settings) as driver:
            driver.get(settings.url + path)
            return {
                one.get_attribute("id"): one.text for one in driver.find_elements(browser.By.CSS_SELECTOR, "body [id]")
            }
    except (WebDriverException, subprocess.CalledProcessError) as error:
        raise Shortfall(f"Chromium: {str(error).splitlines()[0]}") from error


class Registry:
    """A registry that wants a password: Debian's docker-registry, unpacked beside the proof and run as a process of it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.password = folder, secrets.token_urlsafe(18)
        program = WORK / "docker-registry" / "usr" / "bin" / "docker-registry"
        if not program.exists():
            with tempfile.TemporaryDirectory() as place:
                subprocess.run(
                    ["apt-get", "-qq", "download", "docker-registry"], cwd=place, check=True, capture_output=True
                )
                package = next(pathlib.Path(place).glob("*.deb"))
                program.parents[2].mkdir(parents=True, exist_ok=True)
                subprocess.run(["dpkg", "-x", str(package), str(program.parents[2])], check=True, capture_output=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}/proof"
        # Debian's perl is always there and knows the one kind of hash that the registry takes.
        salt = f"$2y$06${secrets.token_hex(11)}"
        hashed = subprocess.run(
            ["perl", "-e", f"$_ = <STDIN>; print crypt($_, '{salt}')"],
            input=self.password,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        (folder / "people").write_text(f"proof:{hashed}\n")
        (folder / "config.yml").write_text(
            json.dumps(
                {
                    "version": 0.1,
                    "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
                    "http": {"addr": f"127.0.0.1:{self.port}"},
                    "auth": {"htpasswd": {"realm": "proof", "path": str(folder / "people")}},
                }
            )
        )
        self.command = [str(program), "serve", str(folder / "config.yml")]
        self.log = folder / "log"
        self.start()

    def start(self) -> None:
        with open(self.log, "ab") as stream:
            self.process = subprocess.Popen(self.command, stdout=stream, stderr=stream)
        for dummy in range(100):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.1)
        raise Shortfall(f"docker-registry did not start: {self.log.read_text()[-300:]}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def requests(self) -> int:
        return self.log.read_text(errors="replace").count("http.request.method")

    def images(self) -> list[str]:
        """Name and tag of what it holds."""
        place = self.folder / "storage" / "docker" / "registry" / "v2" / "repositories"
        return sorted(f"{tag.parents[2].name}:{tag.name}" for tag in place.glob("proof/*/_manifests/tags/*"))

    def variables(self) -> dict[str, t.Any]:
        return {
            "image_registry": self.name,
            "image_registry_username": "proof",
            "image_registry_password": self.password,
        }
