# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import http.server
import threading
import xml.etree.ElementTree as ElementTree

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._store import s3_client, s3_policy, s3_settings
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_buckets import Store
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_client import (
    Answer,
    S3Client,
    Unreachable,
    detect_provider,
    query_string,
    sign,
)
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_keys import Keys, S3Failure, find_keys
from ansible_collections.odoo_cloud.platform.plugins.module_utils._store.s3_objects import Listed, Objects

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
WANTED = {
    "name": "demo-odoo-prod",
    "state": "present",
    "versioning": True,
    "encryption": "AES256",
    "lifecycle": {
        "noncurrent_days": 90,
        "abort_multipart_days": 7,
        "expired_delete_markers": True,
        "expiration_days": 0,
    },
    "public_access_block": True,
    "tags": None,
}
ELSEWHERE = {"x-amz-bucket-region": "eu-west-1"}
MISSING = {
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "tagging": "NoSuchTagSet",
}


def failure(status, code, headers=None):
    return Answer(status, headers or {}, f"<Error><Code>{code}</Code><Message>text</Message></Error>".encode())


class FakeStore(S3Client):
    """A store in memory: answers what real ones answer, ``odd`` per subresource what some of them answer instead."""

    def __init__(self, odd=None, headers=None, buckets=None, **options):
        super().__init__(
            Keys("AKID", SECRET), options.pop("region", "us-east-1"), options.pop("endpoint", "http://store.test")
        )
        self.odd, self.headers, self.buckets, self.log = odd or {}, headers or {}, buckets or {}, []

    def _once(self, method, bucket, query, body, *dummy):
        self.requests += 1
        sub = query[0][0] if query else ""
        self.log.append(f"{method} {sub}".strip())
        odd = self.odd.get(f"{method} {sub}".strip())
        if odd is not None:
            return odd.pop(0) if isinstance(odd, list) else odd
        if method == "PUT" and not sub:
            self.buckets[bucket] = {}
            return Answer(200, self.headers, b"")
        if bucket not in self.buckets:
            return Answer(404, self.headers, b"") if method == "HEAD" else failure(404, "NoSuchBucket", self.headers)
        settings = self.buckets[bucket]
        if method == "HEAD":
            return Answer(200, self.headers, b"")
        if sub in ("versions", "uploads"):
            return Answer(200, {}, settings.get(sub, b"<ListResult/>"))
        if method == "PUT":
            settings[sub] = body
        elif method == "DELETE":
            if sub:
                settings.pop(sub, None)
            else:
                del self.buckets[bucket]
        elif sub in settings:
            return Answer(200, {}, settings[sub])
        elif sub == "versioning":
            return Answer(200, {}, b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>')
        else:
            return failure(404, MISSING[sub])
        return Answer(200, {}, b"")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(s3_client.time, "sleep", lambda seconds: None)


def ensure(fake, bucket=None, **options):
    store = Store(fake, **options)
    fake.requests, fake.log = 0, []
    store.ensure({**WANTED, **(bucket or {})})
    return store


def test_new_bucket_then_nothing_to_do():
    fake = FakeStore()
    first = ensure(fake)
    assert len(first.actions) == 5
    assert first.actions[0] == "create bucket demo-odoo-prod"
    assert "public access" in first.actions[1]
    second = ensure(fake)
    assert second.actions == []
    assert second.before == second.after == {}
    assert fake.log == ["HEAD", "GET publicAccessBlock", "GET versioning", "GET encryption", "GET lifecycle"]


def test_check_mode_writes_nothing_and_says_the_same():
    fake = FakeStore()
    predicted = ensure(fake, check_mode=True)
    assert fake.log == ["HEAD"]
    assert fake.buckets == {}
    real = ensure(fake)
    assert predicted.actions == real.actions
    assert predicted.after == real.after


@pytest.mark.parametrize(
    ("drift", "sentence"),
    [
        (
            {"versioning": b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"},
            "versioning",
        ),
        ({"encryption": None}, "encrypt"),
        ({"lifecycle": None}, "lifecycle"),
        (
            {
                "publicAccessBlock": b"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
                b"</PublicAccessBlockConfiguration>"
            },
            "public access",
        ),
    ],
)
def test_drift_is_repaired_alone(drift, sentence):
    fake = FakeStore()
    ensure(fake)
    for sub, document in drift.items():
        if document is None:
            del fake.buckets["demo-odoo-prod"][sub]
        else:
            fake.buckets["demo-odoo-prod"][sub] = document
    checked = ensure(fake, check_mode=True)
    assert [entry for entry in fake.log if entry.startswith(("PUT", "DELETE"))] == []
    repaired = ensure(fake)
    assert checked.actions == repaired.actions
    assert len(repaired.actions) == 1 and sentence in repaired.actions[0]
    assert [entry for entry in fake.log if entry.startswith(("PUT", "DELETE"))] == [f"PUT {next(iter(drift))}"]
    assert ensure(fake).actions == []


def test_rules_of_others_stay():
    fake = FakeStore(buckets={"demo-odoo-prod": {}})
    fake.buckets["demo-odoo-prod"]["lifecycle"] = (
        b'<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>theirs</ID><Filter><And><Prefix>tmp/</Prefix>'
        b"<Tag><Key>a</Key><Value>b</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
        b"</LifecycleConfiguration>"
    )
    ensure(fake)
    assert b"<ID>theirs</ID><Filter><And><Prefix>tmp/</Prefix>" in fake.buckets["demo-odoo-prod"]["lifecycle"]
    assert fake.buckets["demo-odoo-prod"]["lifecycle"].count(b"<Rule>") == 2
    off = {"noncurrent_days": 0, "abort_multipart_days": 0, "expired_delete_markers": False, "expiration_days": 0}
    ensure(fake, {"lifecycle": off})
    assert fake.buckets["demo-odoo-prod"]["lifecycle"].count(b"<Rule>") == 1
    assert ensure(fake, {"lifecycle": off}).actions == []


def test_swift_is_told_by_its_answer_and_never_asked_for_what_it_lacks():
    fake = FakeStore(headers={"x-openstack-request-id": "tx1"})
    first = ensure(fake)
    assert first.provider == "swift"
    assert first.actions == ["create bucket demo-odoo-prod", "turn on versioning of bucket demo-odoo-prod"]
    second = ensure(fake)
    assert fake.log == ["HEAD", "GET versioning"]
    assert second.lacking() == ["encryption", "lifecycle", "public_access_block"]
    assert second.capabilities["encryption"]["how"] == "known of provider swift"


@pytest.mark.parametrize(("provider", "protected"), [("aws", True), ("swift", False), ("generic", False)])
def test_whether_a_key_can_be_kept_from_deleting_versions(provider, protected):
    store = ensure(FakeStore(), provider=provider)
    assert store.capabilities["versions_protected"] == {"supported": protected, "how": f"known of provider {provider}"}
    assert "versions_protected" not in store.lacking()
    if not protected:
        with pytest.raises(S3Failure, match="required='versions_protected'"):
            ensure(FakeStore(), {"required": ["versions_protected"]}, provider=provider)


def test_the_policy_of_a_key_deletes_no_versions():
    text = s3_policy.policy("demo-odoo-prod", ["demo-odoo-other"])
    assert "s3:DeleteObject" in text
    assert 'Version"' not in text.replace("GetObjectVersion", "").replace('"Version":', "")
    assert not any(
        one in text
        for one in ("DeleteObjectVersion", "PutBucketVersioning", "PutLifecycle", "s3:*", "BypassGovernance")
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"GET encryption": failure(501, "NotImplemented")},
        {"GET encryption": Answer(405, {}, b"")},
        {"GET encryption": Answer(200, {}, b"<ListBucketResult><Name>x</Name></ListBucketResult>")},
        {"PUT encryption": failure(400, "MalformedXML")},
    ],
)
def test_what_a_store_lacks_is_no_error_unless_required(odd):
    store = ensure(FakeStore(odd=odd))
    assert store.lacking() == ["encryption"]
    assert not any("encrypt" in action for action in store.actions)
    with pytest.raises(S3Failure, match="required='encryption'"):
        ensure(FakeStore(odd=odd), {"required": ["encryption"]})
    with pytest.raises(S3Failure):
        ensure(FakeStore(odd=odd), provider="aws")


def test_a_required_feature_known_to_lack_fails_before_the_bucket_is_made():
    fake = FakeStore(headers={"x-trans-id": "tx1"})
    with pytest.raises(S3Failure, match="required='encryption'.*known of provider swift"):
        ensure(fake, {"required": ["encryption"]})
    assert fake.buckets == {}


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (
            {"HEAD": Answer(403, {}, b""), "GET versioning": failure(403, "SignatureDoesNotMatch")},
            "^secret_key: .*'AKID'",
        ),
        (
            {"HEAD": Answer(403, {}, b""), "GET versioning": failure(403, "InvalidAccessKeyId")},
            "^access_key='AKID': not known",
        ),
        ({"HEAD": Answer(403, {}, b""), "GET versioning": failure(403, "AccessDenied")}, "access denied.*someone else"),
        (
            {"HEAD": Answer(301, ELSEWHERE, b""), "GET versioning": failure(301, "PermanentRedirect", ELSEWHERE)},
            "region='us-east-1'.*'eu-west-1'",
        ),
        ({"PUT": failure(409, "BucketAlreadyExists")}, "taken by someone else"),
        ({"PUT encryption": failure(403, "AccessDenied")}, "access denied.*setting encryption"),
    ],
)
def test_errors_are_one_line_without_the_secret(odd, said):
    with pytest.raises(S3Failure, match=said) as caught:
        ensure(FakeStore(odd=odd))
    assert SECRET not in str(caught.value) and "\n" not in str(caught.value)


def test_tried_again_only_where_it_helps():
    fake = FakeStore(odd={"HEAD": [failure(503, "SlowDown"), Answer(500, {}, b""), Answer(404, {}, b"")]})
    assert ensure(fake).actions[0].startswith("create")
    assert fake.log[:3] == ["HEAD"] * 3
    fake = FakeStore(odd={"PUT": failure(409, "BucketAlreadyExists")})
    with pytest.raises(S3Failure):
        ensure(fake)
    assert fake.log.count("PUT") == 1


ABSENT = {"state": "absent", "confirm_delete": "demo-odoo-prod"}


def test_absent_needs_the_name_and_an_empty_bucket():
    fake = FakeStore(buckets={"demo-odoo-prod": {"versions": b"<R><Version><Key>a</Key></Version></R>"}})
    for confirmation in (None, "", "demo", True):
        with pytest.raises(S3Failure, match="confirm_delete"):
            ensure(fake, {"state": "absent", "confirm_delete": confirmation})
    with pytest.raises(S3Failure, match="still has objects"):
        ensure(fake, ABSENT)
    fake.buckets["demo-odoo-prod"] = {"versions": b"<R><DeleteMarker><Key>a</Key></DeleteMarker></R>"}
    with pytest.raises(S3Failure, match="still has objects"):
        ensure(fake, ABSENT)
    fake.buckets["demo-odoo-prod"] = {"uploads": b"<R><Upload><Key>a</Key></Upload></R>"}
    with pytest.raises(S3Failure, match="unfinished uploads"):
        ensure(fake, ABSENT)
    fake.buckets["demo-odoo-prod"] = {}
    assert ensure(fake, ABSENT, check_mode=True).actions == ["delete the empty bucket demo-odoo-prod"]
    assert "DELETE" not in fake.log
    assert ensure(fake, ABSENT).actions == ["delete the empty bucket demo-odoo-prod"]
    assert fake.buckets == {}
    assert ensure(fake, ABSENT).actions == []


def test_a_store_that_is_not_there_yet():
    client = S3Client(Keys("AKID", SECRET), "us-east-1", "http://127.0.0.1:9")
    with pytest.raises(S3Failure, match="endpoint_url='http://127.0.0.1:9': can't be reached"):
        ensure(client)
    with pytest.raises(S3Failure, match="can't be reached"):
        ensure(client, check_mode=True)
    with pytest.raises(S3Failure, match="can't be reached"):
        ensure(client, may_be_absent=True)
    with pytest.raises(S3Failure, match="can't be reached"):
        ensure(client, ABSENT, may_be_absent=True)
    store = ensure(client, check_mode=True, may_be_absent=True)
    assert store.actions[0] == "create bucket demo-odoo-prod"
    assert "can't be reached" in store.absent_store


def test_kms_and_tags():
    fake = FakeStore()
    bucket = {"encryption": "aws:kms", "kms_key": "alias/acme", "tags": {"project": "acme", "n": 1}}
    ensure(fake, bucket)
    settings = fake.buckets["demo-odoo-prod"]
    assert b"<KMSMasterKeyID>alias/acme</KMSMasterKeyID>" in settings["encryption"]
    assert b"<BucketKeyEnabled>true</BucketKeyEnabled>" in settings["encryption"]
    assert ensure(fake, bucket).actions == []
    root = ElementTree.fromstring(settings["tagging"])
    system = ElementTree.SubElement(root[0], root[0][0].tag)
    for name, value in (("Key", "aws:stack"), ("Value", "x")):
        ElementTree.SubElement(system, root[0][0][0].tag.replace("Key", name)).text = value
    settings["tagging"] = ElementTree.tostring(root)
    assert ensure(fake, bucket).actions == []
    ensure(fake, {**bucket, "tags": {"project": "other"}})
    assert b"aws:stack" in settings["tagging"] and b"other" in settings["tagging"] and b">n<" not in settings["tagging"]


def test_unmanaged_is_not_even_asked():
    fake = FakeStore()
    ensure(fake, {"unmanaged": ["lifecycle", "encryption"]})
    assert not any("lifecycle" in entry or "encryption" in entry for entry in fake.log)


def test_region_of_a_new_bucket():
    bodies = []

    class Recorder(FakeStore):
        def _once(self, method, bucket, query, body, *dummy):
            if method == "PUT" and not query:
                bodies.append(body)
            return super()._once(method, bucket, query, body)

    ensure(Recorder())
    ensure(Recorder(region="eu-central-1"))
    assert bodies[0] == b"" and b"<LocationConstraint>eu-central-1</LocationConstraint>" in bodies[1]


@pytest.mark.parametrize(
    ("endpoint", "headers", "provider"),
    [
        ("https://s3.eu-central-1.amazonaws.com", {}, "aws"),
        ("https://s3.cn-north-1.amazonaws.com.cn", {}, "aws"),
        ("https://amazonaws.com.evil.example", {}, "generic"),
        ("http://127.0.0.1:8095", {"x-trans-id": "tx"}, "swift"),
        ("http://minio:9000", {"server": "MinIO"}, "generic"),
    ],
)
def test_provider(endpoint, headers, provider):
    assert detect_provider(endpoint, headers) == provider


@pytest.mark.parametrize("endpoint", ["127.0.0.1:8095", "ftp://x", "http://", "http://h:99999", "http://u:p@h"])
def test_bad_endpoint(endpoint):
    with pytest.raises(S3Failure, match="endpoint_url"):
        S3Client(Keys("a", "b"), "us-east-1", endpoint)


def test_keys():
    assert find_keys("a", SECRET) == Keys("a", SECRET)
    assert SECRET not in repr(find_keys("a", SECRET))
    environ = {"AWS_ACCESS_KEY_ID": "e", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    assert find_keys(None, None, environ=environ) == Keys("e", "s", "t")
    with pytest.raises(S3Failure, match="give both"):
        find_keys("a", None)
    with pytest.raises(S3Failure, match="either a profile"):
        find_keys("a", SECRET, profile="p")


def test_keys_of_a_profile(tmp_path, monkeypatch):
    pytest.importorskip("botocore")
    (tmp_path / "credentials").write_text("[acme]\naws_access_key_id=p\naws_secret_access_key=q\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert find_keys(None, None, profile="acme", environ={}) == Keys("p", "q")
    with pytest.raises(S3Failure, match="profile='nobody'"):
        find_keys(None, None, profile="nobody", environ={})


@pytest.mark.parametrize("token", ["", "the-token"])
@pytest.mark.parametrize(
    ("method", "query", "body"),
    [("GET", [], b""), ("PUT", [("versioning", "")], b"<x/>"), ("GET", [("versions", ""), ("max-keys", "1")], b"")],
)
def test_signature_is_botocore_s(monkeypatch, method, query, body, token):
    pytest.importorskip("botocore")
    import datetime

    from botocore import auth, awsrequest
    from botocore.credentials import Credentials

    now = 1790000000
    headers = {"host": "store.test:8095"}
    ours = sign(method, "/demo-odoo-prod", query, dict(headers), body, Keys("a:b", SECRET, token), "eu-west-1", now)

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.fromtimestamp(now, datetime.timezone.utc)

        @classmethod
        def utcnow(cls):
            return datetime.datetime.fromtimestamp(now, datetime.timezone.utc).replace(tzinfo=None)

    monkeypatch.setattr(auth.datetime, "datetime", Clock, raising=False) if hasattr(auth.datetime, "datetime") else None
    if hasattr(auth, "get_current_datetime"):
        monkeypatch.setattr(auth, "get_current_datetime", lambda *dummy, **options: Clock.utcnow())
    url = "http://store.test:8095/demo-odoo-prod" + (f"?{query_string(query)}" if query else "")
    request = awsrequest.AWSRequest(method, url, data=body)
    auth.S3SigV4Auth(Credentials("a:b", SECRET, token or None), "s3", "eu-west-1").add_auth(request)
    assert ours["x-amz-date"] == request.headers["X-Amz-Date"]
    assert ours["authorization"] == request.headers["Authorization"]


# -- objects


class Handler(http.server.BaseHTTPRequestHandler):
    """A store that answers from a list, and drops the connection where it says so."""

    protocol_version = "HTTP/1.1"
    answers: list = []
    seen: list = []

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.seen.append((self.command, self.path, self.headers, body, self.client_address[1]))
        answer = self.answers.pop(0) if self.answers else (200, b"")
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *dummy):
        pass


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setattr(s3_client.time, "sleep", lambda dummy: None)
    Handler.answers, Handler.seen = [], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    client = S3Client(Keys("AKID", SECRET), "us-east-1", f"http://127.0.0.1:{server.server_address[1]}")
    objects = Objects(client, "bucket-of-test", threads=4)
    yield objects
    objects.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_connections_are_kept_and_broken_ones_made_anew(served):
    Handler.answers = [
        (200, b""),
        None,
        (500, b""),
        (503, b"<Error><Code>SlowDown</Code></Error>"),
        (200, b""),
        (200, b"x"),
    ]
    served.put("a", b"1")
    served.put("b", b"2")
    assert served.get("c") == b"x"
    assert [one[:2] for one in Handler.seen] == [
        ("PUT", "/bucket-of-test/a"),
        *[("PUT", "/bucket-of-test/b")] * 4,
        ("GET", "/bucket-of-test/c"),
    ]
    assert Handler.seen[0][4] == Handler.seen[1][4] and len({one[4] for one in Handler.seen}) == 2
    assert served.requests == 6 and served.bytes_received >= 1
    assert (
        Handler.seen[0][2]["content-md5"]
        and Handler.seen[0][2]["x-amz-content-sha256"] == hashlib.sha256(b"1").hexdigest()
    )
    Handler.answers = [None] * 4
    with pytest.raises(Unreachable):
        served.put("b", b"2")


def test_a_key_is_quoted_once_and_signed_as_sent(served):
    served.put("a b/\u00fc+%&?.txt", b"")
    assert Handler.seen[0][1] == "/bucket-of-test/a%20b/%C3%BC%2B%25%26%3F.txt"


def test_what_is_not_there_and_what_is_refused(served):
    Handler.answers = [
        (404, failure(400, "NoSuchKey").body),
        (404, failure(400, "NoSuchBucket").body),
        (403, failure(400, "AccessDenied").body),
    ]
    assert served.get("a") is None
    with pytest.raises(S3Failure, match="does not exist"):
        served.get("a")
    with pytest.raises(S3Failure, match="access denied"):
        served.put("a", b"")


def test_a_copy_may_fail_after_the_answer_began(served):
    Handler.answers = [
        (200, b"<CopyObjectResult/>"),
        (404, failure(400, "NoSuchKey").body),
        (200, failure(400, "InternalError").body),
    ]
    assert served.copy("a \u00fc", "b") is True
    assert Handler.seen[0][2]["x-amz-copy-source"] == "/bucket-of-test/a%20%C3%BC"
    assert served.copy("a", "b") is False
    with pytest.raises(S3Failure, match="InternalError"):
        served.copy("a", "b")


def test_a_long_listing_and_a_long_deletion(served):
    first = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t/1=</NextContinuationToken><Contents><Key>a</Key>"
    first += b"<Size>3</Size><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>&quot;e&quot;</ETag></Contents></ListBucketResult>"
    last = b"<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes></ListBucketResult>"
    Handler.answers = [(200, first), (200, last)]
    assert served.list("", "/") == ([Listed("a", 3, "2026-01-01T00:00:00Z", "e")], ["b/"])
    assert "continuation-token=t%2F1%3D" in Handler.seen[1][1]
    Handler.seen.clear()
    assert served.delete(f"k{number}" for number in range(2500)) == 2500 and len(Handler.seen) == 3
    Handler.answers = [
        (200, b"<DeleteResult><Error><Key>x</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>")
    ]
    with pytest.raises(S3Failure, match="'x' can't be deleted: AccessDenied"):
        served.delete(["x"])
    Handler.answers = [(200, b"<html/>")]
    with pytest.raises(S3Failure, match="not a listing"):
        served.list("")


def test_side_by_side_stops_at_the_first_failure(served):
    begun = []

    def work(number):
        begun.append(number)
        if number == 3:
            raise S3Failure("this one")
        threading.Event().wait(0.01)
        return number

    with pytest.raises(S3Failure, match="this one"):
        served.each(work, range(200))
    assert len(begun) < 100
    assert served.each(lambda number: number * 2, range(5)) == [0, 2, 4, 6, 8] and served.each(work, []) == []


def test_eventbridge_leaves_other_notifications_alone():
    feature = next(one for one in s3_settings.ALL_FEATURES if one.name == "eventbridge")
    queue = "<QueueConfiguration><Id>q</Id><Queue>arn:aws:sqs:x</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration>"
    root = ElementTree.fromstring(f"<NotificationConfiguration>{queue}</NotificationConfiguration>")
    assert feature.read(root) is False and feature.read(None) is False
    on = feature.document(True, root)
    assert [node.tag for node in on] == ["QueueConfiguration", "EventBridgeConfiguration"] and feature.read(on)
    off = feature.document(False, on)
    assert [node.tag for node in off] == ["QueueConfiguration"] and not feature.read(off)
    # Turned off is written too: this setting can't be deleted.
    assert feature.document(False, None) is not None
    assert feature.wanted({}) is None
