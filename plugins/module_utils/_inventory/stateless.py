# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Settings that make replicas disposable: addons, and the variables and secret files of containers.
No I/O.

The rules for them are in `_runtime/rules/environment.py`. The pre-flight, the runtime at start and
the addon check them on exactly the variables that are built here.
"""

from __future__ import annotations

import re
import typing as t

from .._runtime.common import unknown_variables
from .._runtime.common.container_variables import VARIABLES
from .._runtime.common.values import as_boolean, as_port, as_size, as_whole
from .container_paths import SECRETS_DIR
from .model import Bucket, Instance, RedisUser, S3Place, Stateless, Statsd, SwiftPlace

DAY = 86400
AWS = "https://s3{}.amazonaws.com"

DIRECT_DOWNLOAD_BYTES: int = VARIABLES["ODOO_DIRECT_DOWNLOAD_BYTES"].read({})  # the addon's default

# Variables of the container that other parts rely on: the lock, nginx, what the role compares. Each
# with the inventory variable to set in its place, if there is one.
PLATFORM_VARIABLES = {
    "ADMIN_LOGIN": "odoo_admin_login",
    "DB_ADMIN_PASSWORD_FILE": "",
    "DB_ADMIN_USER": "",
    "DB_HOST": "postgres_external",
    "DB_MAINTENANCE": "",
    "DB_NAME": "odoo_db_name",
    "DB_PORT": "postgres_port",
    "DB_USER": "odoo_db_user",
    "HTTP_PORT": "",
    "INCOMING_PASSWORD_FILE": "odoo_incoming_password",
    "INCOMING_PORT": "odoo_incoming_port",
    "INCOMING_PROTOCOL": "odoo_incoming_protocol",
    "INCOMING_SERVER": "odoo_incoming_server",
    "INCOMING_TLS": "odoo_incoming_tls",
    "INCOMING_USER": "odoo_incoming_user",
    "INSTANCE": "",
    "MAIL_BOUNCE": "odoo_mail_bounce",
    "MAIL_CATCHALL": "odoo_mail_catchall",
    "MAIL_CATCHER": "odoo_mail",
    "MAIL_DEFAULT_FROM": "odoo_mail_default_from",
    "MAIL_DOMAIN": "odoo_mail_domain",
    "MODE": "odoo_mode",
    "MODULES": "odoo_modules",
    "ODOO_RC": "odoo_conf",
    "RELEASE": "odoo_release",
    "REPLICA": "",
    "RESTORE_DIR": "",
    "SMTP_PASSWORD_FILE": "odoo_smtp_password",
    "SMTP_TLS": "odoo_smtp_tls",
    "SMTP_VERIFY": "odoo_smtp_verify",
    "STATIC_DIR": "",
    "UPDATE": "odoo_update",
}
# Names of variables that would expose a secret.
_PLAIN_SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|ACCESS_KEY)(_ID|_KEY)?\Z")


def problems(settings: t.Mapping[str, t.Any]) -> list[tuple[str, t.Any, str]]:
    """(variable, value, what would be right) for settings that are valid alone and wrong together."""
    found: list[tuple[str, t.Any, str]] = []
    extra = settings["odoo_env"]
    for name, value in extra.items() if isinstance(extra, dict) else ():
        if _PLAIN_SECRET.search(str(name)):
            found.append((f"odoo_env: {name}", "********", f"a secret doesn't belong there; give {name}_FILE"))
        elif name in PLATFORM_VARIABLES:
            instead = f"; set {PLATFORM_VARIABLES[name]}" if PLATFORM_VARIABLES[name] else ""
            found.append((f"odoo_env: {name}", value, f"leave it out, the platform sets it itself{instead}"))
        elif right := unknown_variables.wrong_setting(str(name), _text(value)):
            found.append((f"odoo_env: {name}", value, right))
    conf = settings["odoo_conf"]
    loaded = str(conf.get("server_wide_modules") or "") if isinstance(conf, dict) else ""
    if as_boolean(settings["odoo_stateless"]) and loaded and "session_redis" not in loaded.split(","):
        # Sessions would be files of one replica, without any error.
        found.append(
            (
                "odoo_conf: server_wide_modules",
                loaded,
                "session_redis must be in it; odoo_server_wide_modules adds to it",
            )
        )
    return found


def build(environment: str, settings: t.Mapping[str, t.Any], secret_key: str, local_account: str) -> Stateless:
    """The field `stateless` of an instance.

    - `settings`: those of the instance, checked.
    - `secret_key`, `local_account`: of its bucket in the local object storage.
    """
    stateless, json, requests, metrics = (
        bool(as_boolean(settings[variable]))
        for variable in ("odoo_stateless", "odoo_logging_json", "odoo_log_requests", "odoo_metrics")
    )
    kind = str(settings["odoo_platform_kind"])
    return Stateless(
        enabled=stateless,
        kind=kind if stateless else "",
        addons=_chosen({f"cloud_platform_{kind}": stateless, "monitoring_log_requests": requests}),
        server_wide=_chosen(
            {
                "database_reconnect": True,  # the restore point of a live update closes idle connections of serving replicas
                "session_redis": stateless,
                "logging_json": stateless or json,
                "monitoring_prometheus": metrics,
            }
        ),
        json=json,
        metrics_token=str(settings["odoo_metrics_token"] or "") if metrics else "",
        s3=S3Place(_optional(settings["odoo_s3_endpoint"]), _optional(settings["odoo_s3_region"])),
        swift=SwiftPlace(
            auth_url=_optional(settings["odoo_swift_auth_url"]),
            account=str(settings["odoo_swift_account"] or local_account),
            password=str(settings["odoo_swift_password"] or secret_key),
            project=_optional(settings["odoo_swift_project"]),
            region=_optional(settings["odoo_swift_region"]),
        ),
        # Sessions of test instances last a day, because their copies of production are replaced
        # often.
        expiration=as_whole(settings["odoo_session_expiration"]) or (DAY if environment == "test" else None),
        expiration_anonymous=as_whole(settings["odoo_session_expiration_anonymous"]),
        direct_bytes=as_size(settings["odoo_direct_download_bytes"]) or 0,
        statsd=Statsd(_optional(settings["odoo_statsd_host"]), as_port(settings["odoo_statsd_port"]) or 0),
        env={str(key): _text(value) for key, value in settings["odoo_env"].items()},
    )


def _chosen(modules: t.Mapping[str, bool]) -> tuple[str, ...]:
    return tuple(name for name, wanted in modules.items() if wanted)


def _optional(value: t.Any) -> str | None:
    return None if value is None else str(value)


def _text(value: t.Any) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def secret_files(stateless: Stateless, redis: RedisUser, bucket: Bucket) -> dict[str, str]:
    """The secrets of the instance's containers: content by file name. No variable holds a secret."""
    files: dict[str, str] = {}
    if stateless.enabled:
        files["redis_password"] = redis.password
        if stateless.kind == "ovh":
            files["swift_password"] = stateless.swift.password
        else:
            files["s3_access_key"] = bucket.access_key
            files["s3_secret_key"] = bucket.secret_key
    if stateless.metrics_token:
        files["metrics_token"] = stateless.metrics_token
    return files


def variables(instance: Instance, redis: t.Mapping[str, t.Any], storage: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The variables of the instance's containers.

    `redis`, `storage`: where these are, as containers reach them; see `topology`.
    """
    stateless = instance.stateless
    env: dict[str, t.Any] = {}
    if stateless.enabled:
        env.update(
            RUNNING_ENV=instance.environment,
            ODOO_CLOUD_PROJECT=instance.project,
            ODOO_CLOUD_PLATFORM_KIND=stateless.kind,
            HEALTH_PATH="/monitoring/readiness",
        )
        if stateless.direct_bytes != DIRECT_DOWNLOAD_BYTES:
            env["ODOO_DIRECT_DOWNLOAD_BYTES"] = stateless.direct_bytes
        env.update(_sessions(instance, redis))
        env.update(_attachments(instance, storage))
    if stateless.json:
        env["ODOO_LOGGING_JSON"] = "1"
    if stateless.metrics_token:
        env["ODOO_METRICS_TOKEN_FILE"] = f"{SECRETS_DIR}/metrics_token"
    if stateless.enabled and stateless.statsd.host:
        env.update(
            ODOO_STATSD="1",
            STATSD_CUSTOMER=instance.project,
            STATSD_ENVIRONMENT=instance.environment,
            STATSD_HOST=stateless.statsd.host,
            STATSD_PORT=stateless.statsd.port,
        )
    env.update(stateless.env)
    return {name: str(value) for name, value in env.items() if value not in (None, "")}


def sites(instances: t.Sequence[Instance], storage: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The proxy's sites, with the store from which it may serve large files.

    `storage`: as for `variables`.
    """
    return [{**instance.site.to_dict(), "store": _store_address(instance, storage)} for instance in instances]


def _store_address(instance: Instance, storage: t.Mapping[str, t.Any]) -> str:
    """Where objects are available by a signed address, without a path; empty if nowhere."""
    stateless = instance.stateless
    if not stateless.enabled or not stateless.direct_bytes:
        return ""
    endpoint = str(storage.get("endpoint") or "")
    if stateless.kind == "ovh":
        # An external Swift names the address of objects in its catalogue, which needs a login.
        endpoint = "" if stateless.swift.auth_url else endpoint
    else:
        region = stateless.s3.region or storage.get("region") or "us-east-1"
        endpoint = str(stateless.s3.endpoint or endpoint) or AWS.format("" if region == "us-east-1" else f".{region}")
    return re.sub(r"(https?://[^/]+).*", r"\1", endpoint)


def redis_at(instance: Instance, redis: t.Mapping[str, t.Any]) -> tuple[t.Any, t.Any]:
    """Host and port at which an instance reaches its Redis. `redis`: where Redis is, without `url`."""
    host, port = redis.get("host"), redis.get("port")
    if redis.get("own"):
        # On another machine all of them have one name and one certificate.
        return (host, instance.redis.port) if redis.get("tls") else (instance.redis.host, port)
    return host, port


def _sessions(instance: Instance, redis: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    name = "ODOO_SESSION_REDIS"
    env = {
        name: "1",
        f"{name}_USERNAME": instance.redis.name,
        f"{name}_PASSWORD_FILE": f"{SECRETS_DIR}/redis_password",
        f"{name}_PREFIX": instance.redis.prefix,
        f"{name}_EXPIRATION": instance.stateless.expiration,
        f"{name}_EXPIRATION_ANONYMOUS": instance.stateless.expiration_anonymous,
        f"{name}_SSL_CA_CERTS": f"{SECRETS_DIR}/redis_ca.pem" if redis.get("ca") else None,
    }
    if redis.get("url"):
        return {**env, f"{name}_URL": redis["url"]}
    host, port = redis_at(instance, redis)
    return {
        **env,
        f"{name}_HOST": host,
        f"{name}_PORT": port,
        f"{name}_SSL": "1" if redis.get("tls") else None,
    }


def _attachments(instance: Instance, storage: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    stateless, bucket = instance.stateless, instance.bucket.name
    endpoint = storage.get("endpoint") or ""
    if stateless.kind == "ovh":
        swift = stateless.swift
        return {
            "SWIFT_AUTH_URL": swift.auth_url or (f"{endpoint.rstrip('/')}/auth/v1.0" if endpoint else None),
            "SWIFT_ACCOUNT": swift.account,
            "SWIFT_PASSWORD_FILE": f"{SECRETS_DIR}/swift_password",
            "SWIFT_PROJECT_NAME": swift.project,
            "SWIFT_REGION_NAME": swift.region,
            "SWIFT_WRITE_CONTAINER": bucket,
        }
    return {
        "AWS_HOST": stateless.s3.endpoint or endpoint,
        "AWS_REGION": stateless.s3.region or storage.get("region"),
        "AWS_ACCESS_KEY_ID_FILE": f"{SECRETS_DIR}/s3_access_key",
        "AWS_SECRET_ACCESS_KEY_FILE": f"{SECRETS_DIR}/s3_secret_key",
        "AWS_BUCKETNAME": bucket,
    }
