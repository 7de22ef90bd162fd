#!/usr/bin/python
# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_imagebuilder
short_description: Everything in EC2 Image Builder that is needed to build one container image
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - Creates a component, a container recipe, an infrastructure configuration, a distribution
    configuration and a pipeline, all with the same name, and connects them.
  - Components and recipes can't be changed. When their content differs, a new version is created
    (V(1.0.0), V(1.0.1), ...) and the pipeline uses it; older versions stay. A hash of a version's
    content is kept in its tag C(odoo-cloud:content).
  - The module starts no build. The pipeline's schedule does, or a call of
    C(StartImagePipelineExecution).
  - O(state=absent) removes the pipeline, the images that it built (not those in the registry), and
    all versions.
extends_documentation_fragment:
  - odoo_cloud.platform.attributes
  - odoo_cloud.platform.aws
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: Name of all five resources. 3 to 128 letters, digits, C(-), C(_) and spaces.
    type: str
    required: true
  state:
    description: Whether the resources exist.
    type: str
    choices: [present, absent]
    default: present
  description:
    description: Description of all five resources.
    type: str
  component:
    description: The commands that change the image. Required for O(state=present).
    type: dict
    suboptions:
      data:
        description: The component's document (AWSTOE) as YAML text.
        type: str
        required: true
      platform:
        description: Operating system of the component.
        type: str
        choices: [Linux, Windows]
        default: Linux
      supported_os_versions:
        description: Operating system versions that the component supports. Without it, all.
        type: list
        elements: str
      kms_key:
        description: ARN of the key that encrypts the component. Without it, AWS uses its own.
        type: str
  components_before:
    description: ARNs of other components that run before O(component).
    type: list
    elements: str
    default: []
  recipe:
    description: How the image is built. Required for O(state=present).
    type: dict
    suboptions:
      parent_image:
        description: Base image, as the address of a registry or the ARN of an Image Builder image, also with V(x) in its version.
        type: str
        required: true
      repository:
        description: Name of the ECR repository to which the image is pushed.
        type: str
        required: true
      dockerfile:
        description: Dockerfile template.
        type: str
        default: |
          FROM {{{ imagebuilder:parentImage }}}
          {{{ imagebuilder:environments }}}
          {{{ imagebuilder:components }}}
      working_directory:
        description: Folder in which the build commands run. Without it, Image Builder's default.
        type: str
      instance_image:
        description: AMI of the instance that builds. Without it, Image Builder's own.
        type: str
      platform:
        description:
          Operating system of the base image. Image Builder needs it for images that aren't its own.
        type: str
        choices: [Linux, Windows]
      kms_key:
        description:
          ARN of the key that encrypts the Dockerfile template. Without it, AWS uses its own.
        type: str
  infrastructure:
    description:
      The instance that builds. Required for O(state=present). Its metadata service always requires
      tokens (IMDSv2).
    type: dict
    suboptions:
      instance_profile:
        description: Name of the instance profile.
        type: str
        required: true
      instance_types:
        description: Types of the instance, from which AWS chooses one.
        type: list
        elements: str
        default: [t3.small]
      subnet:
        description:
          ID of a subnet from which ECR, S3 and SSM can be reached. Without it, the default VPC.
        type: str
      security_groups:
        description: IDs of security groups of the instance; needed with O(infrastructure.subnet).
        type: list
        elements: str
      metadata_hops:
        description:
          Number of network hops that an answer of the metadata service may take. Containers on the
          instance need V(2).
        type: int
        default: 2
      terminate_on_failure:
        description:
          Whether an instance whose build failed is terminated. With V(false) it stays for
          inspection, and costs money.
        type: bool
        default: true
      log_bucket:
        description: Bucket for build logs. Without it, logs are not kept there.
        type: str
      log_prefix:
        description: Prefix in O(infrastructure.log_bucket).
        type: str
      sns_topic:
        description: ARN of a topic that is notified of builds. Without it, none is.
        type: str
      resource_tags:
        description: Tags of the instances.
        type: dict
  distributions:
    description:
      Regions and repositories to which images are pushed. Without it, the module's region and the
      recipe's repository.
    type: list
    elements: dict
    suboptions:
      region:
        description: Region. Default is that of the module.
        type: str
      repository:
        description: Name of the repository. Default is that of the recipe.
        type: str
      container_tags:
        description:
          Tags that each image gets in the registry. A fixed tag can't be used twice in a repository
          with immutable tags.
        type: list
        elements: str
  pipeline:
    description: When images are built. Required for O(state=present), may be empty.
    type: dict
    suboptions:
      schedule:
        description: When to check for a build, as C(cron(...)) or C(rate(...)). Without it, builds are only started by hand.
        type: str
      timezone:
        description: Time zone of the schedule, such as V(Europe/Berlin). Without it, UTC.
        type: str
      start_condition:
        description:
          Whether a scheduled build starts only when a base image or component is newer, or each
          time (V(EXPRESSION_MATCH_ONLY)).
        type: str
        choices: [EXPRESSION_MATCH_ONLY, EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE]
        default: EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE
      enabled:
        description: Whether the schedule is active.
        type: bool
        default: true
      tests:
        description: Whether the test phases of components run.
        type: bool
        default: true
      tests_timeout:
        description: Minutes that tests may take, 60 to 1440.
        type: int
        default: 60
      enhanced_metadata:
        description:
          Whether Image Builder collects more information about the image, such as its packages.
        type: bool
        default: true
"""

EXAMPLES = r"""
- name: An image with our requirements
  odoo_cloud.platform.aws_imagebuilder:
    region: eu-central-1
    name: acme-odoo
    component:
      data: "{{ lookup('ansible.builtin.file', 'component.yml') }}"
    recipe:
      parent_image: 111122223333.dkr.ecr.eu-central-1.amazonaws.com/odoo-base:19.0-20261101
      platform: Linux
      repository: acme-odoo
    infrastructure:
      instance_profile: acme-odoo-build
    pipeline:
      schedule: cron(0 3 * * ? *)
    owner_tags:
      project: acme

- name: Remove it
  odoo_cloud.platform.aws_imagebuilder:
    region: eu-central-1
    name: acme-odoo
    state: absent
    owner_tags:
      project: acme
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, as sentences.
  returned: always
  type: list
  elements: str
  sample: [create component acme-odoo 1.0.1, create container recipe acme-odoo 1.0.1, change containerRecipeArn of image pipeline acme-odoo]
component_arn:
  description:
    ARN of the component's build version; V((known after creation\)) in check mode when it would be
    created. The same applies to the other ARNs.
  returned: O(state=present)
  type: str
  sample: arn:aws:imagebuilder:eu-central-1:111122223333:component/acme-odoo/1.0.1/1
recipe_arn:
  description: ARN of the container recipe's version.
  returned: O(state=present)
  type: str
  sample: arn:aws:imagebuilder:eu-central-1:111122223333:container-recipe/acme-odoo/1.0.1
infrastructure_arn:
  description: ARN of the infrastructure configuration.
  returned: O(state=present)
  type: str
  sample: arn:aws:imagebuilder:eu-central-1:111122223333:infrastructure-configuration/acme-odoo
distribution_arn:
  description: ARN of the distribution configuration.
  returned: O(state=present)
  type: str
  sample: arn:aws:imagebuilder:eu-central-1:111122223333:distribution-configuration/acme-odoo
pipeline_arn:
  description: ARN of the pipeline.
  returned: O(state=present)
  type: str
  sample: arn:aws:imagebuilder:eu-central-1:111122223333:image-pipeline/acme-odoo
# >>> the same in all: doc fragment aws, tools/returns.py
requests:
  description: Number of requests that were sent to AWS.
  returned: success
  type: int
  sample: 9
error:
  description: Name of the error's class.
  returned: failure
  type: str
  sample: AwsConflict
# <<<
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.imagebuilder import work
from ansible_collections.odoo_cloud.platform.plugins.module_utils._aws.service import connection_spec, run_module

DOCKERFILE = """\
FROM {{{ imagebuilder:parentImage }}}
{{{ imagebuilder:environments }}}
{{{ imagebuilder:components }}}
"""


def argument_spec() -> dict:
    component = {
        "data": {"type": "str", "required": True},
        "platform": {"type": "str", "choices": ["Linux", "Windows"], "default": "Linux"},
        "supported_os_versions": {"type": "list", "elements": "str"},
        "kms_key": {"type": "str", "no_log": False},
    }
    recipe = {
        "parent_image": {"type": "str", "required": True},
        "repository": {"type": "str", "required": True},
        "dockerfile": {"type": "str", "default": DOCKERFILE},
        "working_directory": {"type": "str"},
        "instance_image": {"type": "str"},
        "platform": {"type": "str", "choices": ["Linux", "Windows"]},
        "kms_key": {"type": "str", "no_log": False},
    }
    infrastructure = {
        "instance_profile": {"type": "str", "required": True},
        "instance_types": {"type": "list", "elements": "str", "default": ["t3.small"]},
        "subnet": {"type": "str"},
        "security_groups": {"type": "list", "elements": "str"},
        "metadata_hops": {"type": "int", "default": 2},
        "terminate_on_failure": {"type": "bool", "default": True},
        "log_bucket": {"type": "str"},
        "log_prefix": {"type": "str"},
        "sns_topic": {"type": "str"},
        "resource_tags": {"type": "dict"},
    }
    distribution = {
        "region": {"type": "str"},
        "repository": {"type": "str"},
        "container_tags": {"type": "list", "elements": "str"},
    }
    conditions = ["EXPRESSION_MATCH_ONLY", "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"]
    pipeline = {
        "schedule": {"type": "str"},
        "timezone": {"type": "str"},
        "start_condition": {"type": "str", "choices": conditions, "default": conditions[1]},
        "enabled": {"type": "bool", "default": True},
        "tests": {"type": "bool", "default": True},
        "tests_timeout": {"type": "int", "default": 60},
        "enhanced_metadata": {"type": "bool", "default": True},
    }
    return {
        **connection_spec(),
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "description": {"type": "str"},
        "component": {"type": "dict", "options": component},
        "components_before": {"type": "list", "elements": "str", "default": []},
        "recipe": {"type": "dict", "options": recipe},
        "infrastructure": {"type": "dict", "options": infrastructure},
        "distributions": {"type": "list", "elements": "dict", "options": distribution},
        "pipeline": {"type": "dict", "options": pipeline},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "present", ("component", "recipe", "infrastructure", "pipeline"))],
    )
    run_module(module, ["imagebuilder"], work)


if __name__ == "__main__":
    main()
