# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Checks an instance against the naming rules, Redis and the object store before it is deployed.

Each problem is one sentence. What a later step of the playbook creates is reported as `absent`.
"""

from __future__ import annotations

import email.utils
import secrets
import time
import typing as t

from .._inventory.model import Instance
from .._inventory.stateless import variables
from .._runtime.rules import environment
from .._services import redis_client, redis_servers
from .._store import swift_client
from .._store.s3_client import REFUSED_KEY_CODES, S3Client, S3Error, Unreachable
from .._store.s3_keys import Keys, S3Failure, find_region

OK, ABSENT, READ, SKIPPED = "ok", "absent", "read only", "skipped"
KEY = ".odoo-cloud-preflight"


def arguments(
    instances: t.Sequence[Instance],
    redis: t.Mapping[str, t.Any],
    storage: t.Mapping[str, t.Any],
    machine_redis: t.Mapping[str, t.Any] | None = None,
) -> list[dict[str, t.Any]]:
    """The option `instances` of the module `odoo_preflight`.

    `redis`, `storage`: where these are, as containers reach them; see `stateless.variables`.
    `machine_redis`: how the machine reaches Redis; see `redis_servers.address_on_machine`.
    """
    found = []
    for instance in instances:
        stateless = instance.stateless
        if not stateless.enabled:
            continue
        store = (
            {"password": stateless.swift.password}
            if stateless.kind == "ovh"
            else {"access_key": instance.bucket.access_key, "password": instance.bucket.secret_key}
        )
        found.append(
            {
                "name": instance.name,
                "database": instance.database.name,
                "variables": variables(instance, redis, storage),
                "redis_password": instance.redis.password,
                "redis_url": redis_servers.address_on_machine(instance, machine_redis or {}),
                "s3_endpoint": stateless.s3.endpoint or "",
                "swift_auth_url": stateless.swift.auth_url or "",
                **store,
            }
        )
    return found


def rule_problems(instance: t.Mapping[str, t.Any]) -> list[str]:
    """Violations of the naming rules, in the words of the runtime and the addon."""
    env = instance["variables"]
    return environment.set_up_problems(
        env.get("ODOO_CLOUD_PLATFORM_KIND", ""),
        env.get("RUNNING_ENV", ""),
        env,
        env.get("ODOO_CLOUD_PROJECT", ""),
        instance["database"],
    )


class PlacesProbe:
    """Checks the Redis and store of an instance from this machine."""

    def __init__(
        self,
        instance: t.Mapping[str, t.Any],
        redis: t.Mapping[str, t.Any],
        storage: t.Mapping[str, t.Any],
        may_be_absent: bool,
        read_only: bool,
        max_skew: float,
        timeout: float,
    ) -> None:
        """Describes the check; `run` does it.

        - `instance`: as the module gets it; its variables are those of the containers.
        - `redis`, `storage`: how this machine reaches them: `url`, `endpoint`, `ca`.
        - `may_be_absent`: whether an earlier step would create them (check mode), so that one that
          does not exist is no problem.
        - `read_only`: whether nothing is written, not even for a moment.
        - `max_skew`: seconds by which clocks may differ. `timeout`: seconds for each connection.
        """
        self.instance, self.env = instance, instance["variables"]
        self.redis_place, self.storage_place = redis, storage
        self.may_be_absent, self.read_only, self.max_skew, self.timeout = may_be_absent, read_only, max_skew, timeout
        self.problems: list[str] = []
        self.result: dict[str, t.Any] = {"redis": SKIPPED, "storage": SKIPPED, "clock_skew": {}}

    def run(self) -> None:
        """Checks all of them. Afterwards `problems` has one line per problem, and `result` the
        state of each.
        """
        self.result["redis"] = self._redis()
        kind = self.env.get("ODOO_CLOUD_PLATFORM_KIND", "")
        location = environment.location_for(kind, self.env.get("RUNNING_ENV", ""))
        if location == "s3":
            self.result["storage"] = self._s3()
        elif location == "swift":
            self.result["storage"] = self._swift()

    def _bad(self, text: str) -> str:
        self.problems.append(text)
        return "failed"

    def _absent(self, text: str) -> str:
        return ABSENT if self.may_be_absent else self._bad(text)

    def _skew(self, what: str, there: float) -> None:
        skew = there - time.time()
        self.result["clock_skew"][what] = round(skew)
        if abs(skew) > self.max_skew:
            self._bad(
                f"the clock of {what} is {abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} this machine's: at most"
                f" {self.max_skew:g} are right (signatures and sessions depend on it); let both follow a time server"
            )

    # -- Redis

    def _redis(self) -> str:
        name = "ODOO_SESSION_REDIS"
        asked = environment.is_true(self.env, name) and not self.env.get(f"{name}_SENTINEL_HOST")
        url = self.instance.get("redis_url") or self.redis_place.get("url")
        if not (asked and url):
            return SKIPPED
        user, prefix = self.env.get(f"{name}_USERNAME", ""), self.env.get(f"{name}_PREFIX", "")
        place = self.redis_place
        try:
            client = redis_client.RedisClient(
                url,
                user,
                self.instance["redis_password"],
                self.timeout,
                place.get("ca") or "",
                place.get("verify", True),
            )
        except redis_client.Unreachable as error:
            cure = "; the playbook cache starts it" if url.startswith("unix:") else ""
            return self._absent(f"{error}{cure}")
        except redis_client.Refused as error:
            if error.kind in ("WRONGPASS", "NOAUTH"):
                return self._absent(f"{name}_USERNAME is {user!r}: Redis at {url} refuses user or password: {error}")
            return self._bad(f"Redis at {url}: {error}")
        except redis_client.RedisFailure as error:
            return self._bad(str(error))
        try:
            return self._redis_as(client, user, prefix)
        except redis_client.Refused as error:
            return self._bad(
                f"{name}_USERNAME is {user!r}: its rights in Redis (ACL) don't fit the prefix {prefix!r}: {error}"
            )
        except redis_client.RedisFailure as error:
            return self._bad(str(error))
        finally:
            client.close()

    def _redis_as(self, client: redis_client.RedisClient, user: str, prefix: str) -> str:
        client.command("PING")
        try:
            seconds, micros = client.command("TIME")
            self._skew("Redis", int(seconds) + int(micros) / 1e6)
        except redis_client.Refused:
            pass
        mine, theirs = f"session::{prefix}:preflight-{secrets.token_hex(4)}", "session::somebody-odoo-else:preflight"
        if self.read_only:
            client.command("GET", mine)
        else:
            client.command("SET", mine, "1", "EX", "10")
            if client.command("GET", mine) != "1" or client.command("DEL", mine) != 1:
                return self._bad(f"Redis at {client.shown} does not keep what is written: is it a replica, or full?")
        try:
            client.command("GET", theirs)
        except redis_client.Refused as error:
            if error.kind == "NOPERM":
                return READ if self.read_only else OK
            raise
        if self.redis_place.get("own", True):
            return self._bad(
                f"ODOO_SESSION_REDIS_USERNAME is {user!r}: this user of Redis can read keys outside of the prefix {prefix!r};"
                " its ACL must have the keys of the prefix only (role redis)"
            )
        return READ if self.read_only else OK  # an external server may have no ACL; the documentation warns about it

    # -- the store

    def _s3(self) -> str:
        endpoint = self.instance.get("s3_endpoint") or self.storage_place.get("endpoint") or ""
        bucket = self.env.get("AWS_BUCKETNAME", "").replace("{db}", self.instance["database"].replace("_", "-").lower())
        if environment.is_true(self.env, "AWS_USE_IRSA"):
            return SKIPPED  # the role of the containers, which this machine may not have
        try:
            client = S3Client(
                Keys(self.instance.get("access_key") or "", self.instance["password"]),
                find_region(self.env.get("AWS_REGION"), None, endpoint or None),
                endpoint or None,
                ca=self.storage_place.get("ca") or None,
                timeout=self.timeout,
            )
        except S3Failure as error:
            return self._bad(str(error))
        try:
            return self._s3_probe(client, bucket, endpoint)
        except Unreachable as error:
            return self._absent(f"the store of AWS_BUCKETNAME {bucket!r}: {error}")
        except S3Error as error:
            return self._s3_error(error, bucket, endpoint)
        except S3Failure as error:
            return self._bad(f"the store of AWS_BUCKETNAME {bucket!r}: {error}")
        finally:
            client.close()

    def _s3_error(self, error: S3Error, bucket: str, endpoint: str) -> str:
        where = endpoint or "AWS"
        if error.code in REFUSED_KEY_CODES or (error.status == 403 and not error.code and self.may_be_absent):
            return self._absent(
                f"AWS_ACCESS_KEY_ID is {self.instance.get('access_key')!r}: {where} refuses the key or its secret: {error}"
            )
        if error.code == "NoSuchBucket" or (error.status == 404 and not error.code):
            return self._absent(
                f"AWS_BUCKETNAME is {bucket!r}: there is no such bucket at {where}; the playbook storage creates it"
            )
        if error.code == "RequestTimeTooSkewed":
            return self._bad(f"the clock of this machine is wrong: {where} refuses its signatures: {error}")
        return self._bad(
            f"AWS_BUCKETNAME is {bucket!r}: {where} refuses what Odoo needs (put, get, delete of objects): {error}; give the key"
            " the rights that the filter s3_policy writes"
        )

    def _s3_probe(self, client: S3Client, bucket: str, endpoint: str) -> str:
        if self.read_only:
            self._date("the object store", client.call("HEAD", bucket).headers.get("date", ""))
            return READ
        content = secrets.token_bytes(32)
        key = f"{KEY}-{secrets.token_hex(4)}"
        put = client.call("PUT", bucket, body=content, key=key).headers
        self._date("the object store", put.get("date", ""))
        versions = [put.get("x-amz-version-id")]
        try:
            if client.call("GET", bucket, key=key).body != content:
                return self._bad(
                    f"AWS_BUCKETNAME is {bucket!r}: {endpoint or 'AWS'} returns other content than was put"
                )
        finally:
            versions.append(client.call("DELETE", bucket, key=key).headers.get("x-amz-version-id"))
        for version in versions:
            if version and version != "null":
                try:  # a versioned bucket keeps both; no other step needs the right to delete versions
                    client.call("DELETE", bucket, [("versionId", version)], key=key)
                except S3Error:
                    break
        return OK

    def _swift(self) -> str:
        endpoint = str(self.storage_place.get("endpoint") or "").rstrip("/")
        auth_url = self.instance.get("swift_auth_url") or (f"{endpoint}/auth/v1.0" if endpoint else "")
        account, container = self.env.get("SWIFT_ACCOUNT", ""), self.env.get("SWIFT_WRITE_CONTAINER", "")
        container = container.replace("{db}", self.instance["database"])
        try:
            client = swift_client.SwiftClient(
                auth_url,
                account,
                self.instance["password"],
                container,
                self.env.get("SWIFT_PROJECT_NAME", ""),
                self.env.get("SWIFT_REGION_NAME", ""),
                self.timeout,
            )
        except swift_client.SwiftFailure as error:
            if error.status in (401, 403):
                return self._absent(f"SWIFT_ACCOUNT is {account!r}: {auth_url} refuses user or password: {error}")
            return (self._absent if not error.status else self._bad)(f"SWIFT_AUTH_URL is {auth_url!r}: {error}")
        self._date("the object store", client.date)
        key = f"{KEY}-{secrets.token_hex(4)}"
        content = secrets.token_hex(16).encode()
        try:
            if self.read_only:
                client.call("HEAD")
                return READ
            client.call("PUT", key, content)
            try:
                same = client.call("GET", key) == content
            finally:
                client.call("DELETE", key)
                client.forget()
        except swift_client.SwiftFailure as error:
            if error.status == 404:
                return self._absent(
                    f"SWIFT_WRITE_CONTAINER is {container!r}: there is no such container at {auth_url}; the playbook storage creates it"
                )
            return self._bad(f"SWIFT_WRITE_CONTAINER is {container!r}: {auth_url} refuses put, get or delete: {error}")
        return OK if same else self._bad(f"SWIFT_WRITE_CONTAINER is {container!r}: returns other content than was put")

    def _date(self, what: str, text: str) -> None:
        if text:
            self._skew(what, email.utils.parsedate_to_datetime(text).timestamp())
