# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Every variable of this collection that begins with `odoo_`, and other such variables of an
inventory. No I/O.

A misspelt variable would have no effect and cause no error, so names that nothing reads are
refused. A unit test compares the lists here with the variables in roles, playbooks and documents.
"""

from __future__ import annotations

import contextlib
import difflib
import re

from . import settings
from .instance import BUILDER_GROUP, MACHINE_GROUPS, ROOT_GROUP, Groups, Hostvars
from .model import plain

PREFIX = "odoo_"
OTHER_VARIABLES = "odoo_cloud_other_variables"

# Variables of the platform as a whole, of its machines and of playbooks.
PLATFORM: dict[str, str] = {
    "odoo_cloud_name": "Name of the platform, the prefix of its containers, networks, volumes and images.",
    "odoo_cloud_root": "Folder of the platform on its machines; `/srv/<odoo_cloud_name>` by default.",
    "odoo_cloud_secrets_dir": "Folder of generated secrets on the controller; `~/.odoo-cloud/<odoo_cloud_name>` by default.",
    "odoo_cloud_secrets_take_over": "The platform's name, to generate new secrets for a platform whose secrets are lost for good.",
    "odoo_cloud_address": "IP address of a machine at which other machines reach it; `ansible_host` by default.",
    "odoo_cloud_limits": "Whether containers have limits of memory, processes and processors; true by default.",
    "odoo_cloud_http_port": "Port of nginx for HTTP; 80 by default.",
    "odoo_cloud_https_port": "Port of nginx for HTTPS; 443 by default.",
    "odoo_cloud_firewall": "Whether rules in the kernel close egress and the machine's ports to instances; true by default.",
    "odoo_cloud_network_pool": "IPv4 network from which instances' networks get 64 addresses each; 172.30.0.0/16 by default.",
    "odoo_cloud_s3_endpoint": "Address of the object storage, in place of the platform's own.",
    OTHER_VARIABLES: "Names of variables of other roles that begin with `odoo_`, which are not refused.",
    "odoo_cloud_instance": "The one instance on which a playbook works. Give it on the command line.",
    "odoo_cloud_reason": "Why a database is opened or rolled back, for its history (`force_ready`, `rollback`).",
    "odoo_cloud_actor": "Name of the operator, for the history; the user of AWX or of the controller by default.",
    "odoo_cloud_take_over": "Whether a live run that holds the lock is ended (`force_ready`).",
    "odoo_cloud_rollback": "The sentence that confirms what is lost (`rollback`).",
    "odoo_cloud_restore_point": "The restore point to go back to (`rollback`); the last one by default.",
    "odoo_cloud_release": "The release of custom code to go back to (`rollback_release`); the one before by default.",
    "odoo_cloud_rehearse": "Whether a migration is rehearsed on a copy first (`migrate`).",
    "odoo_cloud_rehearsal_copy": "How databases are copied (`rehearse`): auto, template or dump.",
    "odoo_cloud_rehearsal_worst": "Worst result with which a rehearsal succeeds (`rehearse`): code only, additive or breaking.",
    "odoo_cloud_rehearsal_network": "Internal network of the engine for PostgreSQL over TCP (`rehearse`).",
    "odoo_cloud_status_rows": "How many lines of history are shown (`status`); 12 by default.",
    "odoo_cloud_clean_confirm": "The platform's name, to remove it (`clean`).",
    "odoo_cloud_clean_images": "Whether images are removed too (`clean`); true by default.",
    "odoo_serial": "How many replicas are replaced at the same time (`odoo`); 1 by default.",
}

# Parameters of the role odoo that aren't settings of an instance; its argument specs describe them.
ROLE = frozenset(
    {
        "odoo_code",
        "odoo_code_failures",
        "odoo_db_ca_certificate",
        "odoo_db_host",
        "odoo_db_login",
        "odoo_db_port",
        "odoo_db_socket",
        "odoo_delivered",
        "odoo_etc_hosts",
        "odoo_git_folder",
        "odoo_images",
        "odoo_instances",
        "odoo_known",
        "odoo_limits",
        "odoo_machine",
        "odoo_firewall",
        "odoo_name",
        "odoo_neighbours",
        "odoo_network_pool",
        "odoo_pulled",
        "odoo_redis",
        "odoo_rehearsal_copy",
        "odoo_rehearsal_network",
        "odoo_rehearsal_worst",
        "odoo_release_store",
        "odoo_releases_copied",
        "odoo_replica_instance",
        "odoo_replica_plan",
        "odoo_root",
        "odoo_run_always",
        "odoo_run_timeout",
        "odoo_storage",
        "odoo_wait_timeout",
    }
)

# Set by playbooks and roles themselves: hosts have these as variables after such a task.
FACTS = frozenset(
    {
        "odoo_cloud_limit",
        "odoo_cloud_machine",
        "odoo_code_sets",
        "odoo_compared",
        "odoo_delivered",
        "odoo_drained",
        "odoo_plans",
        "odoo_pulled",
        "odoo_rehearsals",
        "odoo_releases_copied",
        "odoo_results",
        "odoo_states",
    }
)

# Variables that an inventory may set, and others that hosts may have.
SETTABLE = frozenset({*settings.SETTINGS, *PLATFORM, *ROLE})
KNOWN = SETTABLE | FACTS

_SECRET = re.compile(r"pass|secret|token|key")
_SHOWN_HOSTS = 3


def problems(groups: Groups, hostvars: Hostvars) -> list[str]:
    """One line for each variable of replicas and machines that begins with `odoo_` and that nothing
    reads.

    Only values of refused variables are rendered.
    """
    found: dict[str, list[str]] = {}
    wrong: dict[str, list[str]] = {}
    hosts = _hosts(groups)
    for host in hosts:
        variables = hostvars[host]
        unknown = [name for name in variables if str(name).startswith(PREFIX) and name not in KNOWN]
        if OTHER_VARIABLES in variables:
            others = variables[OTHER_VARIABLES]
            if not isinstance(others, (list, tuple)):
                wrong.setdefault(repr(plain(others)), []).append(host)
                others = ()
            unknown = [name for name in unknown if name not in others]
        for name in unknown:
            found.setdefault(str(name), []).append(host)
    return [
        f"{OTHER_VARIABLES}={value} of {_named(members, hosts)}: give a list of names of variables"
        for value, members in wrong.items()
    ] + [_problem(name, found[name], hosts, hostvars) for name in sorted(found)]


def closest(name: str) -> str:
    """The variable that was probably meant; empty when none is similar."""
    for right in (name.replace("odoo_cloud_", "odoo_", 1), name.replace("odoo_", "odoo_cloud_", 1)):
        if right in SETTABLE:
            return right
    short = {one[len(PREFIX) :]: one for one in SETTABLE}
    match = difflib.get_close_matches(name[len(PREFIX) :], sorted(short), 1)
    return short[match[0]] if match else ""


def _problem(name: str, members: list[str], hosts: list[str], hostvars: Hostvars) -> str:
    meant = closest(name)
    value = ""
    with contextlib.suppress(Exception):  # a value that can't be rendered is refused all the same
        secret = meant in settings.SECRETS or _SECRET.search(name)
        value = f"={settings.HIDDEN if secret else plain(hostvars[members[0]][name])!r}"
    right = f"did you mean {meant}?" if meant else "leave it out"
    return (
        f"{name}{value} of {_named(members, hosts)}: there is no such variable; {right} (if it belongs to another role, name it in"
        f" {OTHER_VARIABLES}: [{name}])"
    )


def _named(members: list[str], hosts: list[str]) -> str:
    if len(members) == len(hosts) > 1:
        return "all hosts"
    shown = ", ".join(repr(one) for one in members[:_SHOWN_HOSTS])
    more = len(members) - _SHOWN_HOSTS
    return f"host{'s' if len(members) > 1 else ''} {shown}" + (f" and {more} more" if more > 0 else "")


def _hosts(groups: Groups) -> list[str]:
    """Replicas and machines, each once."""
    return list(
        dict.fromkeys(
            host for group in (ROOT_GROUP, *MACHINE_GROUPS, BUILDER_GROUP) for host in groups.get(group) or ()
        )
    )
