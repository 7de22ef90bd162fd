# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""A few requests to OpenStack Swift with the standard library, because machines have no client of
it. Supports TempAuth and Keystone v3.
"""

from __future__ import annotations

import json
import time
import typing as t
import urllib.error
from urllib.parse import quote

from ansible.module_utils.urls import open_url

QUOTA = "X-Account-Meta-Quota-Bytes"  # of the filter account_quotas
ATTEMPTS = 4  # as for S3: a short outage of the store must not stop a deployment


class SwiftFailure(Exception):
    """A request failed; the message is one line for operators. `status` is 0 without an answer."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class SwiftClient:
    """Access to one container as one user. Logging in and all methods raise `SwiftFailure`.

    `timeout`: seconds for each request.
    """

    def __init__(
        self,
        auth_url: str,
        account: str,
        password: str,
        container: str,
        project: str = "",
        region: str = "",
        timeout: float = 10,
    ) -> None:
        self.timeout = timeout
        self.date = ""
        self.versions: list[tuple[str, str]] = []
        if auth_url.rstrip("/").endswith(("/v1", "/v1.0")):
            answer = self._call("GET", auth_url, {"X-Auth-User": account, "X-Auth-Key": password})
            token, url = answer.headers["X-Auth-Token"], answer.headers["X-Storage-Url"]
            # TempAuth returns its address as it was called, without a port that a proxy or
            # container engine added.
            url = auth_url.split("/auth/", 1)[0] + "/v1/" + url.rpartition("/v1/")[2]
        else:
            token, url = self._keystone(auth_url, account, password, project, region)
        self.headers = {"X-Auth-Token": token}
        self.url = f"{url.rstrip('/')}/{quote(container)}"

    def _keystone(self, auth_url: str, account: str, password: str, project: str, region: str) -> tuple[str, str]:
        default = {"id": "default"}
        auth: dict[str, t.Any] = {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": account, "domain": default, "password": password}},
            }
        }
        if project:
            auth["scope"] = {"project": {"name": project, "domain": default}}
        body = json.dumps({"auth": auth}).encode()
        answer = self._call("POST", auth_url.rstrip("/") + "/auth/tokens", {"Content-Type": "application/json"}, body)
        for service in json.loads(answer.content)["token"].get("catalog") or []:
            if service.get("type") == "object-store":
                for endpoint in service.get("endpoints") or []:
                    if endpoint.get("interface") == "public" and region in ("", endpoint.get("region")):
                        return answer.headers["X-Subject-Token"], str(endpoint["url"])
        raise SwiftFailure(
            f"SWIFT_AUTH_URL is {auth_url!r}: its catalog has no object store{f' in region {region!r}' if region else ''}"
        )

    def _call(self, method: str, url: str, headers: t.Mapping[str, str], body: bytes | None = None) -> t.Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with open_url(url, data=body, headers=dict(headers), method=method, timeout=self.timeout) as answer:
                    answer.content = answer.read()
                    self.date = answer.headers.get("Date") or self.date
                    return answer
            except urllib.error.HTTPError as error:
                if error.code not in (429, 500, 502, 503, 504) or attempt == ATTEMPTS:
                    raise SwiftFailure(f"{error.code} {error.reason}", error.code) from error
            except (OSError, ValueError) as error:
                reason = getattr(error, "reason", error)
                if isinstance(reason, ConnectionRefusedError) or attempt == ATTEMPTS:
                    raise SwiftFailure(f"can't be reached: {getattr(reason, 'strerror', None) or reason}") from error
            time.sleep(0.2 * 2**attempt)
        raise AssertionError("not reached")

    def call(self, method: str, key: str = "", body: bytes | None = None, query: str = "") -> bytes:
        """Sends a request for the container, or for an object in it. Returns the body of the answer."""
        url = f"{self.url}/{quote(key)}" if key else self.url
        answer = self._call(method, f"{url}?{query}" if query else url, self.headers, body)
        version = answer.headers.get("X-Object-Version-Id")
        if version and method in ("PUT", "DELETE") and not query:
            self.versions.append((key, version))
        return bytes(answer.content)

    def quota(self, account: str) -> int:
        """How many bytes an account may hold, 0 for no limit. For an operator of the store."""
        answer = self._call("HEAD", self._account_url(account), self.headers)
        return int(answer.headers.get(QUOTA) or 0)

    def set_quota(self, account: str, size: int) -> None:
        """Limits an account to a number of bytes, 0 for no limit. For an operator of the store."""
        self._call("POST", self._account_url(account), {**self.headers, QUOTA: str(size or "")})

    def _account_url(self, account: str) -> str:
        return f"{self.url.rpartition('/v1/')[0]}/v1/AUTH_{quote(account)}"

    def forget(self) -> None:
        """Deletes the versions that this client created in a container that keeps versions.

        They are known from the answers, because listings are not up to date at once.
        """
        for key, version in self.versions:
            self.call("DELETE", key, query=f"version-id={version}")
        self.versions.clear()
