# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The S3 store: settings, one client per process, and the few requests that are needed. boto3 talks with it."""

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
AT_ONCE = 1000  # as many objects one request may delete
IN_PARTS = 1024**3  # from this size on; S3 takes at most 5 GiB in one piece
MISSING = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")
ERRORS: tuple[type[Exception], ...] = (
    (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) if boto3 is not None else ()
)

_clients: dict[Any, Any] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Where:
    """Which store, and as whom. Without keys botocore looks for them (role of the machine, task or pod)."""

    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


def available() -> bool:
    """Whether the library is there."""
    return boto3 is not None


def load(env: Environment = None) -> Where:
    """The settings of the environment."""
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
    """The own bucket. ``{db}`` is the database's name as a bucket can have it (S3 takes no underscores and capitals)."""
    return named_bucket("AWS_BUCKETNAME", "bucket", env).replace("{db}", database.replace("_", "-").lower())


def code(error: Exception) -> str:
    """The store's word for what is wrong, '' if it didn't answer."""
    if isinstance(error, botocore.exceptions.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def client(env: Environment = None, style: str = "auto") -> Any:
    """The client of this process. After a fork a new one: two processes must not talk on one connection."""
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
    try:  # newer versions add a checksum to every request that most compatible stores don't understand
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
    """Store the content (bytes, or a file). The bucket is made when there is none; nobody asks for it before each request.

    The store is given the MD5 and refuses anything else. Returns whether it confirmed this content; raises NotVerified for another.
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
        return False  # the ETag is no MD5 of the content then
    return confirmed(uri(SCHEME, bucket, key), answer.get("ETag", ""), digest.hexdigest())


def create(bucket: str) -> None:
    """Make the bucket, unless somebody was quicker."""
    region = load().region
    options = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region not in ("", "us-east-1") else {}
    try:
        client().create_bucket(Bucket=bucket, **options)
    except botocore.exceptions.ClientError as error:
        if code(error) != "BucketAlreadyOwnedByYou":
            raise
    _logger.info("Bucket %s was made", bucket)


def _body(bucket: str, key: str, wanted: str = "") -> Any:
    """The answer's body, None when there is no such object."""
    try:
        return client().get_object(Bucket=bucket, Key=key, **({"Range": wanted} if wanted else {}))["Body"]
    except botocore.exceptions.ClientError as error:
        if code(error) in MISSING:
            return None
        raise


def get(bucket: str, key: str, size: int | None = None) -> bytes | None:
    """The content, at most ``size`` bytes of it; None when it isn't there."""
    body = _body(bucket, key, f"bytes=0-{size - 1}" if size else "")
    if body is None:
        return None
    with body:
        return bytes(body.read())


def download(bucket: str, key: str, file: Any) -> bool:
    """The content into a file, in pieces; False when it isn't there."""
    body = _body(bucket, key)
    if body is None:
        return False
    with body:
        for piece in body.iter_chunks(CHUNK):
            file.write(piece)
    return True


def opened(bucket: str, key: str, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from start to before stop, in pieces. The request is made now, so that its errors are seen now."""
    body = client().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}")["Body"]

    def pieces() -> Iterator[bytes]:
        with body:
            yield from body.iter_chunks(CHUNK)

    return pieces()


def link(bucket: str, key: str, seconds: int) -> str:
    """An address that gives the object to whoever has it, for so long. The bucket is in its path: its host is the same for all."""
    return str(
        client(style="path").generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
        )
    )


def head(bucket: str, key: str) -> Found | None:
    """How the store describes an object, None when it isn't there."""
    try:
        answer = client().head_object(Bucket=bucket, Key=key)
    except botocore.exceptions.ClientError as error:
        if code(error) in MISSING:
            return None
        raise
    return Found(key, answer["ContentLength"], looks_like_md5(answer.get("ETag", "")))


def listing(bucket: str) -> Iterator[Found]:
    """All objects; none when there is no such bucket."""
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
    """Delete the objects; the (key, reason) of those that could not be."""
    faults = []
    for begin in range(0, len(keys), AT_ONCE):
        part = keys[begin : begin + AT_ONCE]
        answer = client().delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in part], "Quiet": True}
        )
        faults += [(fault["Key"], fault.get("Code", "")) for fault in answer.get("Errors", [])]
    return faults


def check(bucket: str) -> None:
    """Whether the bucket answers; an error if not."""
    client().head_bucket(Bucket=bucket)
