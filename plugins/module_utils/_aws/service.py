# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the AWS modules share: clients, typed errors, waiting, comparison, tags. PRIVATE to the
collection.
"""

from __future__ import annotations

import re
import time
import typing as t

Tags = dict[str, str]


# -- errors --------------------------------------------------------------------------------------------------------------------


class AwsFailure(Exception):
    """A request failed. The message is one line for operators, `code` is the error code of AWS."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class AwsUnreachable(AwsFailure):
    """The endpoint does not answer."""


class AwsDenied(AwsFailure):
    """The keys are wrong or lack a permission."""


class AwsMissing(AwsFailure):
    """The requested resource does not exist."""


class AwsConflict(AwsFailure):
    """A resource of that name exists already, or another resource still needs this one."""


class AwsInvalid(AwsFailure):
    """AWS, or its service model, rejects a value."""


class AwsTimeout(AwsFailure):
    """The resource was not ready within `wait_timeout`."""


class AwsBroken(AwsFailure):
    """A resource is in a state from which it can't become ready."""


class AwsForeign(AwsFailure):
    """A resource has the right name but lacks the owner's tags."""


_DENIED = re.compile(
    r"AccessDenied|UnauthorizedOperation|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|ExpiredToken|AuthFailure"
    r"|MissingAuthenticationToken|InvalidSignature"
)
_MISSING = re.compile(r"NotFound|NoSuch|DoesNotExist|InvalidDocument$")
_CONFLICT = re.compile(r"AlreadyExists|ResourceDependency|ResourceInUse|DuplicateDocument|RepositoryNotEmpty|^Conflict")
# DataSync uses one code for every error, so the text of the message decides.
_MISSING_WORDS = re.compile(r"(location|task) .*(not found|does ?n[o']t exist)|(not found|does ?n[o']t exist)", re.I)
_UNSETTLED = re.compile(r"assum|instance ?profile|iam role|role.*(exist|valid|perm)|access.*role", re.I)


def translate(error: Exception, doing: str) -> AwsFailure:
    """An exception of botocore as an `AwsFailure`. `doing`: what was being done, the start of its
    message.
    """
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):
        about = answer.get("Error") or {}
        code = str(about.get("Code") or "")
        text = " ".join(str(about.get("Message") or about.get("message") or error).split())
        kind: type[AwsFailure] = AwsInvalid
        if _DENIED.search(code):
            kind = AwsDenied
            text += "; give this identity the permission, or other keys (profile, access_key)"
        elif _MISSING.search(code) or (code == "InvalidRequestException" and _MISSING_WORDS.search(text)):
            kind = AwsMissing
        elif _CONFLICT.search(code):
            kind = AwsConflict
        return kind(f"{doing}: {code}: {text}", code)
    text = " ".join(str(error).split())
    name = type(error).__name__
    if name in (
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ConnectionClosedError",
        "SSLError",
    ):
        return AwsUnreachable(f"{doing}: {text}", name)
    if name in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"):
        return AwsDenied(
            f"{doing}: {text}; give profile, or access_key and secret_key, or set them in the environment", name
        )
    if name == "NoRegionError":
        return AwsInvalid(f"region: {text} Give region=eu-central-1 or set AWS_REGION", name)
    return AwsInvalid(f"{doing}: {text}", name)


# -- clients -------------------------------------------------------------------------------------------------------------------


def connection_spec() -> dict[str, t.Any]:
    """The argument spec of the options in the doc fragment `aws`."""
    return {
        "region": {"type": "str"},
        "profile": {"type": "str"},
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "session_token": {"type": "str", "no_log": True},
        "endpoint_url": {"type": "str"},
        "validate_certs": {"type": "bool", "default": True},
        "aws_ca_bundle": {"type": "path"},
        "tags": {"type": "dict"},
        "owner_tags": {"type": "dict", "default": {}},
        "wait_timeout": {"type": "int", "default": 300},
    }


def make_client(params: t.Mapping[str, t.Any], service: str) -> t.Any:
    """A boto3 client for the module options of `connection_spec`. `service`: its name in boto3.

    Raises `AwsFailure` when boto3 is missing or the options don't lead to usable keys or a region.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise AwsFailure(
            f"boto3: can't be imported ({error}); pip install boto3 for the Python that runs the module"
        ) from None
    if bool(params.get("access_key")) != bool(params.get("secret_key")):
        raise AwsDenied("access_key and secret_key: give both, or neither to use the profile or the environment")
    try:
        session = boto3.session.Session(
            aws_access_key_id=params.get("access_key") or None,
            aws_secret_access_key=params.get("secret_key") or None,
            aws_session_token=params.get("session_token") or None,
            profile_name=params.get("profile") or None,
        )
        region = params.get("region") or _environment_region() or session.region_name
        verify = params.get("aws_ca_bundle") or None if params.get("validate_certs", True) else False
        return session.client(
            service,
            region_name=region,
            endpoint_url=params.get("endpoint_url") or None,
            verify=verify,
            config=Config(retries={"mode": "standard", "max_attempts": 6}, connect_timeout=10, read_timeout=60),
        )
    except (BotoCoreError, ValueError) as error:
        raise translate(error, f"connecting to {service}") from error


def _environment_region() -> str | None:
    import os

    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


class Service:
    """One AWS service: sends every request, counts it in `requests`, and turns errors into
    `AwsFailure`.
    """

    def __init__(self, client: t.Any, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self.client = client
        self.name = client.meta.service_model.service_name
        self.region = client.meta.region_name
        self.sleep = sleep
        self.requests = 0

    def call(self, operation: str, doing: str, **params: t.Any) -> dict[str, t.Any]:
        """One request; returns the answer without its metadata.

        `operation`: name of the client's method. `doing`: start of an error message. `params`:
        parameters of the request; those that are None are left out. Raises `AwsFailure`.
        """
        given = {key: value for key, value in params.items() if value is not None}
        self.requests += 1
        try:
            answer = getattr(self.client, operation)(**given)
        except Exception as error:
            if not type(error).__module__.startswith(("botocore.", "boto3.")):
                raise
            raise translate(error, doing) from error
        answer.pop("ResponseMetadata", None)
        return t.cast("dict[str, t.Any]", answer)

    def find(self, operation: str, doing: str, **params: t.Any) -> dict[str, t.Any] | None:
        """Like `call`, but returns None when the resource does not exist."""
        try:
            return self.call(operation, doing, **params)
        except AwsMissing:
            return None

    def all(self, operation: str, key: str, doing: str, token: str = "nextToken", **params: t.Any) -> list[t.Any]:
        """The entries of all pages of a listing.

        `key`: where an answer has its entries. `token`: name of the parameter that asks for the
        next page. The rest as for `call`.
        """
        found: list[t.Any] = []
        more: dict[str, t.Any] = {}
        while True:
            answer = self.call(operation, doing, **params, **more)
            found += answer.get(key) or []
            if not answer.get(token):
                return found
            more = {token: answer[token]}

    def settled(self, operation: str, doing: str, timeout: float, **params: t.Any) -> dict[str, t.Any]:
        """Like `call`, but retries for up to `timeout` seconds while AWS does not know a role yet.

        A new role or instance profile takes some seconds until other services see it.
        """
        deadline = time.monotonic() + timeout
        pause = 2.0
        while True:
            try:
                return self.call(operation, doing, **params)
            except AwsInvalid as error:
                if not error.code or not _UNSETTLED.search(str(error)) or time.monotonic() + pause > deadline:
                    raise
            self.sleep(pause)
            pause = min(pause * 1.5, 10)


def wait_for(
    what: str,
    read: t.Callable[[], dict[str, t.Any]],
    state: t.Callable[[dict[str, t.Any]], str],
    done: t.Container[str],
    broken: t.Container[str],
    timeout: float,
    reason: t.Callable[[dict[str, t.Any]], str] = lambda answer: "",
    delay: float = 2.0,
    sleep: t.Callable[[float], None] = time.sleep,
) -> dict[str, t.Any]:
    """Reads a resource until its state is in `done`, and returns the last answer.

    - `what`: the resource, start of an error message. `read`: reads it. `state`: its state in an
      answer.
    - `broken`: states from which it can't become ready. `reason`: what AWS says about such a state.
    - `timeout`: seconds to wait in all. `delay`: seconds between two reads.

    Raises `AwsBroken` for a state in `broken`, `AwsTimeout` when the time is over, and
    `AwsFailure`.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = read()
        found = state(answer)
        if found in done:
            return answer
        why = reason(answer)
        if found in broken:
            raise AwsBroken(f"{what}: is {found}{f': {why}' if why else ''}", found)
        if time.monotonic() + delay > deadline:
            raise AwsTimeout(
                f"{what}: still {found or 'without a state'} after {timeout:g} s{f' ({why})' if why else ''}; "
                "run again to go on waiting, or raise wait_timeout",
                found,
            )
        sleep(delay)


# -- tags ----------------------------------------------------------------------------------------------------------------------


def to_map(tags: t.Iterable[t.Mapping[str, str]] | None) -> Tags:
    """AWS's list of `Key` and `Value` as a dictionary."""
    return {one["Key"]: one.get("Value") or "" for one in tags or ()}


def to_list(tags: t.Mapping[str, str]) -> list[dict[str, str]]:
    """A dictionary of tags as AWS's list of `Key` and `Value`, sorted by key."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def wanted_tags(params: t.Mapping[str, t.Any]) -> Tags | None:
    """The tags that a resource should have: the given ones and the owner's. None: tags are not
    managed.
    """
    owner = params.get("owner_tags") or {}
    if params.get("tags") is None and not owner:
        return None
    return {str(key): str(value) for key, value in {**(params.get("tags") or {}), **owner}.items()}


def tag_changes(current: Tags, wanted: Tags | None) -> tuple[Tags, list[str]]:
    """The tags to set and the keys to remove. Tags of AWS itself (`aws:`) stay."""
    if wanted is None:
        return {}, []
    put = {key: value for key, value in wanted.items() if current.get(key) != value}
    return put, sorted(key for key in current if key not in wanted and not key.startswith("aws:"))


# -- comparing -----------------------------------------------------------------------------------------------------------------


def _plain(value: t.Any) -> t.Any:
    """The value without empty parts, because AWS leaves out what isn't set."""
    if isinstance(value, dict):
        return {
            key: plain
            for key, plain in ((key, _plain(one)) for key, one in value.items())
            if plain not in (None, {}, [], "")
        }
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def part_of(current: t.Any, wanted: t.Any) -> t.Any:
    """The part of `current` that `wanted` mentions; everything else is not managed."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        return {key: part_of(current.get(key), value) for key, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(current, list) and len(wanted) == len(current):
        return [part_of(now, then) for now, then in zip(current, wanted)]
    return current


def same(current: t.Any, wanted: t.Any) -> bool:
    """Whether `current` has every wanted value. A value that is wanted empty must not be set."""
    return bool(_plain(part_of(current, wanted)) == _plain(wanted))


class Changes:
    """Collects what differs and changes it, unless in check mode.

    `owner`: tags that a resource must have to be changed. `actions`: sentences about what was done,
    or would be. `before` and `after`: only what differs, by resource.
    """

    def __init__(self, check_mode: bool, owner: t.Mapping[str, str] | None = None) -> None:
        self.check_mode = check_mode
        self.owner = {str(key): str(value) for key, value in (owner or {}).items()}
        self.actions: list[str] = []
        self.before: dict[str, t.Any] = {}
        self.after: dict[str, t.Any] = {}

    def own(self, what: str, tags: Tags) -> None:
        """Raises `AwsForeign` when an existing resource lacks one of the owner's tags."""
        missing = {key: value for key, value in self.owner.items() if tags.get(key) != value}
        if missing:
            shown = ", ".join(f"{key}={value}" for key, value in sorted(missing.items()))
            raise AwsForeign(
                f"{what}: is there but lacks the tag {shown}, so it belongs to somebody else and is not changed; "
                "choose another name, or set that tag by hand to hand it over"
            )

    def do(self, sentence: str, work: t.Callable[[], t.Any]) -> t.Any:
        """Records an action and calls `work`. Returns its result, None in check mode."""
        self.actions.append(sentence)
        return None if self.check_mode else work()

    def show(self, what: str, before: t.Any, after: t.Any) -> None:
        """Adds the state of a resource before and after to the diff."""
        self.before[what], self.after[what] = before, after

    def create(self, what: str, wanted: t.Any, work: t.Callable[[], t.Any]) -> t.Any:
        """Records and creates a resource. Returns the result of `work`, None in check mode."""
        self.show(what, None, _plain(wanted))
        return self.do(f"create {what}", work)

    def update(
        self, what: str, current: dict[str, t.Any], wanted: dict[str, t.Any], work: t.Callable[[], t.Any]
    ) -> bool:
        """Calls `work` when a wanted value differs. Returns whether one did."""
        if same(current, wanted):
            return False
        before, after = _plain(part_of(current, wanted)), _plain(wanted)
        differ = sorted(key for key in {**before, **after} if before.get(key) != after.get(key))
        self.show(what, {key: before.get(key) for key in differ}, {key: after.get(key) for key in differ})
        self.do(f"change {', '.join(differ)} of {what}", work)
        return True

    def delete(self, what: str, current: t.Any, work: t.Callable[[], t.Any]) -> None:
        """Records and deletes a resource with `work`."""
        self.show(what, current, None)
        self.do(f"delete {what}", work)

    def retag(
        self,
        what: str,
        current: Tags,
        wanted: Tags | None,
        put: t.Callable[[Tags], t.Any],
        remove: t.Callable[[list[str]], t.Any],
    ) -> None:
        """Sets and removes tags with `put` and `remove`. `wanted`: None leaves all tags as they
        are.
        """
        new, gone = tag_changes(current, wanted)
        if not new and not gone:
            return
        self.show(f"tags of {what}", current, wanted)
        if new:
            self.do(f"set the tags {', '.join(sorted(new))} of {what}", lambda: put(new))
        if gone:
            self.do(f"remove the tags {', '.join(gone)} of {what}", lambda: remove(gone))

    def result(self, **more: t.Any) -> dict[str, t.Any]:
        """The module's return values; `more` is added to `changed`, `actions` and `diff`."""
        return {
            "changed": bool(self.actions),
            "actions": self.actions,
            "diff": {"before": self.before, "after": self.after},
            **more,
        }


def run_module(module: t.Any, services: t.Sequence[str], work: t.Callable[..., dict[str, t.Any]]) -> None:
    """Runs a whole AWS module, and exits or fails it.

    `services`: boto3 names of the services that it uses. `work`: called with the module's
    parameters, `Changes` and one `Service` for each name; returns further return values. An
    `AwsFailure` becomes the failure of the module.
    """
    params = module.params
    changes = Changes(module.check_mode, params["owner_tags"])
    try:
        used = [Service(make_client(params, service)) for service in services]
        more = work(params, changes, *used)
    except AwsFailure as error:
        module.fail_json(msg=str(error), error=type(error).__name__, error_code=error.code, actions=changes.actions)
        return
    module.exit_json(**changes.result(requests=sum(service.requests for service in used), **more))
