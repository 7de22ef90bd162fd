# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The S3 store: settings, one client per process, and the few requests that are needed, sent with
boto3."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

try:
    import boto3
    import boto3.s3.transfer
    import botocore.config
    import botocore.exceptions
except ImportError:  # reported when the store is needed
    boto3 = None

from ..common import variables
from ..common.variables import Environment, SettingsError
from .objects import CHUNK, Found, confirmed, looks_like_md5, md5_base64, md5_of, named_bucket, uri

_logger = logging.getLogger(__name__)

SCHEME = "s3"
LIBRARY = "boto3"
AT_ONCE = 1000  # maximum number of objects in one request for deletion
IN_PARTS = 1024**3  # bytes; larger files are sent in parts, because S3 accepts at most 5 GiB at once
MISSING = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")
ERRORS: tuple[type[Exception], ...] = (
    (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) if boto3 is not None else ()
)

_clients: dict[Any, Any] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Where:
    """Address and credentials of the store. Without keys botocore obtains them (role of the
    machine, task or pod)."""

    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


def available() -> bool:
    """Whether boto3 is installed."""
    return boto3 is not None


def load(env: Environment = None) -> Where:
    """Return address and credentials from the environment. Raises `SettingsError` if a variable is
    missing."""
    endpoint = variables.text("AWS_HOST", env=env)
    if endpoint and "://" not in endpoint:
        endpoint = "https://" + endpoint
    access_key = variables.secret("AWS_ACCESS_KEY_ID", env=env)
    secret_key = variables.secret("AWS_SECRET_ACCESS_KEY", env=env)
    if variables.is_true("AWS_USE_IRSA", env=env):
        access_key = secret_key = ""
    elif not (access_key and secret_key):
        missing = "AWS_SECRET_ACCESS_KEY" if access_key else "AWS_ACCESS_KEY_ID"
        raise SettingsError(f"{missing} is not set: set it, or AWS_USE_IRSA=1 to use the role of the machine")
    return Where(endpoint, variables.text("AWS_REGION", env=env), access_key, secret_key)


def bucket_name(database: str, env: Environment = None) -> str:
    """Return the bucket of a database. `{db}` stands for the database's name in a form allowed for
    buckets (S3 refuses underscores and capitals). Raises `SettingsError` if no variable names it.
    """
    return named_bucket("AWS_BUCKETNAME", "bucket", env).replace("{db}", database.replace("_", "-").lower())


def code(error: Exception) -> str:
    """Return the store's error code, empty if it didn't answer."""
    if isinstance(error, botocore.exceptions.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def client(env: Environment = None, style: str = "auto") -> Any:
    """Return the client of this process. `style`: botocore's addressing style. A fork gets a new
    client, because two processes must not share a connection."""
    where = load(env)
    key = (os.getpid(), where, style)
    with _lock:
        if key not in _clients:
            for other in [one for one in _clients if one[:2] != key[:2]]:
                del _clients[other]
            _clients[key] = _make(where, style)
        return _clients[key]


def _make(where: Where, style: str) -> Any:
    options: dict[str, Any] = {
        "connect_timeout": variables.number("AWS_CONNECT_TIMEOUT"),
        "read_timeout": variables.number("AWS_READ_TIMEOUT"),
        "retries": {"mode": "standard", "max_attempts": 3},
        "max_pool_connections": 50,
        "signature_version": "s3v4",
        "s3": {"addressing_style": style},
    }
    try:  # newer versions add a checksum to every request, which most compatible stores don't understand
        config = botocore.config.Config(
            request_checksum_calculation="when_required", response_checksum_validation="when_required", **options
        )
    except TypeError:
        config = botocore.config.Config(**options)
    return boto3.session.Session().client(
        "s3",
        endpoint_url=where.endpoint or None,
        region_name=where.region or None,
        aws_access_key_id=where.access_key or None,
        aws_secret_access_key=where.secret_key or None,
        config=config,
    )


def put(bucket: str, key: str, data: Any, size: int | None = None) -> bool:
    """Store the content (bytes, or a file of `size` bytes). A missing bucket is created only after
    the request failed, which saves a check before each one.

    The MD5 is sent along, and the store refuses any other content. Returns whether the store
    confirmed this content; raises `NotVerified` if it has another one.
    """
    size = len(data) if size is None else size
    begin = None if isinstance(data, (bytes, bytearray, memoryview)) else data.tell()
    try:
        return _put(bucket, key, data, size)
    except botocore.exceptions.ClientError as error:
        if code(error) != "NoSuchBucket":
            raise
    create(bucket)
    if begin is not None:
        data.seek(begin)
    return _put(bucket, key, data, size)


def _put(bucket: str, key: str, data: Any, size: int) -> bool:
    if size >= IN_PARTS and hasattr(data, "read"):
        client().upload_fileobj(
            data, bucket, key, Config=boto3.s3.transfer.TransferConfig(multipart_chunksize=64 * 1024**2, max_concurrency=4)
        )  # fmt: skip
        return False
    digest = md5_of(data)
    answer = client().put_object(Bucket=bucket, Key=key, Body=data, ContentMD5=md5_base64(digest))
    if answer.get("ServerSideEncryption", "AES256") != "AES256" or answer.get("SSECustomerAlgorithm"):
        return False  # then the ETag is not the content's MD5
    return confirmed(uri(SCHEME, bucket, key), answer.get("ETag", ""), digest.hexdigest())


def create(bucket: str) -> None:
    """Create the bucket, unless another process was quicker."""
    region = load().region
    options = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region not in ("", "us-east-1") else {}
    try:
        client().create_bucket(Bucket=bucket, **options)
    except botocore.exceptions.ClientError as error:
        if code(error) != "BucketAlreadyOwnedByYou":
            raise
    _logger.info("Bucket %s was created", bucket)


def _body(bucket: str, key: str, wanted: str = "") -> Any:
    """The answer's body, `None` if there is no such object."""
    try:
        return client().get_object(Bucket=bucket, Key=key, **({"Range": wanted} if wanted else {}))["Body"]
    except botocore.exceptions.ClientError as error:
        if code(error) in MISSING:
            return None
        raise


def get(bucket: str, key: str, size: int | None = None) -> bytes | None:
    """Return the content, at most `size` bytes of it; `None` if it doesn't exist."""
    body = _body(bucket, key, f"bytes=0-{size - 1}" if size else "")
    if body is None:
        return None
    with body:
        return bytes(body.read())


def download(bucket: str, key: str, file: Any) -> bool:
    """Write the content to `file` in pieces; `False` if it doesn't exist."""
    body = _body(bucket, key)
    if body is None:
        return False
    with body:
        for piece in body.iter_chunks(CHUNK):
            file.write(piece)
    return True


def opened(bucket: str, key: str, start: int, stop: int) -> Iterator[bytes]:
    """Return the bytes from `start` to before `stop` in pieces. The request is sent at once, so
    that its errors are raised here."""
    body = client().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}")["Body"]

    def pieces() -> Iterator[bytes]:
        with body:
            yield from body.iter_chunks(CHUNK)

    return pieces()


def link(bucket: str, key: str, seconds: int) -> str:
    """Return a URL with which anyone can read the object for so many seconds. The bucket is in its
    path, so that the host is the same for all buckets."""
    return str(
        client(style="path").generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
        )
    )


def head(bucket: str, key: str) -> Found | None:
    """Return the store's description of an object, `None` if it doesn't exist."""
    try:
        answer = client().head_object(Bucket=bucket, Key=key)
    except botocore.exceptions.ClientError as error:
        if code(error) in MISSING:
            return None
        raise
    return Found(key, answer["ContentLength"], looks_like_md5(answer.get("ETag", "")))


def listing(bucket: str) -> Iterator[Found]:
    """Yield all objects; none if there is no such bucket."""
    try:
        for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for item in page.get("Contents", ()):
                yield Found(
                    item["Key"], item["Size"], looks_like_md5(item.get("ETag", "")), item["LastModified"].timestamp()
                )
    except botocore.exceptions.ClientError as error:
        if code(error) not in MISSING:
            raise


def delete(bucket: str, keys: Sequence[str]) -> list[tuple[str, str]]:
    """Delete the objects. Returns (key, reason) of those that could not be deleted."""
    faults = []
    for begin in range(0, len(keys), AT_ONCE):
        part = keys[begin : begin + AT_ONCE]
        answer = client().delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in part], "Quiet": True}
        )
        faults += [(fault["Key"], fault.get("Code", "")) for fault in answer.get("Errors", [])]
    return faults


def check(bucket: str) -> None:
    """Raise one of `ERRORS` if the bucket doesn't answer."""
    client().head_bucket(Bucket=bucket)
