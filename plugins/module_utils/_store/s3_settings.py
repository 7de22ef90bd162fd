# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Settings of buckets in an S3 store: how each is read, compared and written. No I/O.

A setting is normalised, then compared; what others have set besides stays as it is.
"""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

from .s3_xml import element, number

FEATURES = ("versioning", "encryption", "lifecycle", "public_access_block", "tags", "eventbridge")
RULE_ID = "odoo_cloud.platform"  # of this collection's lifecycle rule

# Which features each provider is known to have. Others are found out by a request. Sources: AWS S3
# API reference; for Swift a test of the middleware s3api of 2.35: PUT of lifecycle, encryption and
# publicAccessBlock gives MalformedXML, tagging 501. Their GET answers 200 with a listing of the
# bucket, so a request would mislead.
#
# `versions_protected`: whether the key of an instance can be kept from deleting old versions. On AWS
# the filter `s3_policy` does that. In Swift a key belongs to an account, which may delete everything
# in it, versions included; of another store it isn't known.
VERSIONS_PROTECTED = "versions_protected"
PROVIDERS: dict[str, dict[str, bool]] = {
    "aws": {**dict.fromkeys(FEATURES, True), VERSIONS_PROTECTED: True},
    "swift": {
        VERSIONS_PROTECTED: False,
        "versioning": True,
        "encryption": False,
        "lifecycle": False,
        "public_access_block": False,
        "tags": False,
        "eventbridge": False,
    },
    "generic": {VERSIONS_PROTECTED: False},
}


class Feature:
    """One setting of a bucket. Each setting is a subclass.

    `name`: option of the module. `query`: parameter of the request. `root`: root of the XML
    document.
    """

    name = ""
    query = ""
    root = ""
    missing: tuple[str, ...] = ()  # error codes that mean that nothing is set

    def wanted(self, bucket: dict[str, t.Any]) -> t.Any:
        """The wanted setting, normalised; None when it isn't managed. `bucket`: an entry of
        `buckets`.
        """
        raise NotImplementedError

    def read(self, root: ElementTree.Element | None) -> t.Any:
        """The current setting, normalised. `root`: the store's document, None when nothing is set."""
        raise NotImplementedError

    def document(self, wanted: t.Any, root: ElementTree.Element | None) -> ElementTree.Element | None:
        """The document to write; None deletes the setting. `root`: the store's current document."""
        raise NotImplementedError

    def same(self, wanted: t.Any, current: t.Any) -> bool:
        """Whether nothing has to be written. Both settings are normalised."""
        return bool(wanted == current)

    def sentence(self, wanted: t.Any, bucket: str) -> str:
        """What writing the setting changes, in words for operators."""
        raise NotImplementedError


class Versioning(Feature):
    """Whether old versions of objects are kept."""

    name, query, root = "versioning", "versioning", "VersioningConfiguration"

    def wanted(self, bucket: dict[str, t.Any]) -> t.Any:
        """Whether versions are kept; None when that isn't managed."""
        return bucket.get("versioning")

    def read(self, root: ElementTree.Element | None) -> t.Any:
        """Whether versions are kept now."""
        return root is not None and root.findtext("Status") == "Enabled"

    def document(self, wanted: t.Any, root: ElementTree.Element | None) -> ElementTree.Element | None:
        """The document that enables or suspends versioning."""
        return element(self.root, Status="Enabled" if wanted else "Suspended")

    def sentence(self, wanted: t.Any, bucket: str) -> str:
        """What writing the setting changes, in words for operators."""
        return f"{'turn on' if wanted else 'suspend'} versioning of bucket {bucket}"


class Encryption(Feature):
    """How objects that are written from now on are encrypted."""

    name, query, root = "encryption", "encryption", "ServerSideEncryptionConfiguration"
    missing = ("ServerSideEncryptionConfigurationNotFoundError",)

    def wanted(self, bucket: dict[str, t.Any]) -> t.Any:
        """`algorithm` and, with KMS, `kms_key` and `bucket_key`; None when it isn't managed."""
        algorithm = bucket.get("encryption")
        if not algorithm or algorithm == "none":
            return None
        if algorithm == "AES256":
            return {"algorithm": algorithm}
        return {"algorithm": algorithm, "kms_key": bucket.get("kms_key") or None, "bucket_key": True}

    def read(self, root: ElementTree.Element | None) -> t.Any:
        """The current encryption, normalised like `wanted`; empty without a rule."""
        rule = None if root is None else root.find("Rule")
        if rule is None:
            return {}
        algorithm = rule.findtext("ApplyServerSideEncryptionByDefault/SSEAlgorithm") or ""
        if not algorithm.startswith("aws:kms"):
            return {"algorithm": algorithm}
        return {
            "algorithm": algorithm,
            "kms_key": rule.findtext("ApplyServerSideEncryptionByDefault/KMSMasterKeyID"),
            "bucket_key": (rule.findtext("BucketKeyEnabled") or "").lower() == "true",
        }

    def same(self, wanted: t.Any, current: t.Any) -> bool:
        """Whether every given value is set; a key that isn't given is left to AWS."""
        return all(current.get(key) == value for key, value in wanted.items() if value is not None)

    def document(self, wanted: t.Any, root: ElementTree.Element | None) -> ElementTree.Element | None:
        """The document with the wanted encryption."""
        default = element(
            "ApplyServerSideEncryptionByDefault", SSEAlgorithm=wanted["algorithm"], KMSMasterKeyID=wanted.get("kms_key")
        )
        return element(self.root, Rule=element("Rule", default=default, BucketKeyEnabled=wanted.get("bucket_key")))

    def sentence(self, wanted: t.Any, bucket: str) -> str:
        """What writing the setting changes, in words for operators."""
        return f"encrypt bucket {bucket} with {wanted['algorithm']}"


class Lifecycle(Feature):
    """One rule of this collection; other rules stay as they are."""

    name, query, root = "lifecycle", "lifecycle", "LifecycleConfiguration"
    missing = ("NoSuchLifecycleConfiguration",)

    def wanted(self, bucket: dict[str, t.Any]) -> t.Any:
        """The wanted parts of the rule (days and numbers of versions); None when it isn't managed."""
        rules = bucket.get("lifecycle")
        if rules is None:
            return None
        kept = {key: value for key, value in rules.items() if value}
        if kept.get("expiration_days"):
            kept.pop("expired_delete_markers", None)  # S3 allows only one of both; the days remove markers too
        return kept

    def read(self, root: ElementTree.Element | None) -> t.Any:
        """The parts of the rule; empty without one, or if it is disabled or limited to a prefix."""
        rule = self._ours(root)
        if (
            rule is None
            or rule.findtext("Status") != "Enabled"
            or (rule.findtext("Filter/Prefix") or rule.findtext("Prefix"))
        ):
            return {}
        found: dict[str, t.Any] = {
            "noncurrent_days": number(rule, "NoncurrentVersionExpiration/NoncurrentDays"),
            "noncurrent_keep": number(rule, "NoncurrentVersionExpiration/NewerNoncurrentVersions"),
            "abort_multipart_days": number(rule, "AbortIncompleteMultipartUpload/DaysAfterInitiation"),
            "expiration_days": number(rule, "Expiration/Days"),
            "expired_delete_markers": (rule.findtext("Expiration/ExpiredObjectDeleteMarker") or "").lower() == "true",
        }
        return {key: value for key, value in found.items() if value}

    @staticmethod
    def _ours(root: ElementTree.Element | None) -> ElementTree.Element | None:
        return next(
            (rule for rule in ([] if root is None else root.findall("Rule")) if rule.findtext("ID") == RULE_ID), None
        )

    def document(self, wanted: t.Any, root: ElementTree.Element | None) -> ElementTree.Element | None:
        """The document with the wanted rule and the rules of others; None without any."""
        rules = [rule for rule in ([] if root is None else root.findall("Rule")) if rule.findtext("ID") != RULE_ID]
        if wanted:
            expiration = noncurrent = abort = None
            if wanted.get("expiration_days") or wanted.get("expired_delete_markers"):
                expiration = element(
                    "Expiration",
                    Days=wanted.get("expiration_days"),
                    ExpiredObjectDeleteMarker=wanted.get("expired_delete_markers"),
                )
            if wanted.get("noncurrent_days"):
                noncurrent = element(
                    "NoncurrentVersionExpiration",
                    NoncurrentDays=wanted["noncurrent_days"],
                    NewerNoncurrentVersions=wanted.get("noncurrent_keep"),
                )
            if wanted.get("abort_multipart_days"):
                abort = element("AbortIncompleteMultipartUpload", DaysAfterInitiation=wanted["abort_multipart_days"])
            rules.append(
                element(
                    "Rule",
                    ID=RULE_ID,
                    filter=element("Filter", Prefix=""),
                    Status="Enabled",
                    expiration=expiration,
                    noncurrent=noncurrent,
                    abort=abort,
                )
            )
        return element(self.root, Rule=rules) if rules else None

    def sentence(self, wanted: t.Any, bucket: str) -> str:
        """What writing the setting changes, in words for operators."""
        if not wanted:
            return f"remove the lifecycle rule of bucket {bucket}"
        return f"set the lifecycle rule of bucket {bucket}: " + ", ".join(
            f"{key}={value}" for key, value in sorted(wanted.items())
        )


class PublicAccessBlock(Feature):
    """Whether public access to the bucket and its objects is blocked."""

    name, query, root = "public_access_block", "publicAccessBlock", "PublicAccessBlockConfiguration"
    missing = ("NoSuchPublicAccessBlockConfiguration",)
    parts = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

    def wanted(self, bucket: dict[str, t.Any]) -> t.Any:
        """The four parts of the block, all equal; None when it isn't managed."""
        block = bucket.get("public_access_block")
        return None if block is None else {part: bool(block) for part in self.parts}

    def read(self, root: ElementTree.Element | None) -> t.Any:
        """The four parts of the block as they are set."""
        return {part: root is not None and (root.findtext(part) or "").lower() == "true" for part in self.parts}

    def document(self, wanted: t.Any, root: ElementTree.Element | None) -> ElementTree.Element | None:
        """The document with the wanted block; None removes it."""
        return element(self.root, **wanted) if any(wanted.values()) else None

    def sentence(self, wanted: t.Any, bucket: str) -> str:
        """What writing the setting changes, in words for operators."""
        return f"{'block' if any(wanted.values()) else 'no longer block'} public access to bucket {bucket}"


class Tags(Feature):
    """The bucket's tags; those of AWS itself stay."""

    name, query, root = "tags", "tagging", "Tagging"
    missing = ("NoSuchTagSet", "NoSuchTagSetError")

    def wanted(self, bucket: dict[str, t.Any]) -> t.Any:
        """The wanted tags; None when they are not managed."""
        tags = bucket.get("tags")
        return None if tags is None else {str(key): str(value) for key, value in tags.items()}

    @staticmethod
    def _all(root: ElementTree.Element | None) -> dict[str, str]:
        return {
            tag.findtext("Key") or "": tag.findtext("Value") or "" for tag in ([] if root is None else root.iter("Tag"))
        }

    def read(self, root: ElementTree.Element | None) -> t.Any:
        """The current tags, without those of AWS itself."""
        return {key: value for key, value in self._all(root).items() if not key.startswith("aws:")}

    def document(self, wanted: t.Any, root: ElementTree.Element | None) -> ElementTree.Element | None:
        """The document with the wanted tags and those of AWS; None removes all."""
        system = {key: value for key, value in self._all(root).items() if key.startswith("aws:")}
        tags = [element("Tag", Key=key, Value=value) for key, value in sorted({**system, **wanted}.items())]
        return element(self.root, TagSet=element("TagSet", Tag=tags)) if tags else None

    def sentence(self, wanted: t.Any, bucket: str) -> str:
        """What writing the setting changes, in words for operators."""
        return f"set the tags of bucket {bucket}: {', '.join(sorted(wanted)) or 'none'}"


class EventBridge(Feature):
    """Whether events of objects are sent to EventBridge. Other notifications stay as they are."""

    name, query, root = "eventbridge", "notification", "NotificationConfiguration"
    tag = "EventBridgeConfiguration"

    def wanted(self, bucket: dict[str, t.Any]) -> t.Any:
        """Whether events are sent; None when that isn't managed."""
        return bucket.get("eventbridge")

    def read(self, root: ElementTree.Element | None) -> t.Any:
        """Whether events are sent now."""
        return root is not None and root.find(self.tag) is not None

    def document(self, wanted: t.Any, root: ElementTree.Element | None) -> ElementTree.Element | None:
        """The store's document with or without events to EventBridge."""
        document = element(self.root)
        document.extend(node for node in ([] if root is None else root) if node.tag != self.tag)
        if wanted:
            document.append(element(self.tag))
        return document

    def sentence(self, wanted: t.Any, bucket: str) -> str:
        """What writing the setting changes, in words for operators."""
        return f"{'send' if wanted else 'no longer send'} events of bucket {bucket} to EventBridge"


ALL_FEATURES: tuple[Feature, ...] = (
    Versioning(),
    Encryption(),
    Lifecycle(),
    PublicAccessBlock(),
    Tags(),
    EventBridge(),
)
