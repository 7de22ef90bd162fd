# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_plan
short_description: What images are built from, and the content hash that names them
version_added: 0.1.0
author:
  - odoo_cloud.platform contributors (@odoo-cloud)
description:
  - For each image of the list, renders its Dockerfile from the role's templates, reads its build
    context and, for Odoo, the runtime of this collection, and computes the tag from all of these.
    Only files on the controller are read.
  - The role P(odoo_cloud.platform.image#role) uses it; it expects that role's folder in the
    variable C(role_path).
options:
  _terms:
    description:
      The images, each a dictionary with C(name), C(kind) and, for Odoo, C(version); C(source),
      C(ref) and C(python) as in C(image_list) of the role P(odoo_cloud.platform.image#role).
    required: true
    type: list
    elements: dict
  platform:
    description: Name of the platform (C(odoo_cloud_name)), the first part of every tag.
    type: string
    required: true
  source:
    description:
      V(debian) builds from Debian's archive, V(registry) from images of a registry. An image that
      has a C(source), or a reference of its own or in O(refs), is built from that.
    type: string
    choices: [debian, registry]
    default: debian
  refs:
    description: Image name to registry reference.
    type: dict
    default: {}
  allow_unpinned:
    description: Whether references without a digest are accepted.
    type: boolean
    default: false
  base:
    description:
      Definition of the Debian base images; part of the hash. Empty means that none is part of it.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the tag of an image
  ansible.builtin.debug:
    msg: "{{ query('odoo_cloud.platform.image_plan', {'name': 'redis', 'kind': 'redis'}, platform='shop') }}"
"""

RETURN = r"""
_list:
  description:
    - A dictionary for each image with C(name), C(kind), C(version), for Odoo C(python), C(tag), C(hash), C(files), C(base) (tag of its
      Debian base) and C(pull) (its registry reference). The Debian bases that are needed are in the list too, with C(kind=debian).
  type: list
  elements: dict
"""

import os

from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase

from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import plan as image_plan


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        try:
            return self._plan(terms, variables or {})
        except image_plan.ImageError as error:
            raise AnsibleLookupError(str(error)) from error

    def _plan(self, terms, variables):
        platform, source, refs = self.get_option("platform"), self.get_option("source"), self.get_option("refs")
        bases: dict[str, dict] = {}
        images: list[dict] = []
        for term in terms:
            item = image_plan.check_item(term, source, refs)
            base = pull = ""
            if item["kind"] == image_plan.CODE:
                pass
            elif item["source"] == image_plan.REGISTRY:
                pull = image_plan.check_ref(item, refs, self.get_option("allow_unpinned"))
            else:
                suite = image_plan.suite_of(item["kind"], item["version"])
                if suite not in bases:
                    bases[suite] = image_plan.base_plan(platform, suite, dict(self.get_option("base")))
                base = bases[suite]["tag"]
            dockerfile = self._dockerfile(
                item, item.get("from") or base or pull, item.get("source") or source, variables
            )
            images.append(image_plan.image_plan(platform, item, base, pull, dockerfile, self._context(item, variables)))
        return [*bases.values(), *images]

    def _dockerfile(self, item, image_from, source, variables):
        template = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        values = {"image_item": item, "image_from": image_from, "image_source": source}
        return str(template.run([f"{item['kind']}.Dockerfile.j2"], variables=variables, template_vars=values)[0])

    def _context(self, item, variables):
        role = str(variables["role_path"])
        folder = os.path.join(role, "files", item["kind"])
        if item["kind"] == image_plan.CODE:
            return image_plan.code_files(folder, item)
        if item["kind"] == image_plan.BUILD:
            return []
        runtime = os.path.normpath(os.path.join(role, "..", "..", "plugins", "module_utils", "_runtime"))
        if item["kind"] == "report":
            return image_plan.report_files(folder, os.path.join(runtime, "report"))
        if item["kind"] != "odoo":
            return image_plan.read_tree(folder)
        addons = os.path.join(role, "files", image_plan.ADDONS_FOLDER)
        return (
            image_plan.odoo_files(folder, item["python"])
            + image_plan.read_tree(runtime, image_plan.RUNTIME_FOLDER)
            + image_plan.read_tree(addons, image_plan.ADDONS_FOLDER)
        )
