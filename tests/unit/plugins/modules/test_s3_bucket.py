# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against moto, for what only AWS has; what real Swift has is tested by the molecule scenario."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic

from ansible_collections.odoo_cloud.platform.plugins.modules import s3_bucket

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

NAME = "demo-odoo-prod"
SECRET = "a-secret-of-the-test-that-is-long"
CLOSED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


@pytest.fixture(scope="module")
def endpoint():
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://localhost:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint):
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="akid", aws_secret_access_key=SECRET
    )
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).read()
    return client


@pytest.fixture
def run(endpoint, monkeypatch, capsys):
    def run_module(*buckets, check=False, **options):
        arguments = {
            "endpoint_url": endpoint, "region": "us-east-1", "access_key": "akid", "secret_key": SECRET, "provider": "aws",
            "buckets": list(buckets) or [{"name": NAME}], "_ansible_check_mode": check, "_ansible_diff": True, **options,
        }  # fmt: skip
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit):
            s3_bucket.main()
        output = capsys.readouterr().out
        assert SECRET not in output
        return json.loads(output)

    return run_module


def test_made_then_unchanged_in_few_requests(run, s3):
    predicted = run(check=True)
    assert predicted["changed"] and s3.list_buckets()["Buckets"] == []
    made = run()
    assert made["actions"] == predicted["actions"] and made["diff"] == predicted["diff"]
    assert s3.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"] == CLOSED
    rule = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (lifecycle,) = s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    assert lifecycle["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    assert lifecycle["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7
    for check in (True, False):
        again = run(check=check)
        assert not again["changed"] and again["actions"] == [] and again["requests"] == 5
        assert again["diff"] == {"before": {}, "after": {}}


@pytest.mark.parametrize(
    ("drift", "sentence"),
    [
        (
            lambda s3: s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Suspended"}),
            "versioning",
        ),
        (lambda s3: s3.delete_bucket_lifecycle(Bucket=NAME), "lifecycle"),
        (lambda s3: s3.delete_public_access_block(Bucket=NAME), "public access"),
        (
            lambda s3: s3.put_bucket_encryption(
                Bucket=NAME,
                ServerSideEncryptionConfiguration={
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
                },
            ),
            "AES256",
        ),
    ],
)
def test_drift_by_hand_is_repaired_alone(run, s3, drift, sentence):
    run()
    drift(s3)
    repaired = run()
    assert len(repaired["actions"]) == 1 and sentence in repaired["actions"][0]
    assert repaired["requests"] == 6
    assert not run()["changed"]


def test_a_bucket_with_objects_stays(run, s3):
    run()
    s3.put_object(Bucket=NAME, Key="a", Body=b"x")
    absent = {"name": NAME, "state": "absent"}
    assert "confirm_delete" in run(absent)["msg"]
    assert "confirm_delete" in run({**absent, "confirm_delete": "demo"})["msg"]
    absent["confirm_delete"] = NAME
    assert "still has objects" in run(absent)["msg"]
    s3.delete_object(Bucket=NAME, Key="a")
    assert "still has objects" in run(absent)["msg"], "an old version is data too"
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [NAME]
    for version in (
        s3.list_object_versions(Bucket=NAME)["Versions"] + s3.list_object_versions(Bucket=NAME)["DeleteMarkers"]
    ):
        s3.delete_object(Bucket=NAME, Key="a", VersionId=version["VersionId"])
    assert run(absent, check=True)["changed"] and s3.list_buckets()["Buckets"]
    assert run(absent)["changed"] and not s3.list_buckets()["Buckets"]
    assert not run(absent)["changed"]


def test_several_buckets_tags_and_kms(run, s3):
    buckets = [
        {"name": NAME, "tags": {"project": "demo"}},
        {"name": "demo-odoo-test", "encryption": "aws:kms", "versioning": False},
    ]
    assert run(*buckets)["changed"]
    assert s3.get_bucket_tagging(Bucket=NAME)["TagSet"] == [{"Key": "project", "Value": "demo"}]
    assert "Status" not in s3.get_bucket_versioning(Bucket="demo-odoo-test")
    assert not run(*buckets)["changed"]


@pytest.mark.parametrize(
    ("bucket", "said"),
    [
        ({"name": "Demo_Odoo"}, "bucket name 'Demo_Odoo'"),
        ({"name": NAME, "kms_key": "k"}, "kms_key='k' needs"),
        ({"name": NAME, "lifecycle": {"noncurrent_days": -1}}, "lifecycle.noncurrent_days=-1"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(run, bucket, said):
    assert said in run(bucket, endpoint_url="http://127.0.0.1:9")["msg"]


def test_a_name_given_twice(run):
    assert "given twice" in run({"name": NAME}, {"name": NAME})["msg"]
