# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE to the collection odoo_cloud.platform.
"""Checks the proxy's sites and builds what the templates need. No I/O."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .._inventory.mail import PAGE_PORT
from .._inventory.naming import mail_alias
from .._inventory.settings import PORT, RPC, rpc_addresses
from .._runtime.common import values
from .._runtime.common.odoo_facts import GEVENT_PORT, HTTP_PORT, VERSIONS, realtime_path
from . import nginx_limits

TLS_MODES = ("ca", "files")

_INSTANCE = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_UPSTREAM_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_SIZE = re.compile(r"[0-9]+[kmgKMG]?\Z")  # sizes in the notation of nginx
_STORE = re.compile(rf"https?://{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?\Z")
_PATH = re.compile(r"/[A-Za-z0-9._/-]*\Z")


class SiteError(ValueError):
    """A site is not possible: one line with the variable, its value and what would be right."""


def upstream_config(name: str, servers: t.Sequence[str] = ()) -> str:
    """The configuration that says which servers nginx asks for a site, as part of its server block.

    `servers`: these replicas alone, because another one is drained; by default the common name of
    all replicas. A request goes to one of several by the first digit of its random ID.
    """
    lines = [f"set $odoo_upstream {(servers or [name])[0]};"]
    for number, server in enumerate(servers[1:16], 1):
        digits = "".join(f"{digit:x}" for digit in range(16) if digit % min(len(servers), 16) == number)
        lines.append(f'if ($request_id ~ "^[{digits}]") {{ set $odoo_upstream {server}; }}')
    return "\n".join(["# Made by odoo_cloud.platform; changes here are lost.", *lines, ""])


def upstream_files(sites: t.Sequence[t.Mapping[str, t.Any]], folder: str) -> list[dict[str, str]]:
    """The upstream file of each checked site, as a list for the module `files`. `folder`: on the
    machine.
    """
    return [{"path": folder, "state": "directory", "mode": "0755"}] + [
        {"path": f"{folder}/{site['instance']}.conf", "content": upstream_config(site["upstream_name"]), "mode": "0644"}
        for site in sites
        if site["upstream_name"]
    ]


def normal_sites(sites: t.Any, defaults: t.Mapping[str, t.Any] | None = None) -> list[dict[str, t.Any]]:
    """The checked sites with all keys.

    `defaults` may have `max_body`, `upload_paths`, `tls` (mode), `tls_certificate`, `tls_key` and
    `hsts_max_age` (seconds). Raises `SiteError`.
    """
    if not isinstance(sites, (list, tuple)):
        raise SiteError(f"nginx_sites={sites!r}: give a list of sites")
    result = [_normal_site(number, site, dict(defaults or {})) for number, site in enumerate(sites)]
    for key, owners in (("instance", {}), ("server_names", {})):  # type: tuple[str, dict[str, int]]
        for number, site in enumerate(result):
            for value in [site[key]] if key == "instance" else site["all_names"]:
                if value in owners:
                    raise SiteError(
                        f"nginx_sites[{number}].{key}={value!r}: nginx_sites[{owners[value]}] has it already; each may appear once"
                    )
                owners[value] = number
    return result


def _normal_site(number: int, site: t.Any, defaults: dict[str, t.Any]) -> dict[str, t.Any]:
    where = f"nginx_sites[{number}]"
    if not isinstance(site, t.Mapping):
        raise SiteError(f"{where}={site!r}: give a dictionary with instance, version and server_names")
    instance = str(site.get("instance") or "")
    if not _INSTANCE.match(instance):
        raise SiteError(
            f"{where}.instance={instance!r}: give the instance's name (lower-case letters, digits, _ and -)"
        )
    version = str(site.get("version") or "").split(".", 1)[0]
    if version not in VERSIONS:
        raise SiteError(f"{where}.version={site.get('version')!r}: give one of {', '.join(VERSIONS)}")
    http_port = _port(site.get("http_port"), HTTP_PORT, f"{where}.http_port")
    gevent_port = _port(site.get("gevent_port"), GEVENT_PORT, f"{where}.gevent_port")
    upstream = site.get("upstream") or f"{instance}.odoo"
    name, servers = "", []
    if isinstance(upstream, str):
        name = upstream
        if not _UPSTREAM_NAME.match(name):
            raise SiteError(f"{where}.upstream={name!r}: give the network name of the replicas, or a list of host:port")
    elif isinstance(upstream, (list, tuple)):
        servers = [_server(item, http_port, gevent_port, f"{where}.upstream[{i}]") for i, item in enumerate(upstream)]
    else:
        raise SiteError(f"{where}.upstream={upstream!r}: give the network name of the replicas, or a list of host:port")
    static_root = str(site.get("static_root") or f"/srv/static/{instance}/current")
    if not _PATH.match(static_root) or ".." in static_root:
        raise SiteError(f"{where}.static_root={static_root!r}: give an absolute path without blanks")
    store = str(site.get("store") or "").rstrip("/")
    if store and not _STORE.match(store):
        raise SiteError(
            f"{where}.store={site['store']!r}: give the store's address without a path, for example http://swift:8080"
        )
    max_body = str(site.get("max_body") or defaults.get("max_body") or "1g")
    if values.as_size(max_body) is None:
        raise SiteError(f"{where}.max_body={max_body!r}: give a size such as 256m or 1g")
    if not _SIZE.match(max_body):
        max_body = str(values.as_size(max_body))
    hsts = site.get("hsts_max_age", defaults.get("hsts_max_age"))
    hsts_max_age = values.as_whole(hsts or 0)
    if hsts_max_age is None or hsts_max_age < 0:
        raise SiteError(f"{where}.hsts_max_age={hsts!r}: give a whole number of seconds, 0 for no such header")
    names = _server_names(site.get("server_names"), where)
    mail_name = _server_names([site["mail_name"]], where, "mail_name")[0] if site.get("mail_name") else ""
    return {
        "instance": instance,
        "version": version,
        "server_names": names,
        "all_names": [*names, *([mail_name] if mail_name else [])],
        "realtime_path": realtime_path(version),
        "http_port": http_port,
        "gevent_port": gevent_port,
        "upstream_name": name,
        "upstream_servers": servers,
        "static_root": static_root,
        "store": store,
        "max_body": max_body,
        "uploads": nginx_limits.uploads(version, _upload_paths(defaults.get("upload_paths"))),
        "rpc": _rpc(site.get("rpc"), where),
        "mail_name": mail_name,
        "mail_upstream": f"{mail_alias(instance)}:{PAGE_PORT}",
        "hsts_max_age": hsts_max_age,
        "extra_config": str(site.get("extra_config") or ""),
        "tls": _tls(site.get("tls") or {}, defaults, where),
    }


def _upload_paths(paths: t.Any) -> list[str]:
    if not isinstance(paths, (list, tuple)) and paths:
        raise SiteError(f"nginx_upload_paths={paths!r}: give a list of paths such as [/my_addon/upload]")
    for path in paths or ():
        if not _PATH.match(str(path)) or len(str(path)) < 2:
            raise SiteError(f"nginx_upload_paths={str(path)!r}: give paths without blanks such as /my_addon/upload")
    return [str(path) for path in paths or ()]


def _rpc(value: t.Any, where: str) -> list[str]:
    """From where programs may call: `all`, or addresses and networks; none closes it."""
    found = rpc_addresses(True if value is None else value)
    if found is None:
        raise SiteError(f"{where}.rpc={value!r}: {RPC}")
    return found


def _port(value: t.Any, default: int, where: str) -> int:
    if value in (None, ""):
        return default
    port = values.as_port(value)
    if port is None:
        raise SiteError(f"{where}={value!r}: {PORT}")
    return port


def _server(item: t.Any, http_port: int, gevent_port: int, where: str) -> dict[str, t.Any]:
    """A replica on another machine, given as `host`, `host:port` or a dictionary."""
    if isinstance(item, t.Mapping):
        host = str(item.get("host") or "")
        http_port = _port(item.get("http_port"), http_port, f"{where}.http_port")
        gevent_port = _port(item.get("gevent_port"), gevent_port, f"{where}.gevent_port")
    else:
        text = str(item)
        if text.startswith("["):
            host, dummy, port = text[1:].partition("]")
        elif text.count(":") > 1:
            host, port = text, ""
        else:
            host, colon, rest = text.partition(":")
            port = colon + rest
        if port:
            http_port = _port(port[1:] or "none", http_port, where)
    try:
        if ipaddress.ip_address(host).version == 6:
            host = f"[{host}]"
    except ValueError:
        if not _UPSTREAM_NAME.match(host):
            raise SiteError(
                f"{where}={item!r}: give an address or name, host:port, or {{host, http_port, gevent_port}}"
            ) from None
    return {"host": host, "http_port": http_port, "gevent_port": gevent_port}


def _server_names(names: t.Any, where: str, key: str = "server_names") -> list[str]:
    if not isinstance(names, (list, tuple)) or not names:
        raise SiteError(f"{where}.{key}={names!r}: give a list of host names, for example [odoo.example.com]")
    result = []
    for name in names:
        text = str(name).lower()
        plain = text[2:] if text.startswith("*.") else text
        try:
            ipaddress.ip_address(text)
            is_address = True
        except ValueError:
            is_address = False
        if is_address or not _HOST_NAME.match(plain) or len(plain) > 253:
            raise SiteError(f"{where}.{key}={str(name)!r}: give host names such as odoo.example.com or *.example.com")
        result.append(text)
    return result


def _tls(tls: t.Any, defaults: dict[str, t.Any], where: str) -> dict[str, str]:
    if not isinstance(tls, t.Mapping):
        raise SiteError(f"{where}.tls={tls!r}: give a dictionary with mode, certificate and key")
    mode = str(tls.get("mode") or ("files" if tls.get("certificate") else defaults.get("tls") or "ca"))
    if mode not in TLS_MODES:
        raise SiteError(f"{where}.tls.mode={mode!r}: give one of {', '.join(TLS_MODES)}")
    if mode == "ca":
        return {"mode": mode, "certificate": "", "key": ""}
    own = bool(tls.get("certificate") or tls.get("key"))
    certificate = str((tls.get("certificate") if own else defaults.get("tls_certificate")) or "")
    key = str((tls.get("key") if own else defaults.get("tls_key")) or "")
    if "BEGIN CERTIFICATE" not in certificate:
        raise SiteError(f"{where}.tls.certificate: give the text of the certificate chain in PEM form (mode is files)")
    if "PRIVATE KEY" not in key:
        raise SiteError(f"{where}.tls.key: give the text of the private key in PEM form (mode is files)")
    return {"mode": mode, "certificate": certificate.strip() + "\n", "key": key.strip() + "\n"}
