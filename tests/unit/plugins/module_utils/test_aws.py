# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layer below the modules for AWS, with botocore's Stubber: its models check every request and every answer."""

from __future__ import annotations

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws import datasync, imagebuilder, ssm
from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws import service as _aws

boto3 = pytest.importorskip("boto3")
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError  # noqa: E402
from botocore.stub import Stubber  # noqa: E402

TASK = "arn:aws:datasync:eu-central-1:123456789012:task/task-0123456789abcdef0"


class Clock:
    """Time that only passes when somebody sleeps."""

    def __init__(self):
        self.now, self.naps = 0.0, []

    def sleep(self, seconds):
        self.now += seconds
        self.naps.append(seconds)

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(_aws.time, "monotonic", clock)
    return clock


@pytest.fixture
def stubbed(clock):
    """A service whose answers are given beforehand; all of them must be used up."""
    stubbers = []

    def make(name):
        client = boto3.client(name, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
        stubber = Stubber(client)
        stubber.activate()
        stubbers.append(stubber)
        return _aws.Service(client, clock.sleep), stubber

    yield make
    for stubber in stubbers:
        stubber.assert_no_pending_responses()


def error(code, message="because"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "DoIt")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (error("AccessDeniedException"), _aws.AwsDenied),
        (error("UnrecognizedClientException"), _aws.AwsDenied),
        (error("ExpiredTokenException"), _aws.AwsDenied),
        (error("ResourceNotFoundException"), _aws.AwsMissing),
        (error("RepositoryNotFoundException"), _aws.AwsMissing),
        (error("InvalidDocument"), _aws.AwsMissing),
        (error("InvalidDocumentContent"), _aws.AwsInvalid),
        (error("InvalidRequestException", "Location arn:1 is not found."), _aws.AwsMissing),
        (error("InvalidRequestException", "Invalid parameter"), _aws.AwsInvalid),
        (error("ResourceAlreadyExistsException"), _aws.AwsConflict),
        (error("ResourceDependencyException"), _aws.AwsConflict),
        (error("ThrottlingException"), _aws.AwsInvalid),
        (EndpointConnectionError(endpoint_url="http://example.com"), _aws.AwsUnreachable),
        (NoCredentialsError(), _aws.AwsDenied),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value)[:60],
)
def test_errors_have_types_and_one_line(given, kind):
    found = _aws.translate(given, "doing it")
    assert type(found) is kind
    assert str(found).startswith("doing it: ") and "\n" not in str(found)


def test_only_what_is_wanted_is_compared():
    current = {"a": 1, "b": {"c": [1, 2], "made": "by AWS"}, "more": True}
    assert _aws.same(current, {"a": 1, "b": {"c": [1, 2]}})
    assert not _aws.same(current, {"b": {"c": [2, 1]}})
    assert not _aws.same(current, {"more": None})
    assert _aws.same(current, {"absent": None}) and _aws.same(current, {"absent": {}})
    assert _aws.same({"x": False}, {"x": False}) and not _aws.same({}, {"x": False})
    assert _aws.same({"x": [{"a": 1, "b": 2}]}, {"x": [{"a": 1}]}) and not _aws.same(
        {"x": [{"a": 1}] * 2}, {"x": [{"a": 1}]}
    )


def test_tags_of_aws_stay():
    assert _aws.tag_changes({"aws:x": "1", "old": "1", "same": "1"}, {"same": "1", "new": "2"}) == (
        {"new": "2"},
        ["old"],
    )
    assert _aws.tag_changes({"old": "1"}, None) == ({}, [])


def test_nothing_is_done_in_check_mode():
    changes = _aws.Changes(check_mode=True)
    assert changes.create("thing", {"a": 1}, lambda: pytest.fail("did it")) is None
    assert changes.update("thing", {"a": 1}, {"a": 2}, lambda: pytest.fail("did it"))
    result = changes.result()
    assert result["changed"] and result["actions"] == ["create thing", "change a of thing"]
    assert result["diff"] == {"before": {"thing": {"a": 1}}, "after": {"thing": {"a": 2}}}


def test_pages_are_followed(stubbed):
    service, stubber = stubbed("datasync")
    stubber.add_response("list_tasks", {"Tasks": [{"TaskArn": TASK, "Name": "one"}], "NextToken": "more"}, {})
    stubber.add_response("list_tasks", {"Tasks": [{"TaskArn": TASK, "Name": "two"}]}, {"NextToken": "more"})
    assert [one["Name"] for one in service.all("list_tasks", "Tasks", "listing", "NextToken")] == ["one", "two"]
    assert service.requests == 2


def test_what_is_not_there_is_none_and_no_other_error_is(stubbed):
    service, stubber = stubbed("ecr")
    stubber.add_client_error("describe_repositories", "RepositoryNotFoundException")
    assert service.find("describe_repositories", "looking", repositoryNames=["one"]) is None
    stubber.add_client_error("describe_repositories", "AccessDeniedException")
    with pytest.raises(_aws.AwsDenied, match="give this identity the permission"):
        service.find("describe_repositories", "looking", repositoryNames=["one"])


def test_the_model_refuses_before_anything_is_sent(stubbed):
    service, stubber = stubbed("imagebuilder")
    stubber.deactivate()  # it would answer before botocore looks
    with pytest.raises(_aws.AwsInvalid, match="creating it: .*semanticVersion"):
        service.call("create_component", "creating it", name="one")


# -- waiting -------------------------------------------------------------------------------------------------------------------


def test_a_new_role_is_waited_for_and_not_for_ever(stubbed, clock):
    service, stubber = stubbed("datasync")
    config = {
        "S3BucketArn": "arn:aws:s3:::acme",
        "S3Config": {"BucketAccessRoleArn": "arn:aws:iam::123456789012:role/acme"},
    }
    for _number in range(2):
        stubber.add_client_error("create_location_s3", "InvalidRequestException", "Unable to assume role")
    stubber.add_response("create_location_s3", {"LocationArn": TASK.replace("task/task", "location/loc")}, config)
    assert service.settled("create_location_s3", "creating it", 60, **config)["LocationArn"]
    assert clock.naps == [2.0, 3.0]
    for _number in range(3):
        stubber.add_client_error("create_location_s3", "InvalidRequestException", "Unable to assume role")
    with pytest.raises(_aws.AwsInvalid, match="Unable to assume role"):
        service.settled("create_location_s3", "creating it", 6, **config)
    # Another complaint isn't waited out.
    naps = len(clock.naps)
    stubber.add_client_error("create_location_s3", "InvalidRequestException", "Bucket acme could not be found")
    with pytest.raises(_aws.AwsInvalid, match="could not be found"):
        service.settled("create_location_s3", "creating it", 60, **config)
    assert len(clock.naps) == naps


def sync(service, timeout):
    params = {"wait_timeout": timeout, "owner_tags": {}, "tags": None, "locations": [], "tasks": []}
    return datasync.Sync(params, _aws.Changes(False), service)


def tell_task(stubber, *states, **more):
    for state in states:
        stubber.add_response("describe_task", {"TaskArn": TASK, "Status": state, **more}, {"TaskArn": TASK})


def test_waiting_for_a_task_success(stubbed, clock):
    service, stubber = stubbed("datasync")
    tell_task(stubber, "CREATING", "CREATING", "AVAILABLE")
    sync(service, 60)._ready("task one", TASK)
    assert clock.naps == [2.0, 2.0]


def test_waiting_for_a_task_failure_ends_at_once(stubbed, clock):
    service, stubber = stubbed("datasync")
    tell_task(stubber, "CREATING")
    tell_task(stubber, "UNAVAILABLE", ErrorCode="EfsMountFailed", ErrorDetail="no route")
    with pytest.raises(_aws.AwsBroken, match="task one: is UNAVAILABLE: EfsMountFailed no route"):
        sync(service, 60)._ready("task one", TASK)
    assert clock.naps == [2.0]


def test_waiting_for_a_task_timeout_says_how_to_go_on(stubbed, clock):
    service, stubber = stubbed("datasync")
    tell_task(stubber, "CREATING", "CREATING", "CREATING")
    with pytest.raises(_aws.AwsTimeout, match="task one: still CREATING after 4 s; run again to go on waiting"):
        sync(service, 4)._ready("task one", TASK)


def document(service, timeout):
    params = {
        "name": "acme-deliver",
        "wait_timeout": timeout,
        "owner_tags": {},
        "tags": None,
        "type": "Automation",
        "content": {},
    }
    return ssm.Document(params, _aws.Changes(False), service)


def tell_document(stubber, *states, **more):
    for state in states:
        answer = {"Document": {"Name": "acme-deliver", "Status": state, **more}}
        stubber.add_response("describe_document", answer, {"Name": "acme-deliver", "DocumentVersion": "2"})


def test_waiting_for_a_document_success(stubbed, clock):
    service, stubber = stubbed("ssm")
    tell_document(stubber, "Updating", "Active")
    document(service, 60)._ready("2")
    assert clock.naps == [2.0]


def test_waiting_for_a_document_failure_has_the_reason(stubbed, clock):
    service, stubber = stubbed("ssm")
    tell_document(stubber, "Failed", StatusInformation="step Plan is not valid")
    with pytest.raises(_aws.AwsBroken, match="document acme-deliver: is Failed: step Plan is not valid"):
        document(service, 60)._ready("2")


def test_waiting_for_a_document_timeout(stubbed, clock):
    service, stubber = stubbed("ssm")
    tell_document(stubber, "Updating", "Updating")
    with pytest.raises(_aws.AwsTimeout, match="still Updating after 3 s"):
        document(service, 3)._ready("2")


def test_a_broken_version_does_not_become_the_default(stubbed, clock):
    service, stubber = stubbed("ssm")
    found = {"Name": "acme-deliver", "DocumentType": "Automation", "LatestVersion": "1", "DefaultVersion": "1"}
    stubber.add_response("describe_document", {"Document": found}, {"Name": "acme-deliver"})
    stubber.add_response(
        "list_tags_for_resource", {"TagList": []}, {"ResourceType": "Document", "ResourceId": "acme-deliver"}
    )
    stubber.add_response("get_document", {"Content": '{"old": 1}'})
    stubber.add_response("update_document", {"DocumentDescription": {"DocumentVersion": "2"}})
    tell_document(stubber, "Failed")
    with pytest.raises(_aws.AwsBroken):
        document(service, 60).ensure()


# -- versions ------------------------------------------------------------------------------------------------------------------


def test_versions_count_as_numbers():
    prefix = "arn:aws:imagebuilder:eu-central-1:123456789012:component/acme"
    versions = [imagebuilder.version_of(f"{prefix}/{text}") for text in ("1.0.9/1", "1.0.10/1", "1.0.2")]
    assert imagebuilder.next_version(versions) == "1.0.11"
    assert imagebuilder.next_version([]) == "1.0.0"
    with pytest.raises(_aws.AwsInvalid, match="has no version"):
        imagebuilder.version_of(prefix)
