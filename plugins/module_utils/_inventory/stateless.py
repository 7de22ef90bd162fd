# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What lets any replica of an instance vanish: the addons, and the variables and secrets of its containers. Pure.

Whether they are right is not decided here: the rules are in C(_runtime/rules/environment.py), and are asked by the pre-flight, by
the runtime at start and by the addon with the very variables that are made here.
"""

from __future__ import annotations

import re
import typing as t

from .._runtime.common import unknown_variables, values
from .._runtime.rules import environment as cloud_platform

SECRETS = "/run/secrets"  # where containers see the instance's secrets
DAY = 86400
AWS = "https://s3{}.amazonaws.com"

# Defaults of the instance's variables, as in C(instance.DEFAULTS).
DEFAULTS: dict[str, t.Any] = {
    "odoo_stateless": True,
    "odoo_platform_kind": "exoscale",
    "odoo_s3_endpoint": None,
    "odoo_s3_region": None,
    "odoo_swift_auth_url": None,
    "odoo_swift_account": None,
    "odoo_swift_password": None,
    "odoo_swift_project": None,
    "odoo_swift_region": None,
    "odoo_session_expiration": None,
    "odoo_session_expiration_anonymous": None,
    "odoo_logging_json": False,
    "odoo_log_requests": False,
    "odoo_metrics": False,
    "odoo_metrics_token": None,
    "odoo_statsd_host": None,
    "odoo_statsd_port": 8125,
    "odoo_direct_download_bytes": 1048576,
    "odoo_env": {},
}

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*\Z")
# What the runtime needs as it is, and what would be a secret for all to see.
_PLAIN_SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|ACCESS_KEY)(_ID|_KEY)?\Z")


def problems(settings: t.Mapping[str, t.Any]) -> list[tuple[str, t.Any, str]]:
    """(variable, value, what would be right) for each setting that can't be."""
    found: list[tuple[str, t.Any, str]] = []
    for variable in ("odoo_stateless", "odoo_logging_json", "odoo_log_requests", "odoo_metrics"):
        if values.as_boolean(settings[variable]) is None:
            found.append((variable, settings[variable], "give true or false"))
    if settings["odoo_platform_kind"] not in cloud_platform.KINDS:
        kinds = " or ".join(f"{kind} ({store.name})" for kind, store in sorted(cloud_platform.KINDS.items()))
        found.append(("odoo_platform_kind", settings["odoo_platform_kind"], f"give {kinds}"))
    for variable in ("odoo_session_expiration", "odoo_session_expiration_anonymous", "odoo_statsd_port"):
        value = settings[variable]
        if value is not None and not re.match(r"[1-9]\d*\Z", str(value)):
            found.append((variable, value, "give a whole number, 1 or more"))
    if values.as_size(settings["odoo_direct_download_bytes"]) is None:
        value = settings["odoo_direct_download_bytes"]
        found.append(
            ("odoo_direct_download_bytes", value, "give a number of bytes, or a size such as 1m, or 0 for never")
        )
    for variable in ("odoo_s3_endpoint", "odoo_swift_auth_url"):
        value = settings[variable]
        if value is not None and not re.match(r"https?://[^\s/@]+(/\S*)?\Z", str(value)):
            found.append((variable, value, "give an address such as https://s3.example.com"))
    extra = settings["odoo_env"]
    if not isinstance(extra, dict) or not all(_VARIABLE.match(str(name)) for name in extra):
        found.append(("odoo_env", extra, "give a dictionary of environment variables such as {LC_ALL: C.UTF-8}"))
    else:
        for name, value in extra.items():
            if _PLAIN_SECRET.search(str(name)):
                found.append((f"odoo_env: {name}", "********", f"a secret doesn't belong there; give {name}_FILE"))
            elif right := unknown_variables.wrong_setting(str(name), _text(value)):
                found.append((f"odoo_env: {name}", value, right))
    conf = settings.get("odoo_conf")
    loaded = str(conf.get("server_wide_modules") or "") if isinstance(conf, dict) else ""
    if values.as_boolean(settings["odoo_stateless"]) and loaded and "session_redis" not in loaded.split(","):
        # Sessions would be files of one replica, and nobody would notice.
        found.append(
            (
                "odoo_conf: server_wide_modules",
                loaded,
                "session_redis must be in it; odoo_server_wide_modules adds to it",
            )
        )
    return found


def build(
    name: str, environment: str, settings: t.Mapping[str, t.Any], secret_key: str, local_account: str
) -> dict[str, t.Any]:
    """The part of an instance that is about this: C(addons), C(server_wide), C(secret_files), and what variables() needs."""
    stateless = bool(values.as_boolean(settings["odoo_stateless"]))
    kind = str(settings["odoo_platform_kind"])
    metrics, requests = (
        bool(values.as_boolean(settings[variable])) for variable in ("odoo_metrics", "odoo_log_requests")
    )
    json = bool(values.as_boolean(settings["odoo_logging_json"]))
    addons = [f"cloud_platform_{kind}"] if stateless else []
    addons += ["monitoring_log_requests"] if requests else []
    server_wide = ["database_reconnect"]  # a live update's restore point ends idle sessions of replicas that serve
    server_wide += ["session_redis"] if stateless else []
    server_wide += ["logging_json"] if stateless or json else []
    server_wide += ["monitoring_prometheus"] if metrics else []
    return {
        "stateless": stateless,
        "kind": kind if stateless else "",
        "addons": addons,
        "server_wide": server_wide,
        "json": json,
        "metrics_token": str(settings["odoo_metrics_token"] or "") if metrics else "",
        "s3": {"endpoint": settings["odoo_s3_endpoint"], "region": settings["odoo_s3_region"]},
        "swift": {
            "auth_url": settings["odoo_swift_auth_url"],
            "account": str(settings["odoo_swift_account"] or local_account),
            "password": str(settings["odoo_swift_password"] or secret_key),
            "project": settings["odoo_swift_project"],
            "region": settings["odoo_swift_region"],
        },
        # A test's sessions are for a day: its copies of production come and go.
        "expiration": settings["odoo_session_expiration"] or (DAY if environment == "test" else None),
        "expiration_anonymous": settings["odoo_session_expiration_anonymous"],
        "direct_bytes": values.as_size(settings["odoo_direct_download_bytes"]) or 0,
        "statsd": {"host": settings["odoo_statsd_host"], "port": settings["odoo_statsd_port"]},
        "env": {str(key): _text(value) for key, value in settings["odoo_env"].items()},
    }


def _text(value: t.Any) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def secret_files(instance: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The secrets as files: name to content. No variable of a container holds one."""
    mine = instance["platform"]
    files: dict[str, str] = {}
    if mine["stateless"]:
        files["redis_password"] = instance["redis"]["password"]
        if mine["kind"] == "ovh":
            files["swift_password"] = mine["swift"]["password"]
        else:
            files["s3_access_key"] = instance["bucket"]["access_key"]
            files["s3_secret_key"] = instance["bucket"]["secret_key"]
    if mine["metrics_token"]:
        files["metrics_token"] = mine["metrics_token"]
    return files


def variables(
    instance: t.Mapping[str, t.Any], redis: t.Mapping[str, t.Any], storage: t.Mapping[str, t.Any]
) -> dict[str, str]:
    """The variables of the instance's containers. ``redis`` and ``storage`` say where these are, as containers see them."""
    mine = instance["platform"]
    env: dict[str, t.Any] = {}
    if mine["stateless"]:
        env.update(
            RUNNING_ENV=instance["environment"],
            ODOO_CLOUD_PROJECT=instance["project"],
            ODOO_CLOUD_PLATFORM_KIND=mine["kind"],
            HEALTH_PATH="/monitoring/readiness",
        )
        if mine["direct_bytes"] != DEFAULTS["odoo_direct_download_bytes"]:  # which is the addon's too
            env["ODOO_DIRECT_DOWNLOAD_BYTES"] = mine["direct_bytes"]
        env.update(_sessions(instance, redis))
        env.update(_attachments(instance, storage))
    if mine["json"]:
        env["ODOO_LOGGING_JSON"] = "1"
    if mine["metrics_token"]:
        env["ODOO_METRICS_TOKEN_FILE"] = f"{SECRETS}/metrics_token"
    if mine["stateless"] and mine["statsd"]["host"]:
        env.update(
            ODOO_STATSD="1",
            STATSD_CUSTOMER=instance["project"],
            STATSD_ENVIRONMENT=instance["environment"],
            STATSD_HOST=mine["statsd"]["host"],
            STATSD_PORT=mine["statsd"]["port"],
        )
    env.update(mine["env"])
    return {name: str(value) for name, value in env.items() if value not in (None, "")}


def sites(instances: t.Sequence[t.Mapping[str, t.Any]], storage: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """The proxy's sites, with the store that it may get large files from. ``storage`` as for variables()."""
    return [{**instance["site"], "store": _store_address(instance, storage)} for instance in instances]


def _store_address(instance: t.Mapping[str, t.Any], storage: t.Mapping[str, t.Any]) -> str:
    """Where objects can be had by a signed address, without a path; empty for nowhere."""
    mine = instance["platform"]
    if not mine["stateless"] or not mine["direct_bytes"]:
        return ""
    endpoint = str(storage.get("endpoint") or "")
    if mine["kind"] == "ovh":
        # Another Swift's objects are where its catalogue says, which only a login tells.
        endpoint = "" if mine["swift"]["auth_url"] else endpoint
    else:
        region = mine["s3"]["region"] or storage.get("region") or "us-east-1"
        endpoint = str(mine["s3"]["endpoint"] or endpoint) or AWS.format("" if region == "us-east-1" else f".{region}")
    return re.sub(r"(https?://[^/]+).*", r"\1", endpoint)


def _sessions(instance: t.Mapping[str, t.Any], redis: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    name = "ODOO_SESSION_REDIS"
    mine = instance["platform"]
    env = {
        name: "1",
        f"{name}_USERNAME": instance["redis"]["name"],
        f"{name}_PASSWORD_FILE": f"{SECRETS}/redis_password",
        f"{name}_PREFIX": instance["redis"]["prefix"],
        f"{name}_EXPIRATION": mine["expiration"],
        f"{name}_EXPIRATION_ANONYMOUS": mine["expiration_anonymous"],
        f"{name}_SSL_CA_CERTS": f"{SECRETS}/redis_ca.pem" if redis.get("ca") else None,
    }
    if redis.get("url"):
        return {**env, f"{name}_URL": redis["url"]}
    return {
        **env,
        f"{name}_HOST": redis.get("host"),
        f"{name}_PORT": redis.get("port"),
        f"{name}_SSL": "1" if redis.get("tls") else None,
    }


def _attachments(instance: t.Mapping[str, t.Any], storage: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    mine = instance["platform"]
    endpoint = storage.get("endpoint") or ""
    if mine["kind"] == "ovh":
        swift = mine["swift"]
        return {
            "SWIFT_AUTH_URL": swift["auth_url"] or (f"{endpoint.rstrip('/')}/auth/v1.0" if endpoint else None),
            "SWIFT_ACCOUNT": swift["account"],
            "SWIFT_PASSWORD_FILE": f"{SECRETS}/swift_password",
            "SWIFT_PROJECT_NAME": swift["project"],
            "SWIFT_REGION_NAME": swift["region"],
            "SWIFT_WRITE_CONTAINER": instance["bucket"]["name"],
        }
    return {
        "AWS_HOST": mine["s3"]["endpoint"] or endpoint,
        "AWS_REGION": mine["s3"]["region"] or storage.get("region"),
        "AWS_ACCESS_KEY_ID_FILE": f"{SECRETS}/s3_access_key",
        "AWS_SECRET_ACCESS_KEY_FILE": f"{SECRETS}/s3_secret_key",
        "AWS_BUCKETNAME": instance["bucket"]["name"],
    }
