# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Swift (with its S3 interface) and Redis for proofs and benchmarks, configured as the roles do it, without a platform."""

from __future__ import annotations

import base64
import pathlib
import re
import secrets
import socket
import subprocess
import typing as t

import jinja2
import yaml

from ..frame import IMAGES, ROOT, Place, docker, until

REGION = "us-east-1"


def image_id(name: str) -> str:
    """The newest image of this name."""
    found = docker("images", "-q", "--no-trunc", name, check=False).split()
    if not found or not found[0].startswith("sha256:"):
        raise SystemExit(f"there is no image {name}: `make demo` builds it")
    return found[0]


def address(container: str) -> str:
    """Its address in the network that it is in; of several in the one whose name sorts first."""
    found = docker(
        "inspect", "-f", "{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}", container
    ).split()
    return found[0] if found else ""


def owned(folder: pathlib.Path, files: t.Mapping[str, str], uid: int) -> pathlib.Path:
    """A folder with files that only this uid reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o400)
        subprocess.run(["chown", f"{uid}:{uid}", str(path)], check=True)
    folder.chmod(0o755)
    return folder


class Swift:
    """One store with one account."""

    account, user = "demo", "odoo"

    def __init__(self, place: Place, prefix: str = "", network: str = "") -> None:
        """prefix: of the names of its container and volume. network: of the engine; both are the place's own if nobody says so."""
        prefix = prefix or place.name
        self.name, self.network, self.label = f"{prefix}-swift", network or place.name, place.label
        self.work = place.work / self.name
        self.image = image_id(f"{IMAGES}/swift")
        self.key = secrets.token_hex(16)
        self.address = ""

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}:8080"

    def start(self) -> None:
        self.stop()
        role = ROOT / "roles" / "object_storage"
        values = yaml.safe_load((role / "defaults" / "main.yml").read_text())
        values = {
            **{key: value for key, value in values.items() if "{{" not in str(value)},
            "object_storage_accounts": [{"account": self.account, "user": self.user, "key": self.key}],
            "object_storage_hash_prefix": secrets.token_hex(16),
            "object_storage_hash_suffix": secrets.token_hex(16),
        }
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(role / "templates"), trim_blocks=True, autoescape=False
        )  # noqa: S701
        environment.filters["b64encode"] = lambda text: base64.b64encode(str(text).encode()).decode()
        environment.filters["regex_replace"] = lambda text, old, new: re.sub(old, new, text)
        environment.globals["lookup"] = lambda *dummy, **more: secrets.token_hex(16)
        texts = {
            name: environment.get_template(f"{name}.j2").render(values)
            for name in (
                "account-server.conf", "container-server.conf", "object-server.conf", "object-expirer.conf",
                "swift.conf", "proxy-server.conf",
            )
        }  # fmt: skip
        secret = {name: texts.pop(name) for name in ("swift.conf", "proxy-server.conf")}
        owned(self.work / "config", texts, 8061)
        owned(self.work / "secrets", secret, 8061)
        docker("volume", "create", "--label", self.label, self.name)
        docker(
            "run", "-d", "--name", self.name, "--label", self.label, "--network", self.network, "--init",
            "--user", "8061:8061", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp",
            "--mount", f"type=volume,source={self.name},target=/srv/swift",
            "--mount", f"type=bind,source={self.work}/config,target=/etc/swift/config,readonly",
            "--mount", f"type=bind,source={self.work}/secrets,target=/run/secrets,readonly",
            self.image,
        )  # fmt: skip
        self.address = address(self.name)
        until(
            lambda: subprocess.run(
                ["docker", "exec", self.name, "swift-health"], capture_output=True, check=False
            ).returncode == 0,
            300, f"{self.name} does not answer", 0.5,
        )  # fmt: skip

    def s3_environment(self, bucket: str, endpoint: str = "") -> dict[str, str]:
        """The variables of attachment_s3 for this store."""
        return {
            "AWS_HOST": endpoint or self.endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": f"{self.account}:{self.user}",
            "AWS_SECRET_ACCESS_KEY": self.key,
            "AWS_BUCKETNAME": bucket,
        }

    def swift_environment(self, container: str) -> dict[str, str]:
        """The variables of attachment_swift for it."""
        return {
            "SWIFT_AUTH_URL": f"{self.endpoint}/auth/v1.0",
            "SWIFT_ACCOUNT": f"{self.account}:{self.user}",
            "SWIFT_PASSWORD": self.key,
            "SWIFT_WRITE_CONTAINER": container,
        }

    def client(self) -> t.Any:
        """A client of S3 for the looks of a proof: not the code that is tried."""
        import boto3
        import botocore.config

        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=f"{self.account}:{self.user}",
            aws_secret_access_key=self.key,
            config=botocore.config.Config(
                request_checksum_calculation="when_required", response_checksum_validation="when_required"
            ),
        )  # fmt: skip

    def objects(self, bucket: str) -> dict[str, str]:
        """Key to ETag (MD5) of all objects; nothing when there is no such bucket."""
        client = self.client()
        try:
            pages = list(client.get_paginator("list_objects_v2").paginate(Bucket=bucket))
        except client.exceptions.NoSuchBucket:
            return {}
        return {item["Key"]: item["ETag"].strip('"') for page in pages for item in page.get("Contents", ())}

    def stop(self) -> None:
        docker("rm", "-f", "-v", self.name, check=False)
        docker("volume", "rm", "-f", self.name, check=False)


class Redis:
    """One server with one user that sees its prefix only, as the role's ACL has it."""

    def __init__(self, place: Place, prefix: str = "", network: str = "") -> None:
        """prefix: of its container's name. network: of the engine; both are the place's own if nobody says so."""
        prefix = prefix or place.name
        self.name, self.network, self.label = f"{prefix}-redis", network or place.name, place.label
        self.image = image_id(f"{IMAGES}/redis")
        self.password = secrets.token_hex(16)
        self.address = ""

    def start(self) -> None:
        self.stop()
        docker(
            "run", "-d", "--name", self.name, "--label", self.label, "--network", self.network, "--init",
            "--entrypoint", "sh", self.image, "-c",
            f"exec $(command -v valkey-server || command -v redis-server) --port 6379 --bind '* -::*' --dir /tmp --appendonly yes"
            f" --protected-mode no --requirepass {self.password}",
        )  # fmt: skip
        until(self.answers, 30, f"{self.name} does not answer", 0.2)

    def answers(self) -> bool:
        self.address = address(self.name)  # another one after it was stopped
        if not self.address:
            return False
        try:
            with socket.create_connection((self.address, 6379), 1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                return b"+OK" in connection.recv(64)
        except OSError:
            return False

    def environment(self, prefix: str) -> dict[str, str]:
        """The variables of session_redis."""
        return {
            "ODOO_SESSION_REDIS": "1",
            "ODOO_SESSION_REDIS_HOST": self.name,
            "ODOO_SESSION_REDIS_PASSWORD": self.password,
            "ODOO_SESSION_REDIS_PREFIX": prefix,
        }

    def stop(self) -> None:
        docker("rm", "-f", "-v", self.name, check=False)
