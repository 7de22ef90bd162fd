# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""What the modules `odoo_migration`, `odoo_update`, `odoo_module` and `anthem_song` share. They
differ in the environment that they give to a one-off container.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import posixpath
import re
import time
import typing as t

from .._engine import untrusted_text
from .._engine.api import Engine, EngineError, EngineUnreachable
from .._engine.comparison import PLATFORM_LABEL
from .._services import odoo_one_off
from . import events as _events
from . import failure, one_off, report

Env = dict[str, t.Optional[str]]
PLAN_TIMEOUT = 600
LOG_LINES = 40
MOST_TRIES = 100  # places in an output at which its JSON may begin
# How long a run that has the lock waits for the replicas to be stopped; each of them may take 60 s,
# all at a time
GO_AHEAD_SECONDS = 180
STOP_SECONDS = 150

SPEC: dict[str, dict[str, t.Any]] = {
    "instance": {"type": "str", "required": True},
    "platform": {"type": "str", "default": "odoo-cloud"},
    "definition": {"type": "dict"},
    "hooks": {"type": "str", "choices": ["changed", "always"]},
    "restore_point": {"type": "str", "choices": ["none", "auto", "clone", "dump"]},
    "on_failure": {"type": "str", "choices": ["hold", "rollback"]},
    "actor": {"type": "str"},
    "timeout": {"type": "int", "default": 7200},
    "wait": {"type": "bool", "default": True},
    "run": {"type": "str"},
    "events_file": {"type": "path"},
    "docker_host": {"type": "str"},
}


# For modules that change the database of running replicas
STOP_FIRST: dict[str, dict[str, t.Any]] = {"stop_first": {"type": "list", "elements": "str", "default": []}}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of one-off container: by default a run whose mode is in its environment."""

    suffix: str = "run"
    command: tuple[str, ...] = ()
    # Changes the instance's definition into one of this kind
    shape: t.Callable[[dict[str, t.Any]], dict[str, t.Any]] = dict
    # `read` turns the output of the command into return values; exit codes in `fine` are no failure
    read: t.Callable[[str, dict[str, t.Any]], dict[str, t.Any]] | None = None
    fine: tuple[int, ...] = (0,)
    reads: bool = False  # it changes nothing, so it also runs in check mode
    # The module's options by variable of the container; {} is the number of a step, from 0
    options: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


class RunFailed(Exception):
    """The run failed: the message is one line for operators, `found` further return values."""

    def __init__(self, message: str, **found: t.Any) -> None:
        super().__init__(message)
        self.found = found


def own_words(text: str, options: t.Mapping[str, str]) -> str:
    """A message of the container with the module's option names in place of variables.

    `options`: option by variable, see `Kind`.
    """
    for variable, option in options.items():
        text = re.sub(
            rf"\b{variable}(?::(\d+))?(?= is |: |=)",
            lambda match, option=option: option.format(int(match[1] or 1) - 1),  # type: ignore[misc]
            text,
        )
    return report.as_variables(text)


def switch(value: bool | None) -> str | None:
    """A boolean as a variable of the container; None stays None, which leaves the instance's value."""
    return None if value is None else str(bool(value))


def common_env(params: t.Mapping[str, t.Any]) -> Env:
    """The variables that all of these modules set."""
    return {
        "HOOKS": params["hooks"],
        "RESTORE_POINT": params["restore_point"],
        "ON_FAILURE": params["on_failure"],
        "ACTOR": params["actor"],
    }


class Run:
    """One use of such a module. Methods raise `RunFailed`, `OneOffError` and `EngineError`.

    `what`: what is done, the start of messages. `env` in methods: variables of the container by
    name.
    """

    def __init__(
        self, params: t.Mapping[str, t.Any], what: str, engine: Engine | None = None, kind: Kind | None = None
    ) -> None:
        self.params = params
        self.kind = kind or Kind()
        self.what = f"{what} of instance {params['instance']}"
        self.platform = str(params["platform"])
        self.engine = engine or Engine(params["docker_host"])
        self.stop_first = list(params.get("stop_first") or [])
        self._definition: dict[str, t.Any] | None = None

    @property
    def definition(self) -> dict[str, t.Any]:
        """The kept definition of the instance's one-off containers."""
        if self._definition is None:
            given = self.params["definition"]
            self._definition = (
                dict(given) if given else one_off.definition_of(self.engine, self.platform, self.params["instance"])
            )
        return self._definition

    def derived(self, suffix: str, env: t.Mapping[str, str | None], command: t.Sequence[str] = ()) -> dict[str, t.Any]:
        """The definition of this run's container.

        A variable that is None keeps the instance's value, an empty one is removed.
        """
        mine = self.definition.get("env") or {}
        modes = (odoo_one_off.INSTALL, odoo_one_off.UPDATE)
        variables: Env = {"MODE": mine["MODE"] if mine.get("MODE") in modes else odoo_one_off.UPDATE, "WAIT": "True"}
        for key, value in env.items():
            if value is not None:
                variables[key] = value or None
        if mine.get("MIGRATION_FILE") and env.get("MIGRATION_FILE") == "":
            # Its steps are not wanted, but songs in the same folder may be.
            variables["SONG_PATH"] = posixpath.dirname(mine["MIGRATION_FILE"].rstrip("/"))
        return odoo_one_off.derive(self.definition, self.platform, self.params["instance"], suffix, variables, command)

    def plan(self, env: t.Mapping[str, str | None]) -> dict[str, t.Any]:
        """What the run would do, found out without changing anything."""
        # An unreachable server is reported at once, not after minutes.
        definition = self.derived("plan", {**env, "DB_WAIT_TIMEOUT": "10"}, [one_off.PLAN])
        found = one_off.ask_plan(self.engine, definition, self.platform, min(self.params["timeout"], PLAN_TIMEOUT))
        try:
            plan = untrusted_text.parse(found["stdout"])
        except ValueError:
            plan = None
        if not isinstance(plan, dict):
            ended = {**found, "name": definition["name"], "exists": True, "running": False}
            message = failure.describe(ended, f"The plan of {self.what[:1].lower()}{self.what[1:]}").partition("\n")[0]
            raise RunFailed(
                own_words(message, self.kind.options) or f"The plan of {self.what} can't be read",
                log=tail(found["output"]),
            )
        refusal = report.refusal(plan)
        if refusal:
            raise RunFailed(f"{self.what}: {own_words(refusal, self.kind.options)}", plan=plan)
        if found["exit_code"]:
            raise RunFailed(f"The plan of {self.what} ended with exit code {found['exit_code']}", plan=plan)
        return plan

    def begin(self, env: t.Mapping[str, str | None]) -> tuple[one_off.Progress, bool]:
        """Starts the container, or finds a running one. Returns its progress, and whether it does
        `env`.
        """
        if self.replicas(running=True):
            env = {**env, "GO_AHEAD_TIMEOUT": str(GO_AHEAD_SECONDS)}
        definition = self.kind.shape(self.derived(self.kind.suffix, env, self.kind.command))
        return one_off.begin(self.engine, definition, self.platform, self.kind.suffix)

    # The replicas that must not serve during changes

    def replicas(self, running: bool) -> list[str]:
        """The containers in `stop_first` that belong to this platform and run, or that don't."""
        if not self.stop_first:
            return []
        found = []
        for container in self.engine.containers(label=[f"{PLATFORM_LABEL}={self.platform}"]):
            names = [str(name).lstrip("/") for name in container.get("Names") or []]
            if (container.get("State") == "running") == running:
                found += [name for name in names if name in self.stop_first]
        return sorted(found)

    def heed(self, found: one_off.Progress) -> None:
        """Stops the replicas of a run that has the lock and waits for that, then tells the run to
        go on.

        If this is interrupted, the next caller that follows the run does it.
        """
        if not self.stop_first or not found.running:
            return
        holds = _events.holds(found.events)
        # A runtime that is older than this collection does not wait.
        if not holds and not (_events.begun(found.events) and not _events.took_lock(found.events)):
            return
        self.stop_replicas(found)
        if holds:
            self.engine.signal(found.container, "SIGUSR1")

    def stop_replicas(self, found: one_off.Progress) -> None:
        """Stops the replicas in parallel.

        If one can't be stopped, ends the run, starts the others again and raises `RunFailed`.
        """
        names = self.replicas(running=True)
        if not names:
            return
        failed = ""
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            jobs = {name: pool.submit(self.engine.stop, name, STOP_SECONDS) for name in names}
            for name, job in jobs.items():
                error = job.exception()
                failed = failed or (f"{name} can't be stopped: {error}" if error else "")
        if failed:
            self.engine.stop(found.container)  # it has changed nothing yet
            self.start_replicas(names)
            raise RunFailed(f"{self.what}: {failed}; nothing was changed, the replicas serve as before", stopped=[])

    def start_replicas(self, names: t.Iterable[str]) -> None:
        """Starts containers that were stopped for a run."""
        for name in names:
            self.engine.start(name)

    def stopped(self, found: one_off.Progress, events: t.Sequence[_events.Event]) -> list[str]:
        """The replicas that are stopped because of this run.

        If the run ended before it changed anything, they are started again first.
        """
        if not self.stop_first or not (_events.took_lock(events) or _events.begun(events)):
            return []
        names = self.replicas(running=False)
        if not found.running and not _events.changed(events):
            self.start_replicas(names)
            return []
        return names

    def end_waiting(self, found: one_off.Progress) -> None:
        """Ends a run that has not begun within the time limit, so that it does not start unattended
        later.

        Raises `RunFailed` if it did so.
        """
        events = found.events
        if self.kind.suffix != "run" or not found.running or not events:
            return
        if _events.begun(events) or _events.took_lock(events):
            return
        self.engine.stop(found.container)
        events = _events.read(found.events_file)[0]
        if _events.begun(events):
            found.running = False  # it began in this moment; result() says how far it got
            return
        dummy, output = self.engine.output(found.container, 400)
        self.engine.remove(found.container)
        who = _events.awaited(events) or "somebody"
        first: t.Mapping[str, t.Any] = next((one for one in events if one.get("event") == "run_started"), {})
        waited = _events.seconds_since(first)
        serving = ", the replicas serve as before" if self.replicas(running=True) else ""
        raise RunFailed(
            f"{self.what}: {who} still works on database {first.get('database')} after {waited:.0f} s (timeout). Nothing was"
            f" changed{serving}; wait for its end or end that session, and run this again",
            **{**_events.result(events), "status": "waited"},
            running=False,
            stopped=[],
            events_file=found.events_file,
            log=tail(output),
        )

    def result(self, found: one_off.Progress, waited: float = 0.0) -> dict[str, t.Any]:
        """The result of a run that has ended. `waited`: seconds.

        Its container is removed if it did its work, else it is kept so that its log can be read.
        """
        events = _events.read(found.events_file)[0] if found.events_file else []
        if not found.exists:
            # Another caller that waited for the same run may have removed it, after it did its
            # work.
            result = {**_events.result(events), "events_file": found.events_file, "running": False}
            if result["status"] not in ("done", "nothing"):
                raise RunFailed(f"{self.what}: its container is gone; somebody removed it", **result)
            return {**result, "exit_code": 0, "log": [], "report": report.report(result)}
        stdout, output = self.engine.output(found.container, 0 if self.kind.read or not events else 400)
        ended = {
            "name": found.name,
            "exists": True,
            "running": found.running,
            "exit_code": found.exit_code,
            "oom_killed": found.oom_killed,
            "output": output,
            "waited": waited,
            "limit": "timeout",
        }
        result = {
            **_events.result(events),
            "run": found.container,
            "container": found.name,
            "running": found.running,
            "exit_code": found.exit_code,
            "events_file": found.events_file,
            "log": tail(output),
        }
        if self.stop_first:
            result["stopped"] = self.stopped(found, events)
        if self.kind.read is not None:
            result.update(self.kind.read(stdout, result))
        elif not events and found.exit_code == 0:  # a runtime without events: what it did isn't known
            if found.asked:
                raise RunFailed(
                    f"{self.what}: its runtime reported no events, so it knows nothing of {', '.join(found.asked)}; the image is older than"
                    " this collection, the playbook images builds a new one",
                    **result,
                )
            result.update(changed=True, status="done")
        result.setdefault("report", report.report(result))
        message = failure.describe(ended, self.what, result.pop("reason", "") or _events.failure(events))
        if message and found.exit_code not in self.kind.fine:
            raise RunFailed(own_words(message.partition("\n")[0], self.kind.options), **result)
        self.engine.remove(found.container)
        return result

    def to_the_end(self, env: t.Mapping[str, str | None]) -> dict[str, t.Any]:
        """Starts the container, or finds a running one, and waits for its end. Returns its result.

        Another run on the same instance is waited for first.
        """
        start = time.monotonic()
        while True:
            found, mine = self.begin(env)
            left = self.params["timeout"] - (time.monotonic() - start)
            file = found.events_file
            heed = self.heed if mine else None
            found = one_off.follow(self.engine, found.container, left, platform=self.platform, heed=heed)
            found.events_file = found.events_file or file
            if mine:
                self.end_waiting(found)
            if mine or found.running:
                return self.result(found, time.monotonic() - start)

    def is_mine(self, found: one_off.Progress, env: t.Mapping[str, str | None]) -> bool:
        """Whether a run that was started before does what `env` says."""
        try:
            definition = self.kind.shape(self.derived(self.kind.suffix, env, self.kind.command))
        except (one_off.OneOffError, EngineError):
            return False
        return found.request == one_off.request_of(definition)

    def collect(self, container: str, env: t.Mapping[str, str | None]) -> dict[str, t.Any]:
        """Waits for the end of a run that was started before. Returns its result.

        `container`: ID of its container.
        """
        found = one_off.follow(self.engine, container, self.params["timeout"], platform=self.platform, heed=self.heed)
        found.events_file = found.events_file or str(self.params["events_file"] or "")
        if self.is_mine(found, env):
            self.end_waiting(found)
        return self.result(found, self.params["timeout"])

    def step(self, container: str) -> dict[str, t.Any]:
        """Looks once at a run that was started before, and stops its replicas if it waits for that."""
        found = one_off.follow(self.engine, container, 0, platform=self.platform, heed=self.heed)
        return {
            "changed": False,
            "running": found.running,
            "run": found.container,
            "stopped": self.stopped(found, found.events),
        }


def last_json(stdout: str) -> dict[str, t.Any] | None:
    """The last JSON object in the output of a command; songs and hooks may have printed before it."""
    lines = stdout.splitlines()
    begins = [index for index in range(len(lines)) if lines[index] == "{"]
    for index in reversed(begins[-MOST_TRIES:]):
        try:
            found = untrusted_text.parse("\n".join(lines[index:]))
        except ValueError:
            continue
        return found if isinstance(found, dict) else None
    return None


def tail(output: str, lines: int = LOG_LINES) -> list[str]:
    """The last lines of a log."""
    return [line for line in output.splitlines() if line.strip()][-lines:]


def diff_of(modules: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, str]:
    """The versions of modules before and after, for diff mode."""
    texts = {}
    for side, key in (("before", "from"), ("after", "to")):
        texts[side] = "".join(f"{name}: {one.get(key)}\n" for name, one in sorted(modules.items()) if one.get(key))
    return {**texts, "before_header": "modules", "after_header": "modules"}


def execute(
    module: t.Any,
    what: str,
    env: Env,
    needed: t.Callable[[Run], Env | None] | None = None,
    kind: Kind | None = None,
    check: t.Callable[[dict[str, t.Any]], str] | None = None,
) -> None:
    """Runs a whole module of this kind, and exits or fails it.

    - `what`: what is done, the start of messages. `env`: variables of the container.
    - `needed`: looks at the run first, and returns the variables of the run, or None if none is
      needed.
    - `check`: looks at the result and returns what is wrong with it; empty when nothing is.
    """
    params = module.params
    try:
        run = Run(params, what, kind=kind)
        if params["run"]:
            asked = {**common_env(params), **env}
            result = run.collect(params["run"], asked) if params["wait"] else run.step(params["run"])
        elif module.check_mode and not run.kind.reads:
            result = _planned(run, {**common_env(params), **env}, needed)
        else:
            variables: Env | None = {**common_env(params), **env}
            if needed is not None:
                more = needed(run)
                variables = None if more is None else {**variables, **more}
            if variables is None:
                result = {"changed": False, "status": "nothing", "running": False, "modules": {}, "versions": []}
            elif params["wait"]:
                result = run.to_the_end(variables)
            else:
                found, mine = run.begin(variables)
                result = {
                    "changed": mine,
                    "running": found.running,
                    "run": found.container,
                    "container": found.name,
                    "ours": mine,
                    "events_file": found.events_file,
                }
    except RunFailed as error:
        module.fail_json(msg=str(error), **error.found)
    except (one_off.OneOffError, EngineError) as error:
        module.fail_json(msg=str(error))
    result["diff"] = diff_of(result.get("modules") or {})
    wrong = check(result) if check is not None and "exit_code" in result else ""
    if wrong:
        module.fail_json(msg=wrong, **result)
    module.exit_json(**result)


def _planned(run: Run, env: Env, needed: t.Callable[[Run], Env | None] | None) -> dict[str, t.Any]:
    try:
        if needed is not None:
            more = needed(run)
            if more is None:
                return {"changed": False, "status": "nothing", "plan": None, "modules": {}}
            env = {**env, **more}
        plan = run.plan(env)
    except (one_off.Missing, EngineUnreachable) as error:
        # The instance does not exist yet; earlier tasks would create it.
        return {"changed": True, "status": "planned", "plan": None, "modules": {}, "reason": str(error)}
    return {
        "changed": bool(plan.get("changed")),
        "status": "planned" if plan.get("changed") else "nothing",
        "plan": plan,
        "modules": report.planned_modules(plan),
        "report": report.plan_lines(plan),
    }
