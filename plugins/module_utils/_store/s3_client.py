# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""A small client of S3 stores: signed requests over persistent connections, and the meaning of
answers.

It signs with the standard library, because importing botocore costs more than the requests (see
`s3_keys`).
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
import hmac
import http.client
import os
import ssl
import time
import typing as t
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from . import s3_xml
from .s3_keys import Keys, S3Failure

ATTEMPTS = 4
_RETRY_CODES = {
    "InternalError", "ServiceUnavailable", "SlowDown", "OperationAborted", "RequestTimeout", "Throttling", "ThrottlingException",
}  # fmt: skip
REFUSED_KEY_CODES = {"InvalidAccessKeyId", "SignatureDoesNotMatch"}


class Unreachable(S3Failure):
    """The endpoint does not answer."""


class S3Error(S3Failure):
    """The store refused a request: `status` of HTTP and `code` of S3, which may be empty."""

    def __init__(self, status: int, code: str, text: str, headers: dict[str, str]) -> None:
        super().__init__(f"{code or status}: {text}" if text else str(code or status))
        self.status = status
        self.code = code
        self.text = text
        self.headers = headers


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer of the store."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    def xml(self) -> ElementTree.Element | None:
        """The parsed body without namespaces, None when it isn't XML."""
        return s3_xml.parse(self.body)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode("utf-8"), hashlib.sha256).digest()


def sign(
    method: str,
    path: str,
    query: t.Sequence[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    keys: Keys,
    region: str,
    now: float,
) -> dict[str, str]:
    """The headers of a request with its signature (AWS signature version 4).

    `path`: already quoted. `headers`: with the host. `now`: seconds since the epoch.
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    digest = hashlib.sha256(body).hexdigest()
    signed = {
        **{name.lower(): value for name, value in headers.items()},
        "x-amz-date": moment,
        "x-amz-content-sha256": digest,
    }
    if keys.token:
        signed["x-amz-security-token"] = keys.token
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            method,
            path,
            query_string(sorted(query)),
            *(f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)),
            "",
            names,
            digest,
        ]
    )
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode("utf-8")).hexdigest()])
    key = f"AWS4{keys.secret}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        key = _hmac(key, part)
    signature = _hmac(key, to_sign).hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


def query_string(query: t.Sequence[tuple[str, str]], signed: bool = True) -> str:
    """A query as it is signed, or as it is sent.

    When sent, a name without a value has no `=`, which some stores do not understand.
    """
    return "&".join(
        quote(name, safe="-_.~") + (f"={quote(value, safe='-_.~')}" if signed or value else "") for name, value in query
    )


class S3Client:
    """Sends requests to one store over persistent connections, and counts them and the bytes of
    bodies.
    """

    def __init__(
        self,
        keys: Keys | None,
        region: str,
        endpoint: str | None = None,
        path_style: bool | None = None,
        verify: bool = True,
        ca: str | None = None,
        timeout: float = 30,
    ) -> None:
        """Opens no connection yet.

        - `keys`: None until they are known; then set `keys` before the first request.
        - `endpoint`: the store's address; by default AWS in that region.
        - `path_style`: whether the bucket is in the path instead of the host name; by default only
          with an `endpoint`.
        - `verify`, `ca`: whether the certificate is checked, and a file of CAs to use instead of
          the system's.
        - `timeout`: seconds for each connection and answer.

        Raises `S3Failure` for an address or a file of CAs that can't be used.
        """
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        self.endpoint = (endpoint or f"https://s3.{region}.{suffix}").rstrip("/")
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise S3Failure(f"endpoint_url={self.endpoint!r}: give an address such as 'https://s3.example.com'")
        try:
            self.port = parts.port
        except ValueError:
            raise S3Failure(f"endpoint_url={self.endpoint!r}: the port must be a number from 1 to 65535") from None
        self.scheme, self.host, self.prefix = parts.scheme, parts.hostname, parts.path
        self.keys = keys
        self.region = region
        self.path_style = bool(endpoint) if path_style is None else path_style
        self.timeout = timeout
        self.requests = self.bytes_sent = self.bytes_received = 0  # bytes: of bodies
        self.context: ssl.SSLContext | None = None
        if self.scheme == "https":
            try:
                self.context = ssl.create_default_context(cafile=ca or os.environ.get("AWS_CA_BUNDLE"))
            except (OSError, ssl.SSLError) as error:
                raise S3Failure(f"ca={ca!r}: can't be read as certificates: {error}") from error
            if not verify:
                self.context.check_hostname = False
                self.context.verify_mode = ssl.CERT_NONE
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def _connect(self, host: str) -> tuple[http.client.HTTPConnection, str]:
        """A connection, and the prefix of the path (the whole address for a plain proxy)."""
        proxy = self._proxy(host)
        address = f"[{host}]" if ":" in host else host
        connection = self._connections.get(host)
        if connection is None:
            target, port = (proxy.hostname, proxy.port or 3128) if proxy else (host, self.port)
            if self.scheme == "https":
                connection = http.client.HTTPSConnection(str(target), port, timeout=self.timeout, context=self.context)
                if proxy:
                    connection.set_tunnel(host, self.port or 443)
            else:
                connection = http.client.HTTPConnection(str(target), port, timeout=self.timeout)
            self._connections[host] = connection
        return connection, f"http://{address}:{self.port or 80}" if proxy and self.scheme == "http" else ""

    def _proxy(self, host: str) -> t.Any:
        if not any(
            name in os.environ for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy")
        ):
            return None
        import urllib.request

        url = urllib.request.getproxies().get(self.scheme)
        return urlsplit(url) if url and not urllib.request.proxy_bypass(host) else None

    def call(
        self,
        method: str,
        bucket: str,
        query: t.Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        retry: t.Container[str] = (),
        key: str = "",
        headers: t.Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends one request, and repeats it where the store asks for that or its code is in
        `retry`.

        `key`: the object, empty for the bucket. Raises `S3Error` for every answer but 2xx,
        `Unreachable` without an answer, `S3Failure` without keys.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._once(method, bucket, query, body, key, headers)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if (
                    attempt == ATTEMPTS
                    or isinstance(error, (ConnectionRefusedError, ssl.SSLCertVerificationError))
                    or _no_name(error)
                ):
                    raise Unreachable(f"endpoint_url={self.endpoint!r}: can't be reached: {_reason(error)}") from error
            else:
                if 200 <= answer.status < 300:
                    return answer
                error = error_of(answer)
                if attempt == ATTEMPTS or not (
                    error.code in _RETRY_CODES
                    or error.code in retry
                    or (error.status in (429, 500, 502, 503, 504) and not error.code)
                ):
                    raise error
            time.sleep(0.2 * 2**attempt)
        raise AssertionError("not reached")

    def close(self) -> None:
        """Closes all connections; the next request opens a new one."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def twin(self) -> S3Client:
        """Another client with its own connections and counters, for another thread."""
        twin = copy.copy(self)
        twin.requests = twin.bytes_sent = twin.bytes_received = 0
        twin._connections = {}
        return twin

    def _once(
        self,
        method: str,
        bucket: str,
        query: t.Sequence[tuple[str, str]],
        body: bytes,
        key: str = "",
        more: t.Mapping[str, str] | None = None,
    ) -> Answer:
        host = self.host if self.path_style or "." in bucket or not bucket else f"{bucket}.{self.host}"
        path = self.prefix + (f"/{quote(bucket)}" if bucket and host == self.host else "") or "/"
        if (key or host != self.host) and not path.endswith("/"):
            path += "/"
        path += quote(key, safe="/-_.~")
        shown = f"[{host}]" if ":" in host else host
        default = {"http": 80, "https": 443}[self.scheme]
        headers = {"host": shown if self.port in (None, default) else f"{shown}:{self.port}"}
        if body:
            headers["content-md5"] = base64.b64encode(_md5(body)).decode("ascii")
            headers["content-type"] = "application/octet-stream" if key else "application/xml"
        headers.update(more or {})
        if self.keys is None:
            raise S3Failure("access_key and secret_key: not given")
        headers = sign(method, path, query, headers, body, self.keys, self.region, time.time())
        headers["content-length"] = str(len(body))
        connection, before = self._connect(host)
        self.requests += 1
        connection.request(
            method,
            before + path + (f"?{query_string(query, signed=False)}" if query else ""),
            body=body or None,
            headers=headers,
        )
        response = connection.getresponse()
        content = response.read()
        self.bytes_sent += len(body)
        self.bytes_received += len(content)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)


def _md5(body: bytes) -> bytes:
    try:
        return hashlib.md5(body, usedforsecurity=False).digest()  # required by the protocol
    except TypeError:
        return hashlib.md5(body).digest()


def _no_name(error: BaseException) -> bool:
    return type(error).__name__ == "gaierror"


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); give its CA in 'ca'"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def error_of(answer: Answer) -> S3Error:
    """The error in an answer; its code is empty when the answer names none."""
    code, text = "", ""
    root = answer.xml() if answer.body else None
    if root is not None:
        node = root if root.tag == "Error" else root.find("Error")
        if node is not None:
            code, text = node.findtext("Code") or "", node.findtext("Message") or ""
            if node.findtext("Region"):
                answer.headers.setdefault("x-amz-bucket-region", node.findtext("Region") or "")
    return S3Error(answer.status, code, text, answer.headers)


def detect_provider(endpoint: str, headers: t.Mapping[str, str]) -> str:
    """The provider of a store, recognised by its address and the headers of any answer."""
    host = urlsplit(endpoint).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return "aws"
    if "x-openstack-request-id" in headers or "x-trans-id" in headers:
        return "swift"
    return "generic"


def explain(error: S3Error, client: S3Client, doing: str, name: str) -> S3Failure:
    """An error of the store as one line that says what to do.

    `doing`: what was being done. `name`: the bucket.
    """
    access, endpoint = (client.keys.access if client.keys else ""), client.endpoint
    region = error.headers.get("x-amz-bucket-region", "")
    if error.code == "SignatureDoesNotMatch":
        return S3Failure(
            f"secret_key: {endpoint} refuses it for access_key={access!r}: wrong secret or unknown access key"
        )
    if error.code == "InvalidAccessKeyId":
        return S3Failure(f"access_key={access!r}: not known at {endpoint}")
    if error.code in ("ExpiredToken", "InvalidToken"):
        return S3Failure(f"session_token: {endpoint} says {error.code}; get new temporary keys")
    if error.code == "RequestTimeTooSkewed":
        return S3Failure(f"clock: {endpoint} and this machine differ by more than 15 minutes; set this machine's time")
    if error.code == "BucketAlreadyExists":
        return S3Failure(f"bucket {name!r}: the name is taken by someone else at {endpoint}; choose another")
    if error.code == "NoSuchBucket":
        return S3Failure(f"bucket {name!r}: does not exist at {endpoint}; create it with the module s3_bucket first")
    if error.code == "InvalidBucketName":
        return S3Failure(f"bucket {name!r}: {endpoint} refuses the name")
    if region and region != client.region:
        return S3Failure(f"region={client.region!r}: bucket {name!r} is in region {region!r}; give that")
    if error.code in (
        "IllegalLocationConstraintException",
        "InvalidLocationConstraint",
        "AuthorizationHeaderMalformed",
    ):
        return S3Failure(f"region={client.region!r}: not the region of {endpoint}: {error.text}")
    if error.code == "BucketNotEmpty":
        return S3Failure(
            f"bucket {name!r}: still has objects or old versions; a bucket is only deleted when it is empty"
        )
    if error.code == "AccessDenied" or error.status == 403:
        return S3Failure(
            f"bucket {name!r}: access denied for access_key={access!r} while {doing}: the bucket belongs to someone else, or the "
            "key lacks the permission"
        )
    return S3Failure(f"{doing} at {endpoint}: {error}")


def not_there_yet(failure: S3Failure) -> bool:
    """Whether a failure shows that an earlier step has not created the store, the bucket or the key
    yet.
    """
    return isinstance(failure, Unreachable) or getattr(failure.__cause__, "code", "") in (
        "NoSuchBucket",
        *REFUSED_KEY_CODES,
    )
