# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Brings the buckets of an S3 store to the wanted state."""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

from . import s3_xml
from .s3_client import REFUSED_KEY_CODES, S3Client, S3Error, Unreachable, detect_provider, explain
from .s3_keys import Keys, S3Failure, find_keys
from .s3_settings import ALL_FEATURES, PROVIDERS, VERSIONS_PROTECTED, Feature

_UNSUPPORTED_CODES = {"NotImplemented", "XNotImplemented", "MethodNotAllowed", "UnsupportedOperation", "MalformedXML"}
_CREATED_FIRST = ("public_access_block",)  # a new bucket is closed to the public before anything else is set


class Store:
    """Brings buckets to the wanted state. `actions` and `diff` report what was done, or would be."""

    def __init__(
        self,
        client: S3Client,
        provider: str = "auto",
        check_mode: bool = False,
        may_be_absent: bool = False,
        look_for_keys: t.Callable[[], Keys] | None = None,
    ) -> None:
        """Sends no request yet.

        - `provider`: one of `s3_settings.PROVIDERS`, or `auto`: recognised by the store's answers.
        - `may_be_absent`: whether, in check mode, an earlier step would create a store that does
          not answer.
        - `look_for_keys`: finds the client's keys when a bucket has none of its own.
        """
        self.client = client
        self.keys = client.keys
        self.look_for_keys = look_for_keys or (lambda: find_keys(None, None))
        self.provider = "" if provider == "auto" else provider
        self.check_mode = check_mode
        self.may_be_absent = may_be_absent and check_mode
        self.actions: list[str] = []
        self.warnings: list[str] = []
        self.capabilities: dict[str, dict[str, t.Any]] = {}
        self.before: dict[str, t.Any] = {}
        self.after: dict[str, t.Any] = {}
        self.unreachable = False
        self.absent_store = ""

    def ensure(self, bucket: dict[str, t.Any]) -> None:
        """Creates, changes or deletes one bucket. `bucket`: an entry of the module's option
        `buckets`.

        Raises `S3Failure`, before anything is changed if a required feature is known to be missing.
        """
        name = bucket["name"]
        keys = self.keys
        if bucket.get("access_key") or bucket.get("secret_key"):
            keys = find_keys(bucket.get("access_key"), bucket.get("secret_key"))
        if keys is None:
            keys = self.keys = self.look_for_keys()
        self.client.keys = keys
        exists = self._exists(name)
        if bucket.get("state") == "absent":
            if exists:
                self._delete(name, bucket.get("confirm_delete"))
            return
        before: dict[str, t.Any] | None = {} if exists else None
        after: dict[str, t.Any] = {}
        self._require_known(bucket)
        if bucket.get("versioning"):
            self._supported(VERSIONS_PROTECTED)  # for `capabilities`
        if not exists:
            self.actions.append(f"create bucket {name}")
            if not self.check_mode:
                self._create(name)
        for feature in sorted(ALL_FEATURES, key=lambda each: each.name not in _CREATED_FIRST):
            wanted = feature.wanted(bucket)
            if wanted is None or feature.name in (bucket.get("unmanaged") or ()):
                continue
            self._ensure_feature(feature, wanted, bucket, exists, before, after)
        if before != after:
            self.before[name], self.after[name] = before, after

    def _ensure_feature(
        self,
        feature: Feature,
        wanted: t.Any,
        bucket: dict[str, t.Any],
        exists: bool,
        before: dict[str, t.Any] | None,
        after: dict[str, t.Any],
    ) -> None:
        name = bucket["name"]
        if not self._supported(feature.name):
            return
        root = None
        if exists or not self.check_mode:
            try:
                root = self._read(feature, name, retry=() if exists else ("NoSuchBucket",))
            except S3Error as error:
                if not self._note_unsupported(feature.name, error, bucket):
                    raise self._explain(error, f"reading {feature.name} of bucket {name!r}", name) from error
                return
        current = feature.read(root)
        if exists and feature.same(wanted, current):
            if before is not None:
                before[feature.name] = after[feature.name] = current
            self._note_supported(feature.name)
            return
        if not feature.same(wanted, current):
            if not self.check_mode:
                try:
                    self._write(feature, name, feature.document(wanted, root))
                except S3Error as error:
                    if not self._note_unsupported(feature.name, error, bucket):
                        raise self._explain(error, f"setting {feature.name} of bucket {name!r}", name) from error
                    return
            self.actions.append(feature.sentence(wanted, name))
        if before is not None:
            before[feature.name] = current
        after[feature.name] = wanted
        if not self.check_mode:
            self._note_supported(feature.name)

    # what the provider has

    def _supported(self, feature: str) -> bool:
        if feature in self.capabilities:
            return bool(self.capabilities[feature]["supported"])
        known = PROVIDERS.get(self.provider, {}).get(feature)
        if known is None:
            return True
        self.capabilities[feature] = {"supported": known, "how": f"known of provider {self.provider}"}
        return known

    def _note_supported(self, feature: str) -> None:
        self.capabilities.setdefault(feature, {"supported": True, "how": "the store answered"})

    def _note_unsupported(self, feature: str, error: S3Error, bucket: dict[str, t.Any]) -> bool:
        if self.provider == "aws" or not (error.status in (405, 501) or error.code in _UNSUPPORTED_CODES):
            return False
        self.capabilities[feature] = {"supported": False, "how": f"the store answered {error.code or error.status}"}
        self._require_known(bucket)
        return True

    def _require_known(self, bucket: dict[str, t.Any]) -> None:
        """Raises `S3Failure` for a required feature that the store is known to lack, before any
        change.
        """
        for feature in bucket.get("required") or ():
            if not self._supported(feature):
                raise S3Failure(
                    f"bucket {bucket['name']!r}: required={feature!r}: the store at {self.client.endpoint} does not have it "
                    f"({self.capabilities[feature]['how']}); use another store or take it out of 'required'"
                )

    def lacking(self) -> list[str]:
        """Wanted features that the store does not have."""
        return sorted(
            name for name, known in self.capabilities.items() if not known["supported"] and name != VERSIONS_PROTECTED
        )

    # requests

    def _exists(self, name: str) -> bool:
        if self.unreachable:
            return False
        try:
            answer = self.client.call("HEAD", name)
        except Unreachable as error:
            if not self.may_be_absent:
                raise
            self.unreachable, self.absent_store = True, str(error)
            return False
        except S3Error as error:
            self._note_provider(error.headers)
            if error.status == 404:
                return False
            if not error.code:  # the answer to HEAD has no body: GET gives the reason
                try:
                    self.client.call("GET", name, [("versioning", "")])
                except S3Error as detailed:
                    error = detailed
            if self.may_be_absent and error.code in REFUSED_KEY_CODES:
                self.absent_store = (
                    f"the store refuses the key ({error.code}), as it does before the account is created"
                )
                return False
            raise self._explain(error, f"searching for bucket {name!r}", name) from error
        self._note_provider(answer.headers)
        return True

    def _note_provider(self, headers: t.Mapping[str, str]) -> None:
        if not self.provider:
            self.provider = detect_provider(self.client.endpoint, headers)

    def _read(self, feature: Feature, name: str, retry: t.Container[str]) -> ElementTree.Element | None:
        try:
            answer = self.client.call("GET", name, [(feature.query, "")], retry=retry)
        except S3Error as error:
            if error.code in feature.missing:
                return None
            raise
        root = answer.xml()
        if root is None or root.tag.startswith("List"):
            # a store that does not know the setting lists the bucket instead
            raise S3Error(501, "NotImplemented", f"something else than {feature.root} came back", answer.headers)
        return root

    def _write(self, feature: Feature, name: str, document: ElementTree.Element | None) -> None:
        query = [(feature.query, "")]
        if document is None:
            self.client.call("DELETE", name, query)
        else:
            self.client.call("PUT", name, query, s3_xml.document(document), retry=("NoSuchBucket",))

    def _create(self, name: str) -> None:
        body = b""
        if self.client.region != "us-east-1":
            body = s3_xml.document(s3_xml.element("CreateBucketConfiguration", LocationConstraint=self.client.region))
        try:
            self.client.call("PUT", name, body=body)
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise self._explain(error, f"creating bucket {name!r}", name) from error

    def _delete(self, name: str, confirmation: str | None) -> None:
        if confirmation != name:
            raise S3Failure(f"bucket {name!r}: state=absent needs confirm_delete={name!r}, not {confirmation!r}")
        try:
            for query, tags in (("versions", ("Version", "DeleteMarker")), ("uploads", ("Upload",))):
                self._refuse_full(name, query, tags)
            if not self.check_mode:
                self.client.call("DELETE", name)
        except S3Error as error:
            raise self._explain(error, f"deleting bucket {name!r}", name) from error
        self.actions.append(f"delete the empty bucket {name}")
        self.before[name], self.after[name] = {}, None

    def _refuse_full(self, name: str, query: str, tags: tuple[str, ...]) -> None:
        limit = "max-uploads" if query == "uploads" else "max-keys"
        try:
            root = self.client.call("GET", name, [(query, ""), (limit, "1")]).xml()
        except S3Error as error:
            if error.code not in _UNSUPPORTED_CODES and error.status not in (405, 501):
                raise
            root, tags = self.client.call("GET", name, [("max-keys", "1")]).xml(), ("Contents",)
        if root is None or any(root.find(tag) is not None for tag in (*tags, "Contents")):
            what = "unfinished uploads" if query == "uploads" else "objects or old versions"
            raise S3Failure(f"bucket {name!r}: still has {what}; a bucket is only deleted when it is empty")

    def _explain(self, error: S3Error, doing: str, name: str) -> S3Failure:
        return explain(error, self.client, doing, name)
