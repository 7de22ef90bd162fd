# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import datetime
import json
import os

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine import comparison
from ansible_collections.odoo_cloud.platform.plugins.module_utils._engine.api import EngineConflict, EngineError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import module as run_module
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runs import one_off
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import odoo_one_off
from ansible_collections.odoo_cloud.platform.plugins.modules import (
    anthem_song,
    odoo_migration,
    odoo_module,
    odoo_rehearsal,
    odoo_rollback,
    odoo_static,
    odoo_update,
)


class Engine:
    """Containers of a test: what one does is a list of what is seen at each look at it."""

    def __init__(self, folder, **containers):
        self.folder = str(folder)
        self.there = dict(containers)
        self.made = []
        self.removed = []
        self.ends = 0  # looks until a new container has ended
        self.code = 0
        self.out = ""
        self.tell = []
        self.conflicts = 0
        self.volumes = None  # what the image declares

    def containers(self, **filters):
        return [one for one in self.there.values() if "Labels" in one]

    def container(self, name):
        found = self.there.get(name) or next((one for one in self.there.values() if one.get("Id") == name), None)
        if found is None or "State" not in found:
            return None
        if found["State"]["Running"] and found.get("looks", 0) <= 0:
            self.end(found)
        found["looks"] = found.get("looks", 0) - 1
        return json.loads(json.dumps(found))

    def end(self, found):
        found["State"] = {"Running": False, "Status": "exited", "ExitCode": found.get("code", self.code)}
        env = dict(one.partition("=")[::2] for one in found["Config"]["Env"])
        if "EVENTS_FILE" in env:
            path = os.path.join(self.folder, os.path.basename(env["EVENTS_FILE"]))
            with open(path, "a", encoding="utf-8") as stream:
                stream.writelines(json.dumps(event) + "\n" for event in self.tell)

    def image(self, reference):
        return None if reference == "none" else {"Id": reference, "Config": {"Volumes": self.volumes}}

    def create(self, name, content):
        if self.conflicts or name in self.there:
            self.conflicts -= 1
            raise EngineConflict("409")
        if any(mount.get("Source") == "/missing" for mount in content["HostConfig"]["Mounts"]):
            raise EngineError("Docker engine: POST x: 400 bind source path does not exist: /missing")
        self.made.append(content)
        mounts = [{"Source": one["Source"], "Destination": one["Target"]} for one in content["HostConfig"]["Mounts"]]
        self.there[name] = {
            "Id": f"id-{len(self.made)}",
            "Name": f"/{name}",
            "State": {"Running": False, "Status": "created"},
            "Config": {"Labels": content["Labels"], "Env": content["Env"]},
            "Mounts": mounts,
            "looks": self.ends,
        }
        return f"id-{len(self.made)}"

    def start(self, name):
        next(one for one in self.there.values() if one.get("Id") == name)["State"] = {"Running": True}

    def output(self, name, lines=0):
        return self.out, self.out

    def remove(self, name):
        self.removed.append(name)
        self.there = {key: one for key, one in self.there.items() if name not in (key, one.get("Id"))}


def params(**given):
    values = {name: option.get("default") for name, option in run_module.SPEC.items()}
    return {**values, "instance": "acme", "platform": "oc", "timeout": 5, **given}


def definition(folder, **given):
    return {
        "name": "oc-acme-run",
        "image": "sha256:1",
        "env": {"MODE": "UpdateOnly", "INSTANCE": "acme", "UPDATE": "changed", "MIGRATION_FILE": "/odoo/migration.yml"},
        "mounts": [
            {"type": "bind", "source": str(folder), "target": "/run/odoo-cloud"},
            {"type": "volume", "source": "oc-acme-data", "target": "/srv/odoo"},
        ],
        "tmpfs": ["/tmp"],
        "network": "oc",
        "cap_drop": ["ALL"],
        "read_only": True,
        **given,
    }


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(one_off, "POLL_SECONDS", 0)


@pytest.fixture
def run(tmp_path):
    return run_module.Run(params(definition=definition(tmp_path)), "The migration", Engine(tmp_path))


DONE = [
    {"event": "run_started", "run_id": "abc", "database": "acme"},
    {"event": "step_done", "version": "1.0.1", "step_id": "a", "kind": "song", "name": "s::a", "changed": True},
    {"event": "run_ended", "run_id": "abc", "status": "done", "code": 0},
]


def test_the_body_is_as_confined_as_the_definition(tmp_path):
    content = one_off.body(definition(tmp_path, user="8069:8069", security_opts=["no-new-privileges"]), "oc")
    host = content["HostConfig"]
    assert content["User"] == "8069:8069"
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges"])
    assert (host["NetworkMode"], host["Tmpfs"], host["RestartPolicy"]) == ("oc", {"/tmp": ""}, {"Name": "no"})
    assert host["Mounts"][1]["VolumeOptions"] == {"Labels": {"org.odoo-cloud.platform": "oc"}}
    assert content["Labels"]["org.odoo-cloud.platform"] == "oc"
    alone = one_off.body(definition(tmp_path, network_mode="none"), "oc")
    assert alone["HostConfig"]["NetworkMode"] == "none"


def test_one_that_stands_in_for_the_replicas_is_found_by_their_name(tmp_path):
    content = one_off.body(definition(tmp_path, network="oc", page_aliases=["acme.odoo"]), "oc")
    assert content["NetworkingConfig"] == {"EndpointsConfig": {"oc": {"Aliases": ["acme.odoo"]}}}
    assert "NetworkingConfig" not in one_off.body(definition(tmp_path), "oc")


def test_nothing_of_serving_is_left_in_a_one_off(tmp_path):
    replica = definition(tmp_path, aliases=["acme.odoo"], healthcheck={"test": []}, config_paths=["/x"])
    made = odoo_one_off.derive(replica, "oc", "acme", "plan", {"UPDATE": "all", "MIGRATION_FILE": None}, ["plan"])
    assert not {"aliases", "healthcheck", "config_paths"} & set(made)
    assert (made["command"], made["restart_policy"]) == (["plan"], "no")
    assert made["env"] == {"MODE": "UpdateOnly", "INSTANCE": "acme", "REPLICA": "acme-plan", "UPDATE": "all"}
    assert replica["env"]["MIGRATION_FILE"]  # the given one is left as it was


def test_two_that_ask_for_the_same_are_one(tmp_path):
    one, same, other = definition(tmp_path), definition(tmp_path), definition(tmp_path)
    same["env"].update(EVENTS_FILE="/run/odoo-cloud/x", GO_AHEAD_TIMEOUT="180")
    other["env"]["UPDATE"] = "all"
    assert one_off.request_of(one) == one_off.request_of(same) != one_off.request_of(other)


def test_it_is_run_and_its_result_told(run):
    run.engine.tell = DONE
    result = run.to_the_end({})
    assert (result["status"], result["changed"], result["exit_code"], result["run_id"]) == ("done", True, 0, "abc")
    assert result["report"][-1].startswith("1.0.1    song s::a  done")
    assert run.engine.removed == ["id-1"]
    env = dict(one.partition("=")[::2] for one in run.engine.made[0]["Env"])
    assert env["EVENTS_FILE"].startswith("/run/odoo-cloud/run-")
    assert (env["MODE"], env["WAIT"]) == ("UpdateOnly", "True")


def test_a_runtime_that_knows_no_steps_is_no_success(run):
    with pytest.raises(run_module.RunFailed, match="knows nothing of STEPS; the image is older than this collection"):
        run.to_the_end({"MIGRATION_FILE": "", "STEPS": "[]"})
    assert run.to_the_end({"MIGRATION_FILE": ""})["changed"] is True


def test_a_failed_one_is_kept_and_says_why(run):
    error = {"type": "ValueError", "message": "no"}
    failed = {"event": "step_failed", "version": "1", "kind": "song", "name": "s::a", "error": error}
    run.engine.tell, run.engine.code = [DONE[0], failed], 72
    with pytest.raises(run_module.RunFailed) as caught:
        run.to_the_end({})
    message = "The migration of instance acme ended with exit code 72 (installing or updating modules failed; the state is Failed)"
    assert str(caught.value) == f"{message}: step song s::a of version 1: ValueError: no"
    assert (caught.value.found["exit_code"], caught.value.found["status"]) == (72, "killed")
    assert run.engine.removed == []


def test_the_same_run_is_waited_for_not_started_again(run):
    run.engine.ends, run.engine.tell = 3, DONE
    first, mine = run.begin({})
    assert mine and first.running
    assert run.to_the_end({})["status"] == "done"
    assert len(run.engine.made) == 1


def test_another_run_is_waited_for_first(run):
    run.engine.ends = 3
    run.begin({"UPDATE": "all"})
    run.engine.tell = DONE
    again, mine = run.begin({})
    assert (again.running, mine) == (True, False)
    assert run.to_the_end({})["status"] == "done"
    assert len(run.engine.made) == 2
    assert "UPDATE=changed" in run.engine.made[1]["Env"]


def test_one_that_goes_on_is_no_success(run):
    run.params["timeout"] = 0
    run.engine.ends = 1000
    with pytest.raises(run_module.RunFailed, match="still at work after 0 s .timeout.. It goes on"):
        run.to_the_end({})
    assert run.engine.removed == []


class Serving(Engine):
    """The same with replicas that serve. A run here has the lock at its first look, and ends some looks after the go-ahead."""

    events = ({"event": "run_started", "run_id": "abc", "database": "acme"}, {"event": "lock_taken", "seconds": 180})

    def __init__(self, folder, *replicas, **keywords):
        super().__init__(folder)
        labels = {"org.odoo-cloud.platform": "oc"}
        for name in replicas:
            self.there[name] = {"Id": f"id-{name}", "Names": [f"/{name}"], "State": "running", "Labels": labels}
        self.order = []
        self.ends = 1000
        self.cannot_stop = ""
        vars(self).update(keywords)

    def container(self, name):
        found = super().container(name)
        if found is not None and found["State"]["Running"] and not self.written(found):
            self.write(found, self.events)
        return found

    def path(self, found):
        env = dict(one.partition("=")[::2] for one in found["Config"]["Env"])
        return os.path.join(self.folder, os.path.basename(env["EVENTS_FILE"]))

    def written(self, found):
        return os.path.exists(self.path(found))

    def write(self, found, events):
        with open(self.path(found), "a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(event) + "\n" for event in events)

    def stop(self, name, limit=120.0):
        self.order.append(f"stop {name}")
        if name == self.cannot_stop:
            raise EngineError("no")
        for found in self.there.values():
            if name in (found.get("Id"), *(one.lstrip("/") for one in found.get("Names", ()))):
                found["State"] = (
                    "exited" if "Names" in found else {"Running": False, "Status": "exited", "ExitCode": 143}
                )

    def start(self, name):
        self.order.append(f"start {name}")
        if name in self.there:
            self.there[name]["State"] = "running"
        else:
            super().start(name)

    def signal(self, name, number):
        self.order.append(f"{number} to {name}")
        found = next(one for one in self.there.values() if one.get("Id") == name)
        self.tell = [{"event": "go_ahead"}, {"event": "plan"}, *DONE[1:]]
        found["looks"] = 0


def serving(tmp_path, *replicas, stop_first=("oc-acme-1", "oc-acme-2"), **keywords):
    engine = Serving(tmp_path, *(replicas or ("oc-acme-1", "oc-acme-2", "oc-other-1")), **keywords)
    given = params(definition=definition(tmp_path), stop_first=list(stop_first))
    return run_module.Run(given, "The migration", engine)


def test_replicas_are_stopped_when_the_run_has_the_lock(tmp_path):
    run = serving(tmp_path)
    result = run.to_the_end({})
    assert "GO_AHEAD_TIMEOUT=180" in run.engine.made[0]["Env"]
    assert sorted(run.engine.order[1:3]) == ["stop oc-acme-1", "stop oc-acme-2"]
    assert (run.engine.order[0], run.engine.order[3]) == ("start id-1", "SIGUSR1 to id-1")
    assert (result["status"], result["stopped"]) == ("done", ["oc-acme-1", "oc-acme-2"])


def test_replicas_serve_when_nothing_is_changed(tmp_path):
    run = serving(tmp_path, events=DONE[:1], ends=2, tell=[{"event": "run_ended", "status": "nothing"}])
    result = run.to_the_end({})
    assert (result["status"], result["stopped"], run.engine.order) == ("nothing", [], ["start id-1"])


@pytest.mark.parametrize("stop_first", [(), ("oc-acme-7",)])
def test_without_replicas_nobody_has_to_say_anything(tmp_path, stop_first):
    run = serving(tmp_path, stop_first=stop_first, ends=1, events=DONE[:1], tell=DONE[1:])
    assert run.to_the_end({})["status"] == "done"
    assert not [one for one in run.engine.made[0]["Env"] if one.startswith("GO_AHEAD")]
    assert run.engine.order == ["start id-1"]


def test_a_killed_one_is_taken_up_where_it_was(tmp_path):
    run = serving(tmp_path)
    run.begin({})
    run.engine.stop("oc-acme-1")  # and then the module was killed
    again = run_module.Run(run.params, "The migration", run.engine)
    assert again.to_the_end({})["stopped"] == ["oc-acme-1", "oc-acme-2"]
    assert len(run.engine.made) == 1 and run.engine.order[-2:] == ["stop oc-acme-2", "SIGUSR1 to id-1"]


def test_a_step_of_a_run_that_is_followed_by_somebody_else(tmp_path):
    run = serving(tmp_path)
    found, dummy = run.begin({})
    step = run.step(found.container)
    assert step["stopped"] == ["oc-acme-1", "oc-acme-2"] and run.engine.order[-1] == "SIGUSR1 to id-1"
    assert run.collect(found.container, {})["status"] == "done"


def test_one_that_can_not_be_stopped_ends_the_run(tmp_path):
    run = serving(tmp_path, cannot_stop="oc-acme-2")
    with pytest.raises(run_module.RunFailed, match="oc-acme-2 can't be stopped: no; nothing was changed") as caught:
        run.to_the_end({})
    assert caught.value.found["stopped"] == [] and "stop id-1" in run.engine.order
    assert not [one for one in run.engine.order if one.startswith("SIGUSR1")]
    assert run.replicas(running=True) == ["oc-acme-1", "oc-acme-2"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (86, []),
        (65, [{"event": "go_ahead"}, {"event": "plan"}]),
        (72, [{"event": "go_ahead"}, {"event": "plan"}, {"event": "state"}]),
    ],
    ids=["no go-ahead", "refused before the first change", "failed"],
)
def test_a_run_that_ended_before_it_changed_anything_leaves_replicas_that_serve(tmp_path, code, told):
    run = serving(tmp_path)
    run.begin({})
    run.engine.stop("oc-acme-1")
    run.engine.there["oc-acme-run"].update(looks=0, code=code)
    run.engine.tell = [*told, {"event": "run_ended", "status": "failed", "code": code, "error": "so it is"}]
    with pytest.raises(run_module.RunFailed, match=f"exit code {code}") as caught:
        run.collect("id-1", {})
    if len(told) == 3:  # the database may not be open any more
        assert caught.value.found["stopped"] == ["oc-acme-1"]
        return
    assert caught.value.found["stopped"] == [] and run.replicas(running=True) == ["oc-acme-1", "oc-acme-2"]


def test_a_runtime_that_does_not_wait_finds_them_stopped_all_the_same(tmp_path):
    run = serving(tmp_path, events=[DONE[0], {"event": "plan"}], ends=2, tell=DONE[1:])
    assert run.to_the_end({})["stopped"] == ["oc-acme-1", "oc-acme-2"]
    assert not [one for one in run.engine.order if one.startswith("SIGUSR1")]


AWAITED = {
    "event": "lock_awaited",
    "holder": "odoo-cloud UpdateOnly run=x host=h (backend 7, since 2026)",
    "database": "acme",
}


def test_a_run_that_gets_no_lock_is_ended_and_the_replicas_serve(tmp_path):
    run = serving(tmp_path, events=[DONE[0], AWAITED])
    run.params["timeout"] = 0
    with pytest.raises(run_module.RunFailed) as caught:
        run.to_the_end({})
    assert str(caught.value) == (
        "The migration of instance acme: odoo-cloud UpdateOnly run=x host=h (backend 7, since 2026) still works on database acme"
        " after 0 s (timeout). Nothing was changed, the replicas serve as before; wait for its end or end that session, and run this again"
    )
    assert caught.value.found["status"] == "waited" and run.engine.removed == ["id-1"]
    assert run.engine.order == ["start id-1", "stop id-1"]


@pytest.mark.parametrize("kind", ["lock_awaited", "lock_taken"])
def test_a_run_of_somebody_else_is_neither_ended_nor_answered(tmp_path, kind):
    run = serving(tmp_path, events=[DONE[0], {**AWAITED, "event": kind}])
    run.begin({"UPDATE": "all"})
    run.params["timeout"] = 0
    waits = [lambda: run.to_the_end({})]
    if kind == "lock_awaited":  # whoever names a run and its replicas means it
        waits.append(lambda: run.collect("id-1", {}))
    for wait in waits:
        with pytest.raises(run_module.RunFailed, match="still at work"):
            wait()
    assert run.engine.order == ["start id-1"]


def test_a_run_that_works_is_not_ended(tmp_path):
    run = serving(tmp_path, events=[DONE[0], {"event": "plan"}], stop_first=())
    run.params["timeout"] = 0
    with pytest.raises(run_module.RunFailed, match="It goes on"):
        run.to_the_end({})
    assert run.engine.order == ["start id-1"]


def test_a_name_that_is_taken_meanwhile_is_tried_again(run):
    run.engine.conflicts, run.engine.tell = 2, DONE
    assert run.to_the_end({})["exit_code"] == 0
    run.engine.conflicts = 9
    with pytest.raises(one_off.OneOffError, match="again and again"):
        run.to_the_end({})


def test_a_container_of_somebody_else_is_left_alone(run):
    run.engine.there["oc-acme-run"] = {"Id": "x", "State": {"Running": False}, "Config": {"Labels": {}}}
    with pytest.raises(one_off.OneOffError, match="did not create"):
        run.to_the_end({})
    assert run.engine.removed == []


def test_the_result_is_in_the_events_when_somebody_else_was_faster(run, tmp_path):
    path = tmp_path / "run-x.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in DONE))
    run.params["events_file"] = str(path)
    assert run.collect("gone", {})["status"] == "done"
    path.write_text(json.dumps(DONE[0]) + "\n")
    with pytest.raises(run_module.RunFailed, match="somebody removed it"):
        run.collect("gone", {})


def test_a_plan_only_asks(run):
    run.engine.out = json.dumps({"database": "acme", "changed": False})
    assert run.plan({})["changed"] is False
    content = run.engine.made[0]
    assert content["Cmd"] == ["plan"]
    assert not [one for one in content["Env"] if one.startswith("EVENTS_FILE")]
    assert list(run.engine.there) == []


def test_a_plan_that_is_refused_fails(run):
    refusal = {"reason": "2 versions", "decisions": [{"command": "allow_serie=true", "effect": "runs both"}]}
    run.engine.out = json.dumps({"changed": True, "migration": {"refusal": refusal}})
    with pytest.raises(run_module.RunFailed, match="acme: 2 versions; decide: allow_serie=true"):
        run.plan({})


def test_a_plan_that_says_nothing_fails_with_its_last_error(run):
    run.engine.out = "2026-01-01 00:00:00,000 1 ERROR odoo-cloud: DB_NAME is missing\n"
    run.engine.code = 78
    with pytest.raises(run_module.RunFailed, match="exit code 78 .*: DB_NAME is missing$"):
        run.plan({})


def test_what_is_not_there_yet(tmp_path):
    def planned(**given):
        run = run_module.Run(params(definition=definition(tmp_path, **given)), "x", Engine(tmp_path))
        return run_module._planned(run, {}, None)

    assert planned(image="none")["changed"] is True
    mounts = [{"type": "bind", "source": "/missing", "target": "/etc/odoo"}]
    assert planned(mounts=mounts)["reason"].endswith("the folder /missing is not there; the playbook odoo creates it")


def test_the_definition_is_the_one_that_the_role_left(tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    replica = definition(tmp_path, healthcheck={"test": []}, image="old")
    replica["mounts"] = [{"type": "bind", "source": str(config), "target": "/etc/odoo"}]
    labels = {comparison.PLATFORM_LABEL: "oc", comparison.DEFINITION_LABEL: json.dumps(replica)}
    engine = Engine(tmp_path, a={"Names": ["/oc-acme-1"], "Created": 1, "Labels": labels})
    assert one_off.definition_of(engine, "oc", "acme")["image"] == "old"
    (tmp_path / "one-off.json").write_text(json.dumps({"image": "new"}))
    assert one_off.definition_of(engine, "oc", "acme")["image"] == "new"
    with pytest.raises(one_off.Missing, match=r"instance='acne': no container .* \(there are acme\)"):
        one_off.definition_of(engine, "oc", "acne")
    with pytest.raises(one_off.Missing, match="run the playbook odoo first"):
        one_off.definition_of(Engine(tmp_path), "oc", "acme")


def test_old_event_files_are_removed(tmp_path):
    for number in range(25):
        (tmp_path / f"run-2026112{number // 10}T00000{number % 10}-ab.ndjson").write_text("")
    (tmp_path / "other.txt").write_text("")
    one_off.prune(str(tmp_path), "run", 20)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 21
    assert names[1] == "run-20261120T000005-ab.ndjson"
    moment = datetime.datetime(2026, 11, 25, 10, 45, tzinfo=datetime.timezone.utc)
    assert one_off.event_file_name("run", moment).startswith("run-20261125T104500-")


def test_what_each_module_asks_for():
    migration = dict.fromkeys(
        ("migration_file", "mode", "allow_serie", "force_version", "next", "update", "install_missing")
    )
    assert set(odoo_migration.environment(migration).values()) == {None}
    told = odoo_migration.environment({**migration, "allow_serie": False, "update": ["a", "b"], "migration_file": ""})
    assert (told["MIGRATION_ALLOW_SERIE"], told["UPDATE"], told["MIGRATION_FILE"]) == ("False", "a,b", "")
    update = odoo_update.environment({"modules": ["changed"], "install_missing": False})
    assert update == {"UPDATE": "changed", "INSTALL_MISSING": "False", "MIGRATION_FILE": ""}
    absent = odoo_module.environment({"state": "absent", "name": ["a"]})
    assert (json.loads(absent["STEPS"]), absent["UPDATE"]) == ([{"uninstall": ["a"]}], "none")
    assert json.loads(odoo_module.environment({"state": "latest", "name": ["a"]})["STEPS"]) == [{"install": ["a"]}]
    song = {"song": "a.b::c", "kwargs": {"x": 1}, "song_timeout": None, "songs": None, "data_path": None}
    assert anthem_song.steps(song) == [{"song": "a.b::c", "kwargs": {"x": 1}}]
    songs = [{"song": "a::b", "kwargs": None, "timeout": 3.0}]
    assert anthem_song.steps({**song, "song": None, "songs": songs}) == [{"song": "a::b", "timeout": 3.0}]


def test_latest_updates_only_what_changed_itself(run):
    plan = {"changed": True, "update": ["a", "b", "c"], "reasons": {"a": "content", "c": "content"}}
    run.engine.out = json.dumps(plan)
    given = {**params(), "state": "latest", "name": ["a", "b"]}
    assert odoo_module.needed(given, run) == {"UPDATE": "a"}
    run.engine.out = json.dumps({**plan, "reasons": {"c": "content"}})
    assert odoo_module.needed(given, run) == {"UPDATE": "none"}


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ("UPDATE is 'shop': module 'shop'", {"UPDATE": "modules"}, "modules is 'shop': module 'shop'"),
        ("STEPS:1: there is no module 'x'", {"STEPS": "name"}, "name: there is no module 'x'"),
        ("STEPS:2: songs has no function x", {"STEPS": "songs[{}]"}, "songs[1]: songs has no function x"),
        (
            "the steps of STEPS, LAST_UPDATE is it",
            {"STEPS": "name", "UPDATE": "x"},
            "the steps of STEPS, LAST_UPDATE is it",
        ),
        ("decide: MIGRATION_ALLOW_SERIE=true", {}, "decide: odoo_migration_allow_serie=true"),
    ],
)
def test_variables_are_called_as_people_gave_them(text, options, wanted):
    assert run_module.own_words(text, options) == wanted


def test_a_wrong_name_is_told_by_the_modules_option(run):
    run.kind = run_module.Kind(options={"STEPS": "name"})
    run.engine.out = json.dumps({"migration": {"problems": [{"file": "STEPS", "line": 1, "message": "no 'x'"}]}})
    with pytest.raises(run_module.RunFailed, match=r"instance acme: name: no 'x'$"):
        run.plan({})


def test_songs_beside_a_migration_file_are_found_without_it(run):
    env = run.derived("run", {"MIGRATION_FILE": "", "STEPS": "[]"})["env"]
    # Last of all folders: in PYTHONPATH what lies there would come before Python's and Odoo's own.
    assert env["SONG_PATH"] == "/odoo" and not {"MIGRATION_FILE", "PYTHONPATH"} & set(env)
    assert "SONG_PATH" not in run.derived("run", {})["env"]


def test_a_variable_that_is_empty_is_taken_away(run):
    made = run.derived("run", {"MIGRATION_FILE": "", "UPDATE": None, "STEPS": "[]"})
    assert "MIGRATION_FILE" not in made["env"]
    assert (made["env"]["UPDATE"], made["env"]["STEPS"]) == ("changed", "[]")
    installing = definition("/x")
    installing["env"]["MODE"] = "InstallOnly"
    other = run_module.Run(params(definition=installing), "x", run.engine)
    assert other.derived("run", {})["env"]["MODE"] == "InstallOnly"
    installing["env"]["MODE"] = "RunOnly"
    assert other.derived("run", {})["env"]["MODE"] == "UpdateOnly"


KEEPER = {"user": "acme_keeper", "secrets": "/srv/oc/secrets/acme-admin"}


def rehearsed(folder, network="", **env):
    given = definition(folder, keeper=KEEPER, etc_hosts={"pg": "10.0.0.1"}, tmpfs=["/tmp", "/srv/odoo:uid=8069"])
    given["mounts"] += [
        {"type": "bind", "source": "/srv/oc/secrets/acme", "target": "/run/secrets", "read_only": True},
        {"type": "bind", "source": "/srv/oc/postgres/socket", "target": "/run/postgresql"},
        {"type": "bind", "source": "/srv/oc/static/acme", "target": "/srv/static/acme"},
    ]
    given["env"].update(
        INSTANCE="acme",
        DB_HOST="/run/postgresql", DB_PASSWORD_FILE="/run/secrets/db_password", ADMIN_PASSWORD_FILE="/run/secrets/admin_password",
        STATIC_DIR="/srv/static", **env,
    )  # fmt: skip
    return odoo_one_off.for_rehearsal(given, network)


def test_a_rehearsal_reaches_nothing_but_the_database(tmp_path):
    shaped = rehearsed(tmp_path)
    assert one_off.body(shaped, "oc")["HostConfig"]["NetworkMode"] == "none"
    assert "etc_hosts" not in shaped
    mounts = {mount["target"]: mount.get("source") for mount in shaped["mounts"]}
    assert mounts == {
        "/run/odoo-cloud": str(tmp_path),
        "/run/secrets/db_password": "/srv/oc/secrets/acme/db_password",
        "/run/secrets-admin/db_keeper_password": "/srv/oc/secrets/acme-admin/db_keeper_password",
        "/run/postgresql": "/srv/oc/postgres/socket",
        "/srv/odoo": None,
    }
    assert shaped["tmpfs"] == ["/tmp"]
    env = shaped["env"]
    assert not {"ADMIN_PASSWORD_FILE", "STATIC_DIR"} & set(env)
    assert (env["DB_ADMIN_USER"], env["REHEARSAL_DIR"]) == ("acme_keeper", "/srv/odoo")


def static_definition(folder):
    given = definition(folder, keeper=KEEPER, etc_hosts={"pg": "10.0.0.1"}, network="oc")
    given["mounts"] += [
        {"type": "bind", "source": "/srv/oc/acme/config", "target": "/etc/odoo", "read_only": True},
        {"type": "bind", "source": "/srv/oc/secrets/acme", "target": "/run/secrets", "read_only": True},
        {"type": "bind", "source": "/srv/oc/secrets/acme-admin", "target": "/run/secrets-admin", "read_only": True},
        {"type": "bind", "source": "/srv/oc/postgres/socket", "target": "/run/postgresql"},
        {"type": "bind", "source": "/srv/acme/addons", "target": "/mnt/extra-addons", "read_only": True},
        {"type": "volume", "source": "oc-acme-data", "target": "/srv/odoo"},
        {"type": "bind", "source": "/srv/oc/static/acme", "target": "/srv/static/acme"},
    ]
    given["env"].update(
        INSTANCE="acme", STATIC_DIR="/srv/static", DB_PASSWORD_FILE="/run/secrets/db_password", RELEASE="1"
    )
    return given


def test_volumes_that_an_image_declares_are_covered(tmp_path):
    """Else the engine makes one on the disk, which can be written although the container is read-only, and stays."""
    engine = Engine(tmp_path)
    engine.volumes = {"/var/lib/odoo": {}, "/mnt/extra-addons": {}, "/srv/odoo": {}}
    given = definition(tmp_path, read_only=True, tmpfs=["/tmp:size=1m"])
    given["mounts"].append({"type": "volume", "source": "oc-acme-data", "target": "/srv/odoo"})
    one_off.start(engine, given, "oc")
    assert engine.made[0]["HostConfig"]["Tmpfs"] == {
        "/tmp": "size=1m",
        "/var/lib/odoo": "ro,size=4k,mode=0555",
        "/mnt/extra-addons": "ro,size=4k,mode=0555",
    }


@pytest.mark.parametrize("look", [False, True])
def test_what_copies_static_files_has_no_secrets_no_network_and_writes_nowhere_else(tmp_path, look):
    shaped = odoo_one_off.for_static(static_definition(tmp_path), look)
    assert {mount["target"]: bool(mount.get("read_only")) for mount in shaped["mounts"]} == {
        "/etc/odoo": True, "/mnt/extra-addons": True, "/srv/odoo": True, "/srv/static/acme": look,
    }  # fmt: skip
    assert one_off.body(shaped, "oc")["HostConfig"]["NetworkMode"] == "none"
    assert "keeper" not in shaped and "etc_hosts" not in shaped
    assert "DB_PASSWORD_FILE" not in shaped["env"]
    assert (shaped["env"]["STATIC_DIR"], shaped["env"]["INSTANCE"], shaped["env"]["RELEASE"]) == (
        "/srv/static",
        "acme",
        "1",
    )


def test_a_replica_has_no_static_files_to_copy(tmp_path):
    with pytest.raises(one_off.Missing, match="oc-acme-run: it has no folder for static files"):
        odoo_one_off.for_static(definition(tmp_path))


def test_what_the_copy_of_static_files_printed():
    assert odoo_static.read('{\n  "release": "19-ab",\n  "changed": false\n}\n', {}) == {
        "release": "19-ab", "changed": False, "report": [],
    }  # fmt: skip
    assert "release" not in odoo_static.read("", {})


def test_a_rehearsal_over_tcp_needs_a_network_of_its_own(tmp_path):
    given = definition(tmp_path)
    given["env"]["DB_HOST"] = "pg"
    with pytest.raises(one_off.OneOffError, match="give an internal network"):
        odoo_one_off.for_rehearsal(given)
    assert odoo_one_off.for_rehearsal(given, "inside")["network_mode"] == "inside"


def test_a_rehearsals_result_is_behind_what_songs_print():
    found = {"class": "breaking", "ok": True, "seconds": 41.2, "estimate_seconds": 44, "error": "", "locks": [],
             "changes": [{"what": "column", "where": "shop.note", "detail": "dropped", "breaking": True}]}  # fmt: skip
    result = odoo_rehearsal.read("a song says {\n" + json.dumps(found, indent=2) + "\n", {})
    assert result["rehearsal"] == found
    assert result["report"] == [
        "breaking, 41 s on the copy, about 44 s for the real run",
        "BREAKING: column shop.note: dropped",
    ]
    assert odoo_rehearsal.too_bad(result, "breaking") == ""
    assert odoo_rehearsal.too_bad(result, "additive") == "worst='additive': the update is breaking; see report"
    assert odoo_rehearsal.read("nothing", {}) == {"rehearsal": None, "report": []}


LOSS = 'minutes since then: 42\nto do it: odoo-cloud rollback --confirm "lose 42 minutes of acme"\n'


def test_a_rollback_is_confirmed_by_a_person():
    asked = odoo_rollback.read(LOSS, {"exit_code": 85})
    assert (asked["changed"], asked["confirm"], asked["reason"]) == (False, "lose 42 minutes of acme", "")
    wrong = odoo_rollback.read("--confirm is 'x': it must name the minutes\n" + LOSS, {"exit_code": 85})
    assert wrong["reason"].endswith("right is confirm: lose 42 minutes of acme")
    done = odoo_rollback.read("database 'acme' is the one of then again\n", {"exit_code": 0})
    assert (done["changed"], done["confirm"], done["status"]) == (True, "", "rolled_back")
    planned = odoo_rollback.read("--confirm has the right words\n", {"exit_code": 0}, True)
    assert (planned["changed"], planned["status"]) == (True, "planned")


def test_a_rollback_that_only_asks_is_no_failure(tmp_path):
    engine = Engine(tmp_path)
    engine.out, engine.code = LOSS, 85
    given = params(definition=definition(tmp_path, keeper=KEEPER))
    kind = run_module.Kind(
        suffix="rollback", command=("rollback",), shape=odoo_one_off.with_keeper, read=odoo_rollback.read, fine=(0, 85)
    )
    result = run_module.Run(given, "The rollback", engine, kind).to_the_end({})
    assert (result["confirm"], result["report"]) == ("lose 42 minutes of acme", LOSS.splitlines())
    assert engine.made[0]["Cmd"] == ["rollback"]
    with pytest.raises(run_module.RunFailed, match="exit code 85"):
        run_module.Run(given, "x", engine, dataclasses.replace(kind, fine=(0,))).to_the_end({})
