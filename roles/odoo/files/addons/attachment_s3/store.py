# Copyright 2026 odoo_cloud.platform contributors
# License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl).
"""The S3 store: settings, one client per process, and the few requests that are needed. No Odoo model here."""

import logging
import os
import re
import threading
from dataclasses import dataclass, field

import boto3
import botocore.config
import botocore.exceptions
from odoo.addons.odoo_cloud_compat import settings

_logger = logging.getLogger(__name__)

CHUNK = 256 * 1024
AT_ONCE = 1000  # as many objects one request may delete
MISSING = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")
ERRORS = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)

_URI = re.compile(r"s3:///*([^/]*)/?(.*)", re.IGNORECASE | re.DOTALL)
_clients = {}
_lock = threading.Lock()


class SettingsError(ValueError):
    """A variable is missing or wrong; the text is one line for people."""


@dataclass(frozen=True)
class Where:
    """Which store, and as whom. Without keys botocore looks for them (role of the machine, task or pod)."""

    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


def load(env=None):
    """The settings of the environment."""
    endpoint = settings.text("AWS_HOST", env=env)
    if endpoint and "://" not in endpoint:
        endpoint = "https://" + endpoint
    access_key = settings.secret("AWS_ACCESS_KEY_ID", env=env)
    secret_key = settings.secret("AWS_SECRET_ACCESS_KEY", env=env)
    if settings.is_true("AWS_USE_IRSA", env=env):
        access_key = secret_key = ""
    elif not (access_key and secret_key):
        missing = "AWS_SECRET_ACCESS_KEY" if access_key else "AWS_ACCESS_KEY_ID"
        raise SettingsError(f"{missing} is not set: set it, or AWS_USE_IRSA=1 to use the role of the machine")
    return Where(endpoint, settings.text("AWS_REGION", env=env), access_key, secret_key)


def bucket_name(database, env=None):
    """The own bucket. ``{db}`` is the database's name as a bucket can have it (S3 takes no underscores and capitals)."""
    name = settings.text("AWS_BUCKETNAME", env=env)
    if not name:
        raise SettingsError("AWS_BUCKETNAME is not set: it must name the bucket of the attachments")
    return name.replace("{db}", database.replace("_", "-").lower())


def uri(bucket, key):
    return f"s3://{bucket}/{key}"


def parse(fname):
    """(bucket, key) of a store_fname."""
    match = _URI.match(fname)
    if not match or not match.group(1) or not match.group(2):
        raise ValueError(f"{fname}: not of the form s3://bucket/key")
    return match.groups()


def code(error):
    """The store's word for what is wrong, '' if it didn't answer."""
    if isinstance(error, botocore.exceptions.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def client(env=None):
    """The client of this process. After a fork a new one: two processes must not talk on one connection."""
    where = load(env)
    key = (os.getpid(), where)
    with _lock:
        if key not in _clients:
            _clients.clear()
            _clients[key] = _make(where)
        return _clients[key]


def _make(where):
    options = {
        "connect_timeout": settings.number("AWS_CONNECT_TIMEOUT", 5, 1),
        "read_timeout": settings.number("AWS_READ_TIMEOUT", 60, 1),
        "retries": {"mode": "standard", "max_attempts": 3},
        "max_pool_connections": 20,
        "signature_version": "s3v4",
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


def put(bucket, key, data):
    """Store the content. The bucket is made when there is none; nobody asks for it before each request."""
    try:
        client().put_object(Bucket=bucket, Key=key, Body=data)
    except botocore.exceptions.ClientError as error:
        if code(error) != "NoSuchBucket":
            raise
        create(bucket)
        client().put_object(Bucket=bucket, Key=key, Body=data)


def create(bucket):
    """Make the bucket, unless somebody was quicker."""
    region = load().region
    options = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region not in ("", "us-east-1") else {}
    try:
        client().create_bucket(Bucket=bucket, **options)
    except botocore.exceptions.ClientError as error:
        if code(error) != "BucketAlreadyOwnedByYou":
            raise
    _logger.info("Bucket %s was made", bucket)


def get(bucket, key, size=None):
    """The content, at most ``size`` bytes of it; None when it isn't there."""
    options = {"Range": f"bytes=0-{size - 1}"} if size else {}
    try:
        with client().get_object(Bucket=bucket, Key=key, **options)["Body"] as body:
            return body.read()
    except botocore.exceptions.ClientError as error:
        if code(error) in MISSING:
            return None
        raise


def opened(bucket, key, start, stop):
    """The bytes from start to before stop, in pieces. The request is made now, so that its errors are seen now."""
    body = client().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}")["Body"]

    def pieces():
        with body:
            yield from body.iter_chunks(CHUNK)

    return pieces()


def delete(bucket, keys):
    """Delete the objects; the (key, reason) of those that could not be."""
    faults = []
    for begin in range(0, len(keys), AT_ONCE):
        part = keys[begin : begin + AT_ONCE]
        answer = client().delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in part], "Quiet": True}
        )
        faults += [(fault["Key"], fault.get("Code", "")) for fault in answer.get("Errors", [])]
    return faults


def check(bucket):
    """Whether the bucket answers; an error if not."""
    client().head_bucket(Bucket=bucket)
