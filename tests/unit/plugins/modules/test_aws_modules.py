# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for AWS against moto and the stub of tests/unit/aws_fake.py: every request is held against botocore's models."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path

import pytest
from ansible.module_utils import basic

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws import service as _aws
from ansible_collections.odoo_cloud.platform.plugins.modules import (
    aws_datasync,
    aws_ecr_repository,
    aws_event_rule,
    aws_imagebuilder,
    aws_ssm_document,
)

boto3 = pytest.importorskip("boto3")
pytest.importorskip("moto.server")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import aws_fake  # noqa: E402

OWNER = {"odoo-cloud:delivery": "acme"}
SECRET = "a-secret-of-the-test-that-is-long"
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"})
COMPONENT = """\
name: requirements
schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: Install
        action: ExecuteBash
        inputs:
          commands: [pip install -r requirements.txt]
"""


@pytest.fixture(scope="module")
def server():
    fake = aws_fake.Fake()
    with fake.serve():
        yield fake


@pytest.fixture
def fake(server, monkeypatch):
    server.reset()
    for key, value in aws_fake.KEYS.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return server


@pytest.fixture
def client(fake):
    return lambda service: boto3.client(service, endpoint_url=fake.url, region_name=aws_fake.REGION)


CLIENTS = {}
make_client = _aws.make_client


def cached_client(params, service):
    """Making a client costs much more than using it."""
    key = (service, *(params.get(name) for name in ("endpoint_url", "region", "access_key")))
    if key not in CLIENTS:
        CLIENTS[key] = make_client(params, service)
    return CLIENTS[key]


@pytest.fixture
def run(fake, monkeypatch, capsys):
    monkeypatch.setattr(_aws, "make_client", cached_client)
    monkeypatch.setattr(_aws.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(_aws.Service.__init__, "__defaults__", (lambda seconds: None,))

    def run_module(module, check=False, **options):
        arguments = {
            "endpoint_url": fake.url, "region": aws_fake.REGION, "access_key": "akid", "secret_key": SECRET, "owner_tags": OWNER,
            "wait_timeout": 30, "_ansible_check_mode": check, "_ansible_diff": True, **options,
        }  # fmt: skip
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        writes = fake.writes
        with pytest.raises(SystemExit):
            module.main()
        output = capsys.readouterr().out
        assert SECRET not in output
        result = json.loads(output)
        if check:
            assert fake.writes == writes, "check mode wrote"
        return result

    return run_module


def life(run, fake, module, **options):
    """Check, make, make again, check: what every module must bear."""
    checked = run(module, check=True, **options)
    assert checked["changed"], checked
    made = run(module, **options)
    assert made["changed"], made
    assert checked["actions"] == made["actions"]
    assert checked["diff"]["after"].keys() == made["diff"]["after"].keys()
    writes = fake.writes
    for check in (False, True):
        again = run(module, check=check, **options)
        assert again.get("changed") is False, again
        assert again["actions"] == [] and again["diff"] == {"before": {}, "after": {}}
    assert fake.writes == writes
    return made


def gone(run, fake, module, **options):
    """Check, remove, remove again."""
    checked = run(module, check=True, state="absent", **options)
    removed = run(module, state="absent", **options)
    assert checked["changed"] and removed["changed"], removed
    assert checked["actions"] == removed["actions"]
    assert run(module, state="absent", **options)["changed"] is False
    return removed


# -- Image Builder -------------------------------------------------------------------------------------------------------------


def image(**changes):
    options = {
        "name": "acme-odoo",
        "description": "Odoo with our requirements",
        "component": {"data": COMPONENT},
        "recipe": {"parent_image": "example.com/odoo:19.0-20261101", "repository": "acme-odoo", "platform": "Linux"},
        "infrastructure": {"instance_profile": "acme-build", "instance_types": ["t3.small"]},
        "pipeline": {"schedule": "cron(0 3 * * ? *)"},
        "tags": {"project": "acme"},
    }
    for key, value in changes.items():
        options[key] = {**options[key], **value} if isinstance(options.get(key), dict) else value
    return options


@pytest.fixture
def profile(client):
    client("iam").create_instance_profile(InstanceProfileName="acme-build")


def test_image_is_made_once(run, fake, profile):
    made = life(run, fake, aws_imagebuilder, **image())
    assert made["component_arn"].endswith(":component/acme-odoo/1.0.0/1")
    assert made["recipe_arn"].endswith(":container-recipe/acme-odoo/1.0.0")
    assert len(made["actions"]) == 5
    pipeline = fake.imagebuilder.things[made["pipeline_arn"]]
    assert (
        pipeline["schedule"]["pipelineExecutionStartCondition"] == "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"
    )
    infrastructure = fake.imagebuilder.things[made["infrastructure_arn"]]
    assert infrastructure["instanceMetadataOptions"]["httpTokens"] == "required"
    assert pipeline["tags"] == {"project": "acme", **OWNER}


def test_unknown_arns_say_so_in_check_mode(run, fake):
    checked = run(aws_imagebuilder, check=True, **image())
    assert checked["pipeline_arn"] == "(known after creation)"


def test_new_content_is_a_new_version_that_the_pipeline_takes(run, fake, profile):
    run(aws_imagebuilder, **image())
    fake.small_pages = True
    changed = image(component={"data": COMPONENT.replace("pip install", "pip install --no-cache-dir")})
    made = life(run, fake, aws_imagebuilder, **changed)
    assert made["actions"] == [
        "create component acme-odoo 1.0.1",
        "create container recipe acme-odoo 1.0.1",
        "change containerRecipeArn of image pipeline acme-odoo",
    ]
    assert fake.imagebuilder.things[made["pipeline_arn"]]["containerRecipeArn"] == made["recipe_arn"]
    # And back: a third version, since versions only go up.
    assert life(run, fake, aws_imagebuilder, **image())["component_arn"].endswith("/1.0.2/1")


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({"pipeline": {"schedule": None}}, "change schedule of image pipeline acme-odoo"),
        ({"pipeline": {"enabled": False}}, "change status of image pipeline acme-odoo"),
        (
            {"infrastructure": {"instance_types": ["t3.large"]}},
            "change instanceTypes of infrastructure configuration acme-odoo",
        ),
        ({"infrastructure": {"log_bucket": "acme-logs"}}, "change logging of infrastructure configuration acme-odoo"),
        (
            {"distributions": [{"container_tags": ["one"]}]},
            "change distributions of distribution configuration acme-odoo",
        ),
    ],
)
def test_a_changed_setting_is_changed_alone(run, fake, profile, changes, action):
    run(aws_imagebuilder, **image())
    assert life(run, fake, aws_imagebuilder, **image(**changes))["actions"] == [action]


def test_tags_follow(run, fake, profile):
    run(aws_imagebuilder, **image())
    made = life(run, fake, aws_imagebuilder, **image(tags={"more": "1"}))
    assert len(made["actions"]) == 5 and all(action.startswith("set the tags more of ") for action in made["actions"])


def test_a_profile_made_just_before_is_waited_for(run, fake, profile):
    fake.imagebuilder.profile_lag = 2
    assert run(aws_imagebuilder, **image())["changed"]
    assert len(fake.refusals) == 2


def test_a_profile_that_never_comes_ends_in_one_line(run, fake):
    failed = run(aws_imagebuilder, **image(), wait_timeout=0)
    assert failed["failed"] and failed["error"] == "AwsInvalid"
    assert "creating infrastructure configuration acme-odoo" in failed["msg"] and "\n" not in failed["msg"]


def test_image_goes_with_its_images_and_versions(run, fake, profile, client):
    client("ecr").create_repository(repositoryName="acme-odoo")
    made = run(aws_imagebuilder, **image())
    run(aws_imagebuilder, **image(component={"data": COMPONENT + "\n# more\n"}))
    builder = client("imagebuilder")
    arn = builder.start_image_pipeline_execution(imagePipelineArn=made["pipeline_arn"])["imageBuildVersionArn"]
    busy = run(aws_imagebuilder, name="acme-odoo", state="absent")
    assert busy["error"] == "AwsConflict" and "BUILDING" in busy["msg"]
    fake.imagebuilder.finish(arn)
    other = builder.create_component(name="other", semanticVersion="1.0.0", platform="Linux", data=COMPONENT)
    removed = gone(run, fake, aws_imagebuilder, name="acme-odoo")
    assert [action.split()[1] for action in removed["actions"]] == [
        "image", "image", "container", "container", "component", "component", "distribution", "infrastructure",
    ]  # fmt: skip
    assert list(fake.imagebuilder.things) == [other["componentBuildVersionArn"]]


def test_what_belongs_to_others_stays(run, fake, profile):
    run(aws_imagebuilder, **image(), owner_tags={"odoo-cloud:delivery": "somebody"})
    before = copy.deepcopy(fake.imagebuilder.things)
    for options in (image(), {"name": "acme-odoo", "state": "absent"}):
        for check in (True, False):
            failed = run(aws_imagebuilder, check=check, **options)
            assert failed["error"] == "AwsForeign", failed
            assert "odoo-cloud:delivery=acme" in failed["msg"]
    assert fake.imagebuilder.things == before


def test_a_value_that_the_model_refuses_is_named(run, fake, profile):
    failed = run(aws_imagebuilder, **image(name="a"))
    assert failed["failed"] and "name" in failed["msg"] and "\n" not in failed["msg"]


# -- DataSync ------------------------------------------------------------------------------------------------------------------

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "datasync.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def sync(client):
    client("s3").create_bucket(Bucket="acme-code", CreateBucketConfiguration={"LocationConstraint": aws_fake.REGION})
    role = client("iam").create_role(RoleName="acme-datasync", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"][
        "Arn"
    ]
    system = client("efs").create_file_system(CreationToken="acme")["FileSystemArn"]
    network = f"arn:aws:ec2:{aws_fake.REGION}:{aws_fake.ACCOUNT}"
    return {
        "locations": [
            {
                "name": "acme-from",
                "type": "s3",
                "bucket_arn": "arn:aws:s3:::acme-code",
                "role_arn": role,
                "subdirectory": "/releases",
            },
            {
                "name": "acme-to",
                "type": "efs",
                "file_system_arn": system,
                "subnet_arn": f"{network}:subnet/subnet-0123456789abcdef0",
                "security_group_arns": [f"{network}:security-group/sg-0123456789abcdef0"],
                "subdirectory": "/releases",
            },
        ],
        "tasks": [
            {
                "name": "acme-modules",
                "source": "acme-from",
                "destination": "acme-to",
                "options": {"deleted_files": "PRESERVE", "verify_mode": "ONLY_FILES_TRANSFERRED"},
            }
        ],
    }


def test_sync_is_made_once(run, fake, sync):
    made = life(run, fake, aws_datasync, **sync)
    assert made["actions"] == ["create location acme-from", "create location acme-to", "create task acme-modules"]
    task = fake.datasync.tasks[made["tasks"]["acme-modules"]]
    assert task["SourceLocationArn"] == made["locations"]["acme-from"]
    fake.small_pages = True
    assert run(aws_datasync, **sync)["changed"] is False


@pytest.mark.parametrize(
    ("where", "changes", "actions"),
    [
        ("task", {"schedule": "cron(0 0 * * ? *)"}, ["change Schedule of task acme-modules"]),
        ("task", {"includes": ["/one", "/two"]}, ["change Includes of task acme-modules"]),
        ("task", {"options": {"deleted_files": "REMOVE"}}, ["change Options of task acme-modules"]),
        ("from", {"subdirectory": "/other"}, ["change Subdirectory of location acme-from"]),
        (
            "to",
            {
                "access_point_arn": f"arn:aws:elasticfilesystem:{aws_fake.REGION}:{aws_fake.ACCOUNT}:access-point/fsap-0123456789abcdef0"
            },
            ["change AccessPointArn of location acme-to"],
        ),
        (
            "to",
            {"subnet_arn": f"arn:aws:ec2:{aws_fake.REGION}:{aws_fake.ACCOUNT}:subnet/subnet-99999999999999999"},
            ["create location acme-to", "delete task acme-modules, whose ends changed", "create task acme-modules"],
        ),
    ],
)
def test_a_changed_sync_is_changed_alone(run, fake, sync, where, changes, actions):
    run(aws_datasync, **sync)
    original = copy.deepcopy(sync)
    place = sync["tasks"][0] if where == "task" else sync["locations"][where == "to"]
    place.update(changes)
    made = life(run, fake, aws_datasync, **sync)
    assert made["actions"][: len(actions)] == actions
    assert len(made["actions"]) == len(actions) + (len(actions) == 3)
    assert len(fake.datasync.locations) == 2 and len(fake.datasync.tasks) == 1
    assert life(run, fake, aws_datasync, **original)["changed"]  # and back, so that nothing is only ever added


def test_a_role_made_just_before_is_waited_for(run, fake, sync):
    fake.datasync.role_lag = 3
    assert run(aws_datasync, **sync)["changed"]
    assert len(fake.refusals) == 3


def test_a_task_that_becomes_unavailable_fails_with_the_reason(run, fake, sync):
    fake.datasync.task_states = ["CREATING", "UNAVAILABLE"]
    failed = run(aws_datasync, **sync)
    assert failed["error"] == "AwsBroken"
    assert failed["msg"] == "task acme-modules: is UNAVAILABLE: EfsMountFailed the mount target can't be reached"


def test_a_task_that_is_never_ready_times_out(run, fake, sync):
    fake.datasync.task_states = ["CREATING"]
    failed = run(aws_datasync, **sync, wait_timeout=1)
    assert failed["error"] == "AwsTimeout" and "still CREATING after 1 s" in failed["msg"]


def test_sync_goes_and_leaves_others_alone(run, fake, sync):
    run(aws_datasync, **sync)
    run(aws_datasync, locations=[{**sync["locations"][0], "name": "others"}], owner_tags={"a": "b"})
    gone(run, fake, aws_datasync, **sync)
    assert [tags["Name"] for tags in fake.datasync.tags.values()] == ["others"]


def test_an_end_that_is_no_location_is_named(run, fake, sync):
    sync["tasks"][0]["source"] = "nowhere"
    assert "source='nowhere'" in run(aws_datasync, **sync)["msg"]


def test_a_location_of_others_with_that_name_is_not_taken(run, fake, sync):
    run(aws_datasync, **sync, owner_tags={"odoo-cloud:delivery": "somebody"})
    failed = run(aws_datasync, **sync)
    assert failed["error"] == "AwsForeign"  # the task's name is what collides


# -- Systems Manager -----------------------------------------------------------------------------------------------------------

DOCUMENT = {
    "schemaVersion": "0.3",
    "description": "nothing",
    "mainSteps": [{"name": "sleep", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}],
}


def test_document_is_made_once_and_followed_by_versions(run, fake):
    life(run, fake, aws_ssm_document, name="acme-deliver", content=DOCUMENT)
    made = life(
        run, fake, aws_ssm_document, name="acme-deliver", content={**DOCUMENT, "description": "more"}, tags={"a": "b"}
    )
    assert made["version"] == "2"
    assert made["actions"][:2] == [
        "create a new version of document acme-deliver",
        "make version 2 of document acme-deliver the default",
    ]
    gone(run, fake, aws_ssm_document, name="acme-deliver")


def test_a_version_left_half_done_becomes_the_default(run, fake, client):
    run(aws_ssm_document, name="acme-deliver", content=DOCUMENT)
    changed = {**DOCUMENT, "description": "more"}
    client("ssm").update_document(
        Name="acme-deliver", Content=json.dumps(changed), DocumentVersion="$LATEST", DocumentFormat="JSON"
    )
    made = life(run, fake, aws_ssm_document, name="acme-deliver", content=changed)
    assert made["actions"] == ["make version 2 of document acme-deliver the default"]


def test_document_of_others_or_of_another_type_stays(run, fake, client):
    client("ssm").create_document(
        Name="acme-deliver", Content=json.dumps(DOCUMENT), DocumentType="Automation", DocumentFormat="JSON"
    )
    assert run(aws_ssm_document, name="acme-deliver", content=DOCUMENT)["error"] == "AwsForeign"
    assert run(aws_ssm_document, name="acme-deliver", state="absent")["error"] == "AwsForeign"
    assert (
        run(aws_ssm_document, name="acme-deliver", content=DOCUMENT, type="Command", owner_tags={})["error"]
        == "AwsConflict"
    )


def test_a_document_too_large_is_refused_before_it_is_sent(run, fake):
    failed = run(aws_ssm_document, name="acme-deliver", content={**DOCUMENT, "description": "x" * 70000})
    assert "65536" in failed["msg"] and fake.writes == 0


# -- EventBridge ---------------------------------------------------------------------------------------------------------------


def rule(**changes):
    target = f"arn:aws:ssm:{aws_fake.REGION}:{aws_fake.ACCOUNT}:automation-definition/acme-deliver:$DEFAULT"
    return {
        "rules": [
            {
                "name": "acme-release",
                "description": "a release",
                "pattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": ["acme-code"]}}},
                "targets": [
                    {
                        "id": "deliver",
                        "arn": target,
                        "role_arn": f"arn:aws:iam::{aws_fake.ACCOUNT}:role/acme-events",
                        "input": {"Reason": ["release"]},
                    }
                ],
                **changes,
            }
        ]
    }


def test_rule_is_made_once(run, fake):
    made = life(run, fake, aws_event_rule, **rule())
    assert made["actions"] == ["create rule acme-release", "set the targets deliver of rule acme-release"]
    gone(run, fake, aws_event_rule, **rule())


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({"enabled": False}, "change State of rule acme-release"),
        ({"pattern": {"source": ["aws.ecr"]}}, "change EventPattern of rule acme-release"),
        ({"schedule": "rate(1 day)"}, "change ScheduleExpression of rule acme-release"),
        ({"targets": []}, "remove the targets deliver of rule acme-release"),
    ],
)
def test_a_changed_rule_is_changed_alone(run, fake, changes, action):
    run(aws_event_rule, **rule())
    assert life(run, fake, aws_event_rule, **rule(**changes))["actions"] == [action]


def test_a_changed_input_is_written(run, fake, client):
    run(aws_event_rule, **rule())
    changed = rule()
    changed["rules"][0]["targets"][0]["input"] = {"Reason": ["other"]}
    assert life(run, fake, aws_event_rule, **changed)["actions"] == ["set the targets deliver of rule acme-release"]


def test_a_rule_without_pattern_and_schedule_is_refused(run, fake):
    assert "neither a pattern nor a schedule" in run(aws_event_rule, **rule(pattern=None))["msg"]


def test_a_rule_of_others_stays(run, fake):
    run(aws_event_rule, **rule(), owner_tags={"a": "b"})
    assert run(aws_event_rule, **rule())["error"] == "AwsForeign"
    assert run(aws_event_rule, state="absent", **rule())["error"] == "AwsForeign"


# -- ECR -----------------------------------------------------------------------------------------------------------------------

POLICY = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20},
            "action": {"type": "expire"},
        }
    ]
}


def test_repository_is_made_once_and_changed(run, fake, client):
    life(run, fake, aws_ecr_repository, name="acme-odoo", lifecycle_policy=POLICY)
    made = client("ecr").describe_repositories()["repositories"][0]
    assert made["imageTagMutability"] == "IMMUTABLE" and made["imageScanningConfiguration"] == {"scanOnPush": True}
    changed = life(
        run, fake, aws_ecr_repository, name="acme-odoo", lifecycle_policy={}, immutable_tags=False, scan_on_push=False
    )
    assert len(changed["actions"]) == 3


def test_repository_with_images_wants_to_be_told(run, fake, client):
    run(aws_ecr_repository, name="acme-odoo")
    client("ecr").put_image(repositoryName="acme-odoo", imageManifest=MANIFEST, imageTag="one")
    assert run(aws_ecr_repository, name="acme-odoo", state="absent")["error"] == "AwsConflict"
    gone(run, fake, aws_ecr_repository, name="acme-odoo", delete_images=True)


def test_repository_of_others_stays(run, fake, client):
    client("ecr").create_repository(repositoryName="acme-odoo")
    assert run(aws_ecr_repository, name="acme-odoo")["error"] == "AwsForeign"
    assert run(aws_ecr_repository, name="acme-odoo", state="absent", delete_images=True)["error"] == "AwsForeign"


# -- connection ----------------------------------------------------------------------------------------------------------------


def test_half_a_pair_of_keys_is_refused(run, fake):
    failed = run(aws_ecr_repository, name="acme-odoo", access_key=None)
    assert failed["error"] == "AwsDenied" and "access_key and secret_key" in failed["msg"]


def test_an_endpoint_that_is_not_there_is_named(run, fake):
    failed = run(aws_ecr_repository, name="acme-odoo", endpoint_url="http://127.0.0.1:9")
    assert failed["error"] == "AwsUnreachable" and "127.0.0.1:9" in failed["msg"]


def test_a_missing_region_is_named(run, fake, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    failed = run(aws_ecr_repository, name="acme-odoo", region=None)
    assert failed["failed"] and "region" in failed["msg"]
