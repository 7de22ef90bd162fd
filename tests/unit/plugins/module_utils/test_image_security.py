# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether images can get security updates, and which are pending. With a real apt: `make prove-walls PART=supply-updates`."""

from __future__ import annotations

import json

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import plan as image_plan
from ansible_collections.odoo_cloud.platform.plugins.module_utils._images import records, security

NOW = 1796000000  # 2026-11-30
LISTS = "/var/lib/apt/lists/mirror.example_debian"
MAIN = f"""{LISTS}_dists_trixie_InRelease:Origin: Debian
{LISTS}_dists_trixie_InRelease:Label: Debian
{LISTS}_dists_trixie_InRelease:Suite: stable
{LISTS}_dists_trixie_InRelease:Codename: trixie
{LISTS}_dists_trixie_InRelease:Date: Sat, 09 May 2026 09:00:00 UTC
"""
SECURITY = f"""{LISTS}-security_dists_trixie-security_InRelease:Label: Debian-Security
{LISTS}-security_dists_trixie-security_InRelease:Suite: stable-security
{LISTS}-security_dists_trixie-security_InRelease:Codename: trixie-security
{LISTS}-security_dists_trixie-security_InRelease:Valid-Until: %s
"""
FRESH, STALE = SECURITY % "Sun, 06 Dec 2026 09:00:00 UTC", SECURITY % "Thu, 20 Aug 2026 09:00:00 UTC"
SID_STALE = f"""{LISTS}_dists_sid_InRelease:Suite: unstable
{LISTS}_dists_sid_InRelease:Codename: sid
{LISTS}_dists_sid_InRelease:Valid-Until: Thu, 20 Aug 2026 09:00:00 UTC
"""


def output(sources, held="", packages="redis\t5:8.0\nlibc6\t2.41\n", now=NOW):
    return f"{packages}-- sources\n{sources}-- held\n{held}-- now\n{now}\n"


@pytest.mark.parametrize(
    ("text", "verdict", "reason", "gone"),
    [
        (output(MAIN + FRESH), "yes", "", []),
        (output(MAIN + FRESH + SID_STALE), "yes", "", ["sid 2026-08-20"]),
        (output(MAIN + STALE), "no", "frozen: trixie-security was valid until 2026-08-20", ["trixie-security 2026-08-20"]),
        (output(MAIN), "no", "its package sources have no security archive", []),
        (output(MAIN + FRESH, held="not all\nof them\n"), "no", "not all of them", []),
        ("redis\t5:8.0\n-- sources\n-- held\n-- now\n", "unknown", "it was built without apt", []),
        ("", "unknown", "it was built without apt", []),
    ],
)  # fmt: skip
def test_facts_of_what_apt_saw(text, verdict, reason, gone):
    found = security.facts(text)
    assert (found["security_updates"], found["release_expired"]) == (verdict, gone)
    assert reason in found["reason"] and bool(reason) == bool(found["reason"])
    assert security.of_labels(security.labels(found)) == found


def test_an_image_from_before_says_that_it_is_not_known():
    assert security.of_labels({"org.odoo-cloud.kind": "redis"})["security_updates"] == "unknown"
    assert security.of_labels(None)["reason"] == "it was built before this was recorded"


def test_report_is_a_line_for_each_reason():
    bad, good = security.facts(output(MAIN + STALE)), security.facts(output(MAIN + FRESH))
    lines = security.report({"redis": bad, "nginx": bad, "postgres": good})
    assert [line.partition(": ")[0] for line in lines] == ["nginx, redis", "nginx, redis"]
    assert "NO SECURITY UPDATES" in lines[1] and "2026-08-20" in lines[0]
    assert security.report({"postgres": good}) == []


LINES = """Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
Conf libssl3t64 (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
Inst tzdata [2026a] (2026c Debian:13.2/stable [all])
"""


def test_security_updates_are_told_from_others():
    assert [(one["name"], one["want"], one["security"]) for one in security.pending(LINES)] == [
        ("libssl3t64", "3.5.1-1+deb13u1", True),
        ("tzdata", "2026c", False),
    ]


def asked(name="redis", image="sha256:1", text="", **result):
    return {"image_item": {"key": name, "value": image}, "container": {"Output": text}, **result}


def test_a_look_keeps_since_when_until_the_image_is_another():
    first = security.looks([asked(text=output("", packages=LINES))], {}, "2026-11-01T00:00:00Z")
    again = security.looks([asked(text=output("", packages=LINES))], first, "2026-12-01T00:00:00Z")
    assert {one["since"] for one in again["redis"]["pending"]} == {"2026-11-01T00:00:00Z"}
    assert again["redis"]["looked_at"] == "2026-12-01T00:00:00Z"
    other = security.looks([asked(text=output("", packages=LINES), image="sha256:2")], again, "2026-12-02T00:00:00Z")
    assert {one["since"] for one in other["redis"]["pending"]} == {"2026-12-02T00:00:00Z"}


def test_a_look_that_failed_keeps_what_was_known():
    first = security.looks([asked(text=output("", packages=LINES))], {}, "2026-11-01T00:00:00Z")
    text = "E: The repository 'mirror.example trixie' is not signed.\n"
    after = security.looks([asked(text=text, msg="exit 100")], first, "2026-12-01T00:00:00Z")
    assert len(after["redis"]["pending"]) == 2 and after["redis"]["looked_at"] == "2026-11-01T00:00:00Z"
    assert security.look_errors(after) == [f"redis: apt could not be asked: {text.strip()}"]
    assert "LOOK FAILED" in security.updates_line(after["redis"]) and "2 updates" in security.updates_line(
        after["redis"]
    )
    assert security.look_errors(first) == []


def test_what_debian_has_newer():
    found = security.updates([{"container": {"Output": LINES}}, {"container": {"Output": LINES}}, {}])
    assert found["packages"] == ["libssl3t64 3.5.1-1+deb13u1", "tzdata 2026c"]
    assert found["digest"]
    assert security.updates([{"container": {"Output": ""}}]) == {"packages": [], "digest": ""}


def test_status_lines():
    look = security.looks([asked(text=output("", packages=LINES))], {}, "2026-11-01T09:30:00Z")["redis"]
    image = {"name": "redis", "built_at": "2026-10-01T08:00:00Z", "sbom": "", "updates": look, **security.of_labels({})}
    (line, sbom) = security.lines([image])
    assert line == (
        "redis: built 2026-10-01 08:00, security updates not known (it was built before this was recorded); "
        "2 updates pending (1 for security), since 2026-11-01 09:30, last looked 2026-11-01 09:30"
    )
    assert "playbook sbom" in sbom
    assert "nobody looked" in security.lines([{**image, "updates": None}])[0]


def test_records():
    item = {"name": "redis", "kind": "redis", "version": ""}
    image = image_plan.image_plan("shop", item, "shop/debian:trixie-1", "", "FROM base\n", [])
    results = [{"image_item": image, "container": {"Output": output(MAIN + STALE)}}]
    inspected = [{"Id": "sha256:1", "Created": "2026-01-01T00:00:00Z", "RepoTags": [image["tag"]]}]
    (file,) = records.records([image], inspected, results, "/srv/images")
    assert file["path"] == "/srv/images/redis.json"
    about = json.loads(file["content"])
    assert about["id"] == "sha256:1"
    assert about["packages"] == {"libc6": "2.41", "redis": "5:8.0"}
    assert about["from"] == "shop/debian:trixie-1"
    assert about["security_updates"] == "no" and about["release_expired"] == ["trixie-security 2026-08-20"]


def listed(tag, image, created, **labels):
    return {
        "Id": image,
        "RepoTags": [tag],
        "Created": created,
        "Labels": {f"org.odoo-cloud.{k}": v for k, v in labels.items()},
    }


def test_known_images_are_those_in_use_else_the_newest():
    images = [
        listed("shop/redis:1", "sha256:1", "2026-01-01", kind="redis"),
        listed("shop/redis:2", "sha256:2", "2026-02-01", kind="redis"),
        listed("shop/nginx:1", "sha256:3", "2026-01-01", kind="nginx"),
        listed("shop/nginx:2", "sha256:4", "2026-02-01", kind="nginx"),
        listed("shop/odoo-14:1", "sha256:5", "2026-02-01", kind="odoo"),
        listed("shop/odoo-19-code-1:1", "sha256:6", "2026-02-01", kind="code"),
        listed("shop/odoo-19-build:1", "sha256:7", "2026-02-01", kind="build"),
        listed("other/redis:1", "sha256:8", "2026-02-01", kind="redis"),
    ]
    looks = {"redis": {"id": "sha256:1", "pending": []}, "nginx": {"id": "sha256:3"}}
    found = records.known(images, {"sha256:1"}, "shop", ["redis", "nginx"], looks, {"sha256:4": "/b"})
    assert [one["id"] for one in found] == ["sha256:4", "sha256:6", "sha256:1"]
    assert [bool(one["updates"]) for one in found] == [False, False, True], "a look at another image is none"
    assert found[0]["sbom"] == "/b"


def test_security_of_a_plan_comes_from_labels():
    about = security.facts(output(MAIN + STALE))
    plan = [{"name": "redis", "tag": "shop/redis:1"}, {"name": "nginx", "tag": "shop/nginx:1"}]
    seen = [{"Id": "sha256:1", "RepoTags": ["shop/redis:1"], "Labels": security.labels(about)}]
    built = [{"Id": "sha256:2", "RepoTags": ["shop/nginx:1"], "Config": {"Labels": security.labels(about)}}]
    assert records.of_plan(plan, built, seen) == {"redis": about, "nginx": about}
    assert set(records.of_plan(plan, [], seen)) == {"redis"}
