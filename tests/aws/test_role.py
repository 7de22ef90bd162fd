# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole role from an empty account to an empty account, with real ansible-playbook, against moto and our stubs (`make aws`).

The tests build on each other, in the order in which they stand here. Real AWS was never asked.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/unit"), str(Path(__file__).parent)]
# The role attaches a policy of AWS's own.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
# As many tasks of a service run as the test wants.
os.environ["MOTO_ECS_SERVICE_RUNNING"] = "2"

import automation  # noqa: E402
import aws_fake  # noqa: E402
import boto3  # noqa: E402
from moto.backends import get_backend  # noqa: E402

NAME = "acme-prod"
BUCKET = "acme-odoo-code"
BIN = Path(sys.prefix) / "bin"


def environment():
    """What Ansible runs with: this checkout, and keys that no AWS knows."""
    mine = {"LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return {**os.environ, **aws_fake.KEYS, **mine, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".work/collections")}


class Account:
    """An account of the fake AWS with the ECS service and the file system that the role expects."""

    def __init__(self, fake, url, folder):
        self.fake, self.url, self.folder = fake, url, folder
        self.system = self.client("efs").create_file_system(CreationToken="code")["FileSystemId"]
        self.executions = 0

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name=aws_fake.REGION)

    def make_service(self):
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="acme")
        for _number in range(2):  # something to run on
            image = self.client("ec2").describe_images()["Images"][0]["ImageId"]
            instance = self.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0][
                "InstanceId"
            ]
            document = json.dumps({"instanceId": instance})
            ecs.register_container_instance(cluster="acme", instanceIdentityDocument=document)
        ecs.register_task_definition(
            family="odoo",
            containerDefinitions=[
                {
                    "name": "odoo",
                    "image": "example.com/odoo:19.0-20261101",
                    "memory": 400,
                    "environment": [{"name": "DB_NAME", "value": "odoo"}, {"name": "RELEASE", "value": "none"}],
                }
            ],
        )
        ecs.create_service(
            cluster="acme", serviceName="odoo", taskDefinition="odoo:1", desiredCount=2, launchType="EC2"
        )

    def play(self, playbook, *more):
        """Runs a playbook: what it changed, how it ended, what it wrote."""
        writes, refusals = self.fake.writes, len(self.fake.refusals)
        code = {
            "odoo_custom_modules_paths": [str(self.folder / "addons")],
            "python_requirements_file": str(self.folder / "requirements.txt"),
        }
        command = [
            BIN / "ansible-playbook",
            "-i", ROOT / "inventories/aws", ROOT / f"playbooks/{playbook}.yml", "-e", json.dumps(code),
            "-e", f"aws_delivery_endpoint_url={self.url}", "-e", f"aws_delivery_file_system={self.system}", *more,
        ]  # fmt: skip
        begin = time.monotonic()
        ended = subprocess.run(
            [str(one) for one in command], env=environment(), capture_output=True, text=True, timeout=900
        )
        recap = re.search(r"^acme-prod +: ok=(\d+) +changed=(\d+) .*failed=(\d+)", ended.stdout, re.MULTILINE)
        text = ended.stdout + ended.stderr
        assert recap, text
        return {
            "changed": int(recap[2]), "failed": int(recap[3]), "code": ended.returncode, "text": text, "seconds": time.monotonic() - begin,
            "writes": self.fake.writes - writes, "refusals": self.fake.refusals[refusals:],
        }  # fmt: skip

    def document(self):
        return json.loads(self.client("ssm").get_document(Name=f"{NAME}-deliver")["Content"])

    def execute(self, **watch):
        """Runs the automation that is in Systems Manager."""
        self.executions += 1
        run = automation.Execution(self.document(), f"execution-{self.executions}")
        for name, value in watch.items():
            setattr(run, name, value)
        return run.run()

    def service(self):
        found = self.client("ecs").describe_services(cluster="acme", services=["odoo"])["services"][0]
        definition = self.client("ecs").describe_task_definition(taskDefinition=found["taskDefinition"])[
            "taskDefinition"
        ]
        container = definition["containerDefinitions"][0]
        return (
            found["taskDefinition"],
            container["image"],
            {one["name"]: one["value"] for one in container["environment"]},
        )

    def release(self):
        body = self.client("s3").get_object(Bucket=BUCKET, Key="channels/prod.json")["Body"].read()
        return json.loads(body)["release"]

    def rules(self, event):
        """Which rules an event starts."""
        events = self.client("events")
        found = [events.describe_rule(Name=one["Name"]) for one in events.list_rules()["Rules"]]
        return [
            one["Name"]
            for one in found
            if "EventPattern" in one and automation.matches(json.loads(one["EventPattern"]), event)
        ]


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code")
    for name in ("acme_sale", "acme_stock"):
        (folder / "addons" / name).mkdir(parents=True)
        (folder / "addons" / name / "__init__.py").write_text("")
        (folder / "addons" / name / "__manifest__.py").write_text(
            f"{{'name': '{name}', 'version': '19.0.1.0.0', 'depends': ['base']}}\n"
        )
    (folder / "requirements.txt").write_text("phonenumbers==9.0.18\n")
    saved = dict(os.environ)
    fake = aws_fake.Fake()
    with fake.serve() as url:
        os.environ.update(aws_fake.KEYS, AWS_ENDPOINT_URL=url)
        yield Account(fake, url, folder)
    os.environ.clear()
    os.environ.update(saved)


@pytest.fixture
def bar(capsys):
    def line(name, figure, target, holds):
        with capsys.disabled():
            print(f"\n{name}: {figure} (target: {target}): {'holds' if holds else 'falls short'}", end="")
        assert holds, f"{name}: {figure}"

    return line


def deploys(fake, since=0):
    """Names of the writes that matter for the order."""
    names = {"StartTaskExecution", "RegisterTaskDefinition", "RunTask", "UpdateService", "StartImagePipelineExecution"}
    return [operation for _service, operation, _params in fake.requests[since:] if operation in names]


# -- making --------------------------------------------------------------------------------------------------------------------


def test_check_mode_on_an_empty_account(account, bar):
    run = account.play("aws_delivery", "--check", "--diff")
    holds = run["code"] == 0 and run["failed"] == 0 and run["writes"] == 0 and run["changed"] > 0
    figure = f"changed={run['changed']}, failed={run['failed']}, {run['writes']} writes, {run['seconds']:.0f} s"
    if not holds:
        print(run["text"])
    bar("AWS: --check on an empty account", figure, "works, 0 writes", holds)


def test_first_run_makes_everything(account):
    account.make_service()
    run = account.play("aws_delivery")
    assert run["code"] == 0 and run["changed"] > 0, run["text"]
    assert run["refusals"] == []


def test_second_run_changes_nothing(account, bar):
    run = account.play("aws_delivery")
    if run["changed"] or run["code"]:
        print(run["text"])
    figure = f"changed={run['changed']}, {run['writes']} writes, {run['seconds']:.0f} s"
    bar(
        "AWS: the whole role a second time",
        figure,
        "changed=0",
        run["code"] == 0 and run["changed"] == 0 and run["writes"] == 0,
    )


def test_what_was_made_is_what_was_asked(account):
    s3 = account.client("s3")
    assert s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"]
    assert get_backend("s3")[aws_fake.ACCOUNT]["aws"].buckets[BUCKET].notification_configuration.event_bridge == {}
    repository = account.client("ecr").describe_repositories(repositoryNames=[NAME])["repositories"][0]
    assert repository["imageTagMutability"] == "IMMUTABLE" and repository["imageScanningConfiguration"]["scanOnPush"]
    pipeline = account.client("imagebuilder").list_image_pipelines()["imagePipelineList"][0]
    assert (
        pipeline["schedule"]["pipelineExecutionStartCondition"] == "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"
    )
    tasks = {task["Name"]: task for task in account.fake.datasync.tasks.values()}
    assert {name: task["Options"]["PreserveDeletedFiles"] for name, task in tasks.items()} == {
        f"{NAME}-modules": "PRESERVE", f"{NAME}-python": "PRESERVE", f"{NAME}-mirror": "REMOVE",
    }  # fmt: skip
    deploy = next(step for step in account.document()["mainSteps"] if step["name"] == "Deploy")["inputs"]
    assert deploy["forceNewDeployment"] is True
    assert deploy["deploymentConfiguration"]["minimumHealthyPercent"] == 100


def test_no_policy_allows_everything(account):
    iam = account.client("iam")
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])[
            "PolicyVersion"
        ]["Document"]
        for statement in document["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [action for action in actions if "*" in action], policy["PolicyName"]
            if statement["Resource"] == "*":  # only what knows no resources
                assert set(actions) <= {
                    "ec2:DescribeNetworkInterfaces", "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition", "ecs:TagResource",
                    "ssm:DescribeAutomationExecutions", "ecr:GetAuthorizationToken",
                }  # fmt: skip
            if "iam:PassRole" in actions:
                assert statement["Condition"]["StringEquals"]["iam:PassedToService"]


def test_one_release_is_one_event(account, bar):
    keys = [one["Key"] for one in account.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    started = [
        key
        for key in keys
        for _rule in account.rules(
            {
                "source": "aws.s3",
                "detail-type": "Object Created",
                "detail": {"bucket": {"name": BUCKET}, "object": {"key": key}},
            }
        )
    ]
    bar("AWS: events of one release", f"{len(started)} of {len(keys)} objects", "1", started == ["channels/prod.json"])


# -- what the automation does --------------------------------------------------------------------------------------------------


def test_new_requirements_build_an_image_first(account):
    since = len(account.fake.requests)
    run = account.execute()
    assert run.steps == ["TakeTurn", "Plan", "Decide", "Build"]
    assert deploys(account.fake, since) == ["StartImagePipelineExecution"]
    inputs = account.client("s3").get_object(Bucket=BUCKET, Key="image/requirements.txt")["Body"].read()
    assert inputs == b"phonenumbers==9.0.18\n"
    # Again, by another event, while it is built: nothing is started twice.
    assert account.execute().steps == ["TakeTurn", "Plan", "Decide"]
    assert deploys(account.fake, since) == ["StartImagePipelineExecution"]


def test_a_failed_build_leaves_the_service(account):
    (arn,) = account.fake.imagebuilder.made_by
    before = account.service()
    account.fake.imagebuilder.finish(arn, "FAILED", "pip found no such version")
    assert account.execute().steps[-1] == "Build"  # the next look tries again
    assert account.service() == before


def test_the_end_of_a_build_starts_the_automation(account):
    arn = list(account.fake.imagebuilder.made_by)[-1]
    event = {"source": "aws.imagebuilder", "detail-type": "EC2 Image Builder Image State Change", "resources": [arn]}
    assert account.rules({**event, "detail": {"state": {"status": "AVAILABLE"}}}) == [f"{NAME}-image"]
    assert account.rules({**event, "detail": {"state": {"status": "BUILDING"}}}) == []
    other = {**event, "resources": [arn.replace(NAME, "other")], "detail": {"state": {"status": "AVAILABLE"}}}
    assert account.rules(other) == []


def test_sync_then_update_then_roll(account, bar):
    arn = list(account.fake.imagebuilder.made_by)[-1]
    account.fake.imagebuilder.finish(arn)
    since = len(account.fake.requests)
    before = account.service()
    seen = {}
    run = account.execute(
        on_step=lambda step: seen.setdefault(step, (account.service(), dict(account.fake.datasync.files)))
    )
    order = deploys(account.fake, since)
    wanted = ["StartTaskExecution", "RegisterTaskDefinition", "RunTask", "UpdateService"]
    bar("AWS: one release", " -> ".join(order), "sync, then update, then roll", order == wanted)
    assert "CheckUpdate" in run.steps and run.steps[-1] == "CheckDeploy"
    release = account.release()
    assert seen["Prepare"][1][account.system], "the files are there before anything uses them"
    assert seen["Deploy"][0] == before, "the service is touched last"
    definition, image, environment = account.service()
    assert environment == {
        "DB_NAME": "odoo", "RELEASE": release, "PYTHONPATH": f"/mnt/code/releases/{release}/python",
        "ADDONS_PATH": f"/mnt/code/releases/{release}/modules",
    }  # fmt: skip
    assert re.fullmatch(rf".*/{NAME}@sha256:[0-9a-f]{{64}}", image), image
    files = account.fake.datasync.files[account.system]
    assert f"/releases/{release}/modules/acme_sale/__manifest__.py" in files
    assert all(path.startswith(f"/releases/{release}/modules/") for path in files)
    update = next(params for _service, operation, params in account.fake.requests[since:] if operation == "RunTask")
    assert update["taskDefinition"] == definition
    assert update["overrides"]["containerOverrides"][0]["environment"] == [
        {"name": "MODE", "value": "UpdateOnly"},
        {"name": "WAIT", "value": "True"},
    ]


def test_nothing_new_does_nothing(account):
    since, writes = len(account.fake.requests), account.fake.writes
    assert account.execute().steps == ["TakeTurn", "Plan", "Decide"]
    assert deploys(account.fake, since) == [] and account.fake.writes == writes


def test_the_automation_may_do_what_it_does(account):
    iam = account.client("iam")
    arn = next(
        one["Arn"] for one in iam.list_policies(Scope="Local")["Policies"] if one["PolicyName"] == f"{NAME}-automation"
    )
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    given = [statement["Action"] for statement in document["Statement"]]
    allowed = {action for one in given for action in ([one] if isinstance(one, str) else one)}
    steps = [step["inputs"] for step in account.document()["mainSteps"]]
    used = {f"{step['Service']}:{step['Api']}" for step in steps if "Api" in step}
    scripts = "".join(step.get("Script", "") for step in steps)
    actions = {
        "describe_automation_executions": "ssm:DescribeAutomationExecutions",
        "describe_images": "ecr:DescribeImages",
        "describe_services": "ecs:DescribeServices",
        "describe_task_definition": "ecs:DescribeTaskDefinition",
        "describe_tasks": "ecs:DescribeTasks",
        "get_object": "s3:GetObject",
        "head_object": "s3:GetObject",
        "list_image_pipeline_images": "imagebuilder:ListImagePipelineImages",
        "list_objects_v2": "s3:ListBucket",
        "put_object": "s3:PutObject",
        "register_task_definition": "ecs:RegisterTaskDefinition",
        "run_task": "ecs:RunTask",
    }
    called = set(
        re.findall(r"\b([a-z]+(?:_[a-z0-9]+)+)\(\s*\w*[A-Za-z]+=|\b(register_task_definition|run_task)\(", scripts)
    )
    assert {name for one in called for name in one if name} == set(actions)
    assert used | set(actions.values()) <= allowed


@pytest.fixture
def next_release(account):
    """A release that differs, with the requirements as they were."""
    path = account.folder / "addons/acme_sale/__init__.py"
    path.write_text(path.read_text() + f"# {time.monotonic()}\n")
    options = {
        "bucket": BUCKET,
        "channel": "prod",
        "region": aws_fake.REGION,
        "endpoint_url": account.url,
        "layout": "tree",
        "odoo_version": "19",
        "odoo_custom_modules_paths": [str(account.folder / "addons")],
        "python_requirements_file": str(account.folder / "requirements.txt"),
    }
    command = [BIN / "ansible", "localhost", "-c", "local", "-m", "odoo_cloud.platform.odoo_addons_sync"]
    run = subprocess.run(
        [str(one) for one in [*command, "-a", json.dumps(options)]],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_failed_update_leaves_the_service(account, next_release):
    before, since = account.service(), len(account.fake.requests)

    def fail(step):
        if step == "CheckUpdate":
            backend = get_backend("ecs")[aws_fake.ACCOUNT][aws_fake.REGION]
            for task in backend.tasks["acme"].values():
                task.containers[0].exitCode = 72

    with pytest.raises(automation.Failed, match="the update failed, the service stays as it is: odoo=72"):
        account.execute(on_step=fail)
    assert "UpdateService" not in deploys(account.fake, since) and account.service() == before


def test_a_failed_sync_starts_nothing(account):
    before, since = account.service(), len(account.fake.requests)
    account.fake.datasync.execution_states = ["LAUNCHING", "ERROR"]
    with pytest.raises(automation.Failed, match="CheckModules: ERROR"):
        account.execute()
    account.fake.datasync.execution_states = ["TRANSFERRING"]
    with pytest.raises(automation.Failed, match="WaitModules: timed out at TRANSFERRING"):
        account.execute()
    account.fake.datasync.execution_states = ["SUCCESS"]
    assert set(deploys(account.fake, since)) == {"StartTaskExecution"} and account.service() == before


def test_a_deployment_that_ecs_takes_back_is_a_failure(account):
    ecs = get_backend("ecs")[aws_fake.ACCOUNT][aws_fake.REGION]
    before = account.service()[0]

    def take_back(step):
        if step == "CheckDeploy":
            ecs._get_service("acme", "odoo").task_definition = before

    with pytest.raises(automation.Failed, match="CheckDeploy"):
        account.execute(on_step=take_back)
    assert account.execute().steps[-1] == "CheckDeploy"  # and the next look brings it


def test_a_channel_that_moved_on_ends_the_older_execution(account, next_release):
    s3 = account.client("s3")
    pointer = s3.get_object(Bucket=BUCKET, Key="channels/prod.json")["Body"].read()

    def move(step):
        if step == "Prepare":
            s3.put_object(
                Bucket=BUCKET,
                Key="channels/prod.json",
                Body=json.dumps({**json.loads(pointer), "release": "0" * 16}).encode(),
            )

    before = account.service()
    with pytest.raises(automation.Failed, match="the channel names 0000000000000000 by now"):
        account.execute(on_step=move)
    assert account.service() == before
    s3.put_object(Bucket=BUCKET, Key="channels/prod.json", Body=pointer)


def test_executions_take_turns(account):
    document = account.document()
    document["mainSteps"] = document["mainSteps"][:1]
    document["mainSteps"][0]["inputs"]["InputPayload"].update({"Seconds": 0, "Pause": 0})
    known = {"DocumentName": f"{NAME}-deliver", "AutomationExecutionStatus": "InProgress"}
    account.fake.automations.executions = [
        {**known, "AutomationExecutionId": "younger", "ExecutionStartTime": 2.0},
        {**known, "AutomationExecutionId": "older", "ExecutionStartTime": 1.0},
        {
            **known,
            "AutomationExecutionId": "another-document",
            "DocumentName": f"{NAME}-deliver-x",
            "ExecutionStartTime": 0.5,
        },
    ]
    automation.Execution(document, "older").run()
    with pytest.raises(automation.Failed, match="an older execution is still at work: older"):
        automation.Execution(document, "younger").run()
    account.fake.automations.executions = []


# -- removing ------------------------------------------------------------------------------------------------------------------


def test_removing_wants_the_name_and_check_mode_removes_nothing(account):
    refused = account.play("aws_delivery_remove")
    assert refused["failed"] == 1 and "aws_delivery_remove_confirm=acme-prod" in refused["text"].replace("\n", " ")
    checked = account.play("aws_delivery_remove", "--check", "-e", f"aws_delivery_remove_confirm={NAME}")
    assert checked["code"] == 0 and checked["changed"] > 0, checked["text"]
    assert refused["writes"] == checked["writes"] == 0


def test_removing_takes_all_of_ours_and_nothing_else(account, bar):
    iam, s3, builder = account.client("iam"), account.client("s3"), account.client("imagebuilder")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName=f"{NAME}-other", AssumeRolePolicyDocument=trust)
    s3.create_bucket(Bucket="others-code", CreateBucketConfiguration={"LocationConstraint": aws_fake.REGION})
    account.client("ecr").create_repository(repositoryName="others")
    data = "schemaVersion: 1.0\nphases: [{name: build, steps: [{name: a, action: ExecuteBash}]}]\n"
    other = builder.create_component(name="others", semanticVersion="1.0.0", platform="Linux", data=data)
    account.client("events").put_rule(Name="others", ScheduleExpression="rate(1 day)")
    run = account.play("aws_delivery_remove", "-e", f"aws_delivery_remove_confirm={NAME}")
    assert run["code"] == 0, run["text"]
    documents = account.client("ssm").list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])
    left = {
        "buckets": [one["Name"] for one in s3.list_buckets()["Buckets"]],
        "roles": [one["RoleName"] for one in iam.list_roles()["Roles"]],
        "policies": [one["PolicyName"] for one in iam.list_policies(Scope="Local")["Policies"]],
        "profiles": [one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]],
        "repositories": [one["repositoryName"] for one in account.client("ecr").describe_repositories()["repositories"]],
        "image builder": list(account.fake.imagebuilder.things),
        "datasync": [*account.fake.datasync.locations, *account.fake.datasync.tasks],
        "rules": [one["Name"] for one in account.client("events").list_rules()["Rules"]],
        "documents": [
            one["Name"] for one in documents["DocumentIdentifiers"]
        ],
    }  # fmt: skip
    wanted = {
        "buckets": ["others-code"], "roles": [f"{NAME}-other"], "policies": [], "profiles": [], "repositories": ["others"],
        "image builder": [other["componentBuildVersionArn"]], "datasync": [], "rules": ["others"], "documents": [],
    }  # fmt: skip
    wrong = {key: left[key] for key in left if left[key] != wanted[key]}
    bar(
        "AWS: removing",
        "nothing of ours left, nothing else gone" if not wrong else str(wrong),
        "all of ours, nothing else",
        not wrong,
    )
    assert account.service(), "the service is not ours"
    again = account.play("aws_delivery_remove", "-e", f"aws_delivery_remove_confirm={NAME}")
    assert again["code"] == 0 and again["changed"] == 0, again["text"]
