# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The keys and the region with which requests to an S3 store are signed, and where they come from.

Importing botocore and creating its S3 client costs 0.45 s (boto3: 0.55 s) in each run, more than
the requests. So it is imported only to search for keys (profile, instance role).
"""

from __future__ import annotations

import dataclasses
import os
import typing as t


class S3Failure(Exception):
    """A request to the store, or its preparation, failed; the message is one line for operators."""


@dataclasses.dataclass(frozen=True)
class Keys:
    """The keys that requests are signed with."""

    access: str
    secret: str = dataclasses.field(repr=False)
    token: str = dataclasses.field(default="", repr=False)


def find_keys(
    access_key: str | None,
    secret_key: str | None,
    session_token: str | None = None,
    profile: str | None = None,
    environ: t.Mapping[str, str] | None = None,
) -> Keys:
    """The given keys, else those of the environment, else those that botocore finds.

    botocore looks at profiles and at the role of the container or instance. `environ`: by default
    that of this process. Raises `S3Failure` when none are found, or only one of two is given.
    """
    environ = os.environ if environ is None else environ
    if access_key or secret_key:
        if not (access_key and secret_key):
            raise S3Failure("access_key and secret_key: give both, or neither to use the profile or the environment")
        if profile:
            raise S3Failure(f"profile={profile!r}: give either a profile or access_key and secret_key")
        return Keys(access_key, secret_key, session_token or "")
    profile = profile or environ.get("AWS_PROFILE")
    if not profile and environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return Keys(
            environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], environ.get("AWS_SESSION_TOKEN", "")
        )
    session = _botocore_session(profile)
    try:
        credentials = session.get_credentials()
    except Exception as error:  # botocore's exceptions, whose import is what is avoided here
        raise S3Failure(f"profile={profile!r}: {error}") from error
    if credentials is None:
        raise S3Failure("access_key and secret_key: neither given nor found (profile, environment, instance role)")
    frozen = credentials.get_frozen_credentials()
    return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")


def find_region(region: str | None, profile: str | None = None, endpoint: str | None = None) -> str:
    """The given region, else that of the environment or profile, else `us-east-1`."""
    found = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found and not endpoint and (profile or os.environ.get("AWS_PROFILE")):
        found = _botocore_session(profile or os.environ.get("AWS_PROFILE")).get_config_variable("region")
    return found or "us-east-1"


def _botocore_session(profile: str | None) -> t.Any:
    try:
        import botocore.session
    except ImportError:
        raise S3Failure(
            "access_key and secret_key: not given; the Python library botocore is needed to look for them elsewhere"
        ) from None
    return botocore.session.Session(profile=profile)
