# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail: nothing gets past the catcher, whatever the database says, and what is declared of answers stands in it.

Beside Odoo are two small servers that count: one stands for the catcher, the other for all mail servers and mailboxes of the world.
"""

from __future__ import annotations

import collections.abc
import json
import subprocess
import typing as t

from ..containers.lab import Lab
from ..frame import RUNTIME, Line, Mutant, Shortfall, docker, parts_of, sentence, until
from .bench import Bench

ADDONS = "roles/image/files/addons"
ROUTE, DATABASE = f"{ADDONS}/mail_route/route.py", f"{RUNTIME}/database/mail.py"
MUTANTS = {
    "server-of-the-database": Mutant.one(
        "mail-route", ROUTE, "routed = catching(original, where)", "routed = original"
    ),
    "login-at-the-catcher": Mutant.one(
        "mail-route", ROUTE, "            given.pop(name, None)\n", "            pass\n"
    ),
    "a-copy-fetches": Mutant.one("mail-route", ROUTE, "            kind.__init__ = _refuse\n", "            pass\n"),
    "certificate-unchecked": Mutant.one(
        "mail-tls", ROUTE, "return ssl.create_default_context() if ours else context", "return context"
    ),
    "a-caught-mailbox": Mutant.one(
        "mail-answers",
        DATABASE,
        "if not settings.incoming_server or settings.mail_catcher:",
        "if not settings.incoming_server:",
    ),
    "told-wrongly": Mutant.one("mail-answers", DATABASE, "return _bring(cursor, settings, False)", "return []"),
}

# Takes every connection, speaks a little SMTP, and prints what it is told. With a certificate it offers TLS.
SERVER = """
import os, socketserver, ssl, sys
TLS = os.path.exists("/tls/key.pem")
def note(text): os.write(1, (text + "\\n").encode())
class Talk(socketserver.StreamRequestHandler):
    def say(self, text): self.wfile.write(text.encode() + b"\\r\\n")
    def handle(self):
        note("CONNECTED %s" % self.server.server_address[1])
        self.say("220 counting")
        for line in self.rfile:
            word = line.strip().decode("latin1").upper()
            if word.startswith("EHLO"):
                for one in ("250-counting", "250-AUTH PLAIN LOGIN", *(["250-STARTTLS"] if TLS else []), "250 8BITMIME"): self.say(one)
            elif word == "STARTTLS":
                self.say("220 go on")
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH); context.load_cert_chain("/tls/cert.pem", "/tls/key.pem")
                self.request = context.wrap_socket(self.request, server_side=True); self.setup()
                return self.handle_rest()
            elif self.answer(word, line): return
    def handle_rest(self):
        for line in self.rfile:
            word = line.strip().decode("latin1").upper()
            if word.startswith("EHLO"): self.say("250-counting\\r\\n250 AUTH PLAIN LOGIN")
            elif self.answer(word, line): return
    def answer(self, word, line):
        if word.startswith("AUTH"): note("LOGIN"); self.say("235 ok")
        elif word == "DATA":
            self.say("354 go on")
            for text in self.rfile:
                if text.startswith(b"Subject:"): note("MAIL " + text.decode().strip())
                if text == b".\\r\\n": break
            self.say("250 taken")
        elif word == "QUIT": self.say("221 bye"); return True
        else: self.say("250 ok")
class Server(socketserver.ThreadingTCPServer): allow_reuse_address = True; daemon_threads = True
import threading
for port in map(int, sys.argv[1:]): threading.Thread(target=Server(("0.0.0.0", port), Talk).serve_forever).start()
"""
WORLD_PORTS = ("25", "110", "143", "465", "587", "993", "995", "2525")

ATTEMPTS = """
import imaplib, json, poplib, smtplib
S = env['ir.mail_server'].sudo()
C = '_connect__' if hasattr(S, '_connect__') else 'connect'
told = {'attempts': 0, 'sent': 0, 'errors': [], 'fetched': 0}
login = {'smtp_host': 'world', 'smtp_user': 'real', 'smtp_pass': 'S-real'}
servers = [S.create({'name': tls, 'smtp_port': port, 'smtp_encryption': tls, **login})
           for tls, port in (('none', 25), ('starttls', 587), ('ssl', 465), ('none', 2525))]
servers.append(S.create({'name': 'neutralization - disable emails', 'smtp_host': 'invalid', 'smtp_port': 1025}))
env.cr.commit()
def attempt(name, call):
    told['attempts'] += 1
    try:
        call(); told['sent'] += 1
    except Exception as error:
        told['errors'].append('%s: %s' % (name, str(error)[:150]))
def mail(subject, **values):
    env['mail.mail'].create({'subject': subject, 'email_from': 'a@example.com', 'email_to': 'person@example.org', 'body_html': 'x',
                             'auto_delete': False, **values}).send(raise_exception=True)
def build(subject):
    method = getattr(S, '_build_email__', None) or S.build_email
    return method('a@example.com', ['person@example.org'], subject, 'x')
attempt('by default', lambda: mail('m default'))
for server in servers:
    attempt('forced ' + server.name, lambda: mail('m forced', mail_server_id=server.id))
    attempt('tested ' + server.name, server.test_smtp_connection)
for server in servers[:3] if 'from_filter' in S._fields else ():
    server.write({'from_filter': 'a@example.com'})
    attempt('by its filter ' + server.name, lambda: mail('m filter'))
named = {'smtp_server': 'world', 'smtp_port': 587, 'smtp_user': 'u', 'smtp_password': 'p', 'smtp_encryption': 'starttls'}
attempt('named', lambda: S.send_email(build('m named'), **named))
attempt('named without a login', lambda: S.send_email(build('m plain'), smtp_server='world', smtp_port=25))
attempt('by number', lambda: S.send_email(build('m number'), mail_server_id=servers[0].id))
attempt('connected', lambda: getattr(S, C)('world', 25).quit())
S.search([]).unlink()
attempt('without any server', lambda: mail('m none'))
for kind, port in ((imaplib.IMAP4, 143), (imaplib.IMAP4_SSL, 993), (poplib.POP3, 110), (poplib.POP3_SSL, 995)):
    try:
        kind('world', port); told['fetched'] += 1
    except ConnectionRefusedError:
        pass
    except Exception as error:
        told['errors'].append('fetching: %s' % error)
env.cr.rollback()
print('TOLD ' + json.dumps(told))
"""
SEND = """
env['ir.mail_server'].sudo().search([]).unlink()
try:
    values = {'subject': 'm', 'email_from': 'a@example.com', 'email_to': 'p@example.org', 'body_html': 'x'}
    env['mail.mail'].create(values).send(raise_exception=True)
    print('TOLD "sent"')
except Exception as error:
    print('TOLD "refused"' if 'CERTIFICATE_VERIFY_FAILED' in str(error) else 'TOLD "failed"')
env.cr.rollback()
"""
# Declared, declared again, renamed, caught, and not caught any more; each time: what differs before, what was set, what differs then.
STEPS: tuple[dict[str, str], ...] = (
    {}, {}, {"mail_domain": "other.example"}, {"mail_domain": "other.example", "mail_catcher": "x:1"}, {"mail_domain": "other.example"},
)  # fmt: skip
LOOK = """
import json, sys, types
sys.path.append('/opt/odoo-cloud')
from odoo_cloud_runtime.database import mail
common = dict(version=VERSION, mail_domain='example.com', mail_catchall='answers', mail_bounce='back', mail_default_from='hello',
              mail_catcher='', incoming_server='imap.example.com', incoming_port=993, incoming_protocol='imap', incoming_tls=True,
              incoming_user='u', incoming_password='S-box')
found = []
cursor = getattr(env.cr, '_obj')
for step in STEPS:
    settings = types.SimpleNamespace(**{**common, **step})
    before = mail.differences(cursor, settings)
    wrote = mail.apply(cursor, settings)
    env.cr.commit()
    (env.invalidate_all if hasattr(env, 'invalidate_all') else env.cache.invalidate)()
    env.registry.clear_caches() if hasattr(env.registry, 'clear_caches') else env.registry.clear_cache()
    if VERSION >= 17:
        domain = [env.company.catchall_email, env.company.bounce_email]
    else:
        get = env['ir.config_parameter'].get_param
        domain = ['%s@%s' % (get(key), get('mail.catchall.domain')) for key in ('mail.catchall.alias', 'mail.bounce.alias')]
    boxes = env['fetchmail.server'].with_context(active_test=False).search([])
    found.append({'told': before == wrote, 'wrote': len(wrote), 'again': len(mail.differences(cursor, settings)), 'domain': domain,
                  'boxes': [[box.server, box.port, box.active, box.state] for box in boxes]})
print('TOLD ' + json.dumps(found))
"""


class Post:
    """One Odoo of a version with a database that has the module mail, and the two servers that count."""

    def __init__(self, lab: Lab, version: str) -> None:
        self.lab, self.version = lab, version
        self.name, self.database = f"{lab.name}-mail{version}", f"mail{version}"
        self.image = lab.images[f"odoo-{version}"]
        self.tls = lab.work / f"mail{version}-tls"

    def start(self) -> None:
        """Installs the database; the certificate is signed by itself."""
        with self.lab.admin() as session:
            session.rows(f'CREATE DATABASE "{self.database}" OWNER oc TEMPLATE template0')
        modules = "mail,fetchmail" if int(self.version) <= 16 else "mail"
        said = self.odoo(["-i", modules, "--stop-after-init"], timeout=1800)
        if "Modules loaded" not in said:
            raise Shortfall(f"Odoo {self.version} was not installed: {said.strip()[-300:]}")
        self.tls.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "30",
             "-subj", "/CN=checked", "-addext", "subjectAltName=DNS:checked"],
            cwd=self.tls, check=True, capture_output=True,
        )  # fmt: skip
        for name in ("key.pem", "cert.pem"):
            (self.tls / name).chmod(0o644)

    def server(self, alias: str, *ports: str, tls: bool = False) -> None:
        """Starts a server that counts, anew."""
        docker("rm", "-f", f"{self.name}-{alias}", check=False)
        mounts = ["--mount", f"type=bind,source={self.tls},target=/tls,readonly"] if tls else []
        docker(
            "run", "-d", "--name", f"{self.name}-{alias}", "--label", self.lab.label, "--network", self.lab.name, "--network-alias", alias,
            "--user", "0:0", *mounts, "--entrypoint", "python3", self.image, "-u", "-c", SERVER, *ports,
        )  # fmt: skip
        ask = "import socket,sys; [socket.create_connection(('127.0.0.1', int(p)), 2).close() for p in sys.argv[1:]]"
        until(
            lambda: "Error" not in docker("exec", f"{self.name}-{alias}", "python3", "-c", ask, *ports, check=False),
            60, f"{alias} does not listen", 0.5,
        )  # fmt: skip

    def counted(self, alias: str, what: str) -> int:
        """How many lines of this kind a server has printed."""
        lines = docker("logs", f"{self.name}-{alias}").splitlines()
        return sum(line.startswith(what) for line in lines)

    def odoo(
        self,
        words: t.Sequence[str],
        env: t.Mapping[str, str] | None = None,
        text: str | None = None,
        timeout: float = 600,
    ) -> str:
        """Runs Odoo's program with the addons and the runtime of the tree."""
        tree = self.lab.tree
        mounts = {tree / ADDONS: "/opt/odoo-cloud/addons", tree / RUNTIME: "/opt/odoo-cloud/odoo_cloud_runtime"}
        if self.tls.exists():
            mounts[self.tls] = "/tls"
        loaded = "base,rpc,web,mail_route" if self.version == "19" else "base,web,mail_route"
        first, rest = (["shell"], list(words)) if text is not None else ([], list(words))
        return docker(
            "run", "--rm", "-i", "--label", self.lab.label, "--network", self.lab.name, "--user", "8069:8069",
            *(word for source, target in mounts.items() for word in ("--mount", f"type=bind,source={source},target={target},readonly")),
            *(word for key, value in {"PYTHONDONTWRITEBYTECODE": "1", **(env or {})}.items() for word in ("--env", f"{key}={value}")),
            "--entrypoint", "odoo", self.image, *first, "-d", self.database, "--db_host", f"{self.lab.name}-postgres", "--db_user", "oc",
            "--db_password", self.lab.role_password, "--data-dir", "/tmp/odoo", "--addons-path", "/opt/odoo-cloud/addons", "--load", loaded,
            "--no-http", *rest, check=False, text=text, timeout=timeout,
        )  # fmt: skip

    def told(self, script: str, env: t.Mapping[str, str] | None = None, words: t.Sequence[str] = ()) -> t.Any:
        """What a script in Odoo's shell tells."""
        said = self.odoo(words, env, script)
        lines = [line.partition("TOLD ")[2] for line in said.splitlines() if "TOLD " in line]
        if not lines:
            raise Shortfall(f"Odoo {self.version} told nothing: {said.strip()[-400:]}")
        return json.loads(lines[-1])


def post(run: Bench, version: str) -> Post:
    """The Odoo of a version, installed with the first use."""
    found: dict[str, Post] = run.__dict__.setdefault("posts", {})
    if version not in found:
        rig = Post(run.single(), version)
        rig.start()
        found[version] = rig
    return found[version]


def part_mail_route(run: Bench) -> collections.abc.Iterator[Line]:
    """Every way to send and to fetch where mail is caught: the catcher gets all of it, the world nothing."""
    for version in run.versions:
        rig = post(run, version)
        rig.server("catcher", "1025")
        rig.server("world", *WORLD_PORTS)
        before = rig.counted("world", "CONNECTED")
        told = rig.told(ATTEMPTS, {"MAIL_CATCHER": "catcher:1025"})
        world = rig.counted("world", "CONNECTED") - before
        logins, mails = rig.counted("catcher", "LOGIN"), rig.counted("catcher", "MAIL Subject: m ")
        troubles = list(told["errors"])
        troubles += [f"{world} connections reached the world"] if world else []
        troubles += [f"{logins} logins at the catcher"] if logins else []
        troubles += [f"{told['fetched']} mailboxes were opened"] if told["fetched"] else []
        least = told["attempts"] - 6  # five tests and one connection carry no mail
        troubles += [f"{mails} mails of {least} were caught"] if mails != least else []
        good = f"{told['attempts']} attempts to send and 4 to fetch: {mails} mails caught, 0 connections to the world"
        yield Line(
            f"Odoo {version}, where mail is caught", sentence(troubles, good), "all caught, none past it", not troubles
        )


def part_mail_tls(run: Bench) -> collections.abc.Iterator[Line]:
    """The configured server's certificate is checked; with a trusted one, login and mail arrive."""
    for version in run.versions:
        rig = post(run, version)
        rig.server("checked", "587", tls=True)
        words = ["--smtp", "checked", "--smtp-port", "587", "--smtp-ssl", "--smtp-user", "real"]
        password = {"SMTP_PASSWORD": "S-smtp"}
        strange = rig.told(SEND, password, words)
        before = rig.counted("checked", "LOGIN")
        trusted = rig.told(SEND, {**password, "SSL_CERT_FILE": "/tls/cert.pem"}, words)
        troubles = [] if strange == "refused" else [f"a certificate of nobody: {strange}"]
        troubles += [f"{before} logins before the certificate was checked"] if before else []
        troubles += (
            [] if trusted == "sent" and rig.counted("checked", "LOGIN") == 1 else [f"a trusted certificate: {trusted}"]
        )
        good = "an unknown certificate is refused before the login, a known one is used"
        yield Line(f"Odoo {version}, TLS to the configured server", sentence(troubles, good), "checked", not troubles)


def part_mail_answers(run: Bench) -> collections.abc.Iterator[Line]:
    """Domain and mailbox as declared, told before, written once, and no mailbox where mail is caught."""
    for version in run.versions:
        rig = post(run, version)
        script = LOOK.replace("VERSION", version).replace("STEPS", json.dumps(STEPS))
        first, again, renamed, caught, back = rig.told(script)
        wanted = [["answers@example.com", "back@example.com"], ["answers@other.example", "back@other.example"]]
        box = ["imap.example.com", 993, True, "done"]
        troubles = [f"step {number}: it told something else than it did" for number, one in enumerate(
            (first, again, renamed, caught, back), 1) if not one["told"] or one["again"]]  # fmt: skip
        troubles += [f"written again: {again['wrote']}"] if again["wrote"] else []
        troubles += [f"the domain is {first['domain']}"] if first["domain"] != wanted[0] else []
        troubles += [f"renamed it is {renamed['domain']}"] if renamed["domain"] != wanted[1] else []
        troubles += [f"the mailboxes are {one['boxes']}" for one in (first, renamed, back) if one["boxes"] != [box]]
        troubles += (
            [f"a caught copy has {caught['boxes']}"] if any(active for _s, _p, active, _t in caught["boxes"]) else []
        )
        good = "domain, catch-all, bounce and one mailbox as declared; a second time nothing is written; caught, none is fetched"
        yield Line(f"Odoo {version}, answers", sentence(troubles, good), "as declared, once", not troubles)


PARTS = parts_of(globals())
