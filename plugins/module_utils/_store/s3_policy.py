# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What an instance's key may do on AWS: access to the objects of its own bucket, nothing else."""

from __future__ import annotations

import json
import typing as t

from .._inventory.naming import check_bucket_name

# What attachment_s3, the mover and the audit call. The role s3_bucket creates the bucket itself.
READS = ("s3:GetObject", "s3:GetObjectVersion")
WRITES = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
LISTS = ("s3:ListBucket", "s3:GetBucketLocation")


def policy(bucket: str, read_only: t.Sequence[str] = (), partition: str = "aws") -> str:
    """The policy document for the key of one bucket, as JSON.

    `read_only`: names of further buckets, which a copy may read. `partition`: of AWS.
    """
    own = check_bucket_name(bucket)
    others = [check_bucket_name(name) for name in read_only if name != own]
    statements = [
        _statement("OwnBucket", LISTS, [f"arn:{partition}:s3:::{own}"]),
        _statement("OwnObjects", READS + WRITES, [f"arn:{partition}:s3:::{own}/*"]),
    ]
    if others:
        statements += [
            _statement("OthersBuckets", LISTS, [f"arn:{partition}:s3:::{name}" for name in others]),
            _statement("OthersObjects", READS, [f"arn:{partition}:s3:::{name}/*" for name in others]),
        ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _statement(name: str, actions: t.Sequence[str], resources: list[str]) -> dict[str, t.Any]:
    return {"Sid": name, "Effect": "Allow", "Action": sorted(actions), "Resource": resources}
