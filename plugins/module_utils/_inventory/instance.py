# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""Builds instances and replicas from an inventory: groups and variables become typed objects.

An instance is a group of replicas below an environment group. `settings` has its variables with
defaults and allowed values, `model` the resulting fields.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .._runtime.common.odoo_facts import GEVENT_PORT, HTTP_PORT
from .._runtime.common.values import as_boolean, as_size, as_whole
from . import collisions, egress, mail, odoo_image, settings, stateless
from .container_paths import ADDONS_DIR, PROJECT_DIR, STATIC_DIR
from .model import (
    LOCAL_STORAGE_USER,
    AddonsFolder,
    Bucket,
    Code,
    Database,
    Image,
    Instance,
    Limits,
    Login,
    Migration,
    RedisUser,
    Replica,
    Site,
    Sources,
    Standing,
    StorageAccount,
    plain,
)
from .naming import NamingError, bucket_name, check_bucket_name, redis_alias, redis_port, redis_prefix

ENVIRONMENTS = ("prod", "integration", "test", "dev")
LABS = re.compile(r"^labs([_-][a-z0-9_-]+)?$")
MACHINE_GROUPS = ("docker_hosts", "postgres", "redis", "object_storage", "nginx")
ROOT_GROUP = "odoo"
BUILDER_GROUP = "image_builder"

CODE_SECRET = "code_secret_key"  # generated secret of the account with an instance's releases

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")
_REPLICA = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")

Groups = t.Mapping[str, t.Sequence[str]]
Hostvars = t.Mapping[str, t.Mapping[str, t.Any]]
# (variable, value, what would be right)
Problems = t.Iterator[tuple[str, t.Any, str]]


class InventoryError(Exception):
    """The inventory is wrong; the message has one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SecretSource(t.Protocol):
    """Returns the secret of a name, and generates it when it does not exist."""

    def __call__(self, name: str) -> str: ...


def is_environment(group: str) -> bool:
    """Whether a group is an environment group, by its name."""
    return group in ENVIRONMENTS or bool(LABS.match(group))


def build_instances(
    groups: Groups,
    hostvars: Hostvars,
    secret: SecretSource,
    https_port: int = 443,
    thorough: bool = False,
    standing: t.Callable[[str], t.Mapping[str, t.Any]] | None = None,
) -> list[Instance]:
    """All instances of the inventory with their replicas, settings and secrets, sorted by name.

    - `secret`: returns the secrets that the inventory does not have.
    - `https_port`: the port at which sites are served.
    - `thorough`: whether secrets in the inventory are compared between replicas too; each may have
      to be read from a vault, which takes time.
    - `standing`: returns the variables `settings.ONE_RUN` of a replica as the inventory has them,
      when they were given for this run alone.

    Raises `InventoryError` with all problems.
    """
    problems: list[str] = []
    instances = []
    for name, (environment, members) in sorted(_members(groups, hostvars, problems).items()):
        values = settings.read(hostvars[members[0]])
        problems += _differences(name, members, values, hostvars, thorough)
        stands = settings.read(standing(members[0]), settings.ONE_RUN) if standing else values
        own_store = _own_store(members[0], groups, hostvars)
        source = str(hostvars[members[0]].get("image_source") or "debian")
        given = _Given(name, environment, values, secret, https_port, stands, own_store, source)
        wrong = _problems(given)
        if wrong:
            problems += wrong
            continue
        machines = {replica: _machine(replica, groups, hostvars, problems) for replica in members}
        replicas = tuple(Replica(replica, machine) for replica, machine in machines.items() if machine)
        instances.append(_build(given, replicas))
    problems += collisions.problems(instances)
    problems += _old_keys(instances)
    if problems:
        raise InventoryError(problems)
    return instances


def _own_store(replica: str, groups: Groups, hostvars: Hostvars) -> bool:
    """Whether the platform runs the object storage in which it creates the buckets of an instance, so
    that it can make accounts there. `replica`: one of the instance.
    """
    machines = groups.get("object_storage") or []
    if not machines:
        return False
    asked = (machines[0], replica, machine_of(replica, groups, hostvars))
    elsewhere = ("object_storage_external", "odoo_cloud_s3_endpoint")
    return not any(hostvars[one].get(variable) for one in asked if one for variable in elsewhere)


def _old_keys(instances: t.Sequence[Instance]) -> list[str]:
    """One line for each instance that follows the releases of another one with the key with which
    they were read before they had an account of their own. It would find those of that time for ever.
    """
    own = {one.code.bucket: one for one in instances if one.code and one.code.account}
    found = []
    for instance in instances:
        code = instance.code
        other = own.get(code.bucket) if code and not code.own_bucket else None
        if code and other and other.code and code.access_key == _account(other.name):
            found.append(
                f"odoo_release_access_key={code.access_key!r} of instance {instance.name!r}: the releases of instance"
                f" {other.name!r} are in an account of their own; give {other.code.access_key!r}, and the secret"
                f" {other.name}/{CODE_SECRET} as odoo_release_secret_key"
            )
    return found


def _members(groups: Groups, hostvars: Hostvars, problems: list[str]) -> dict[str, tuple[str, list[str]]]:
    """Environment and replicas of each instance, by its name. Problems with groups go to `problems`."""
    found: dict[str, tuple[str, list[str]]] = {}
    for replica in groups.get(ROOT_GROUP, []):
        place = _place(replica, groups, hostvars, problems)
        if place is not None:
            instance, environment = place
            found.setdefault(instance, (environment, []))[1].append(replica)
    return found


def _differences(
    name: str, members: list[str], values: t.Mapping[str, t.Any], hostvars: Hostvars, thorough: bool
) -> list[str]:
    """One line for each setting that differs between the replicas of an instance.

    The instance takes the settings of its first replica, `values`. `members`: its replicas.
    `thorough`: whether secrets are compared too.
    """
    found = []
    first, *others = members
    left_out = {*settings.REPLICAS_OWN, *(() if thorough else settings.SECRETS)}
    compared = [variable for variable in values if variable not in left_out]
    others_values = {replica: settings.read(hostvars[replica], compared) for replica in others}
    for variable in compared:
        value = values[variable]
        for replica in others:
            other = others_values[replica][variable]
            if value != other and str(plain(value)) != str(plain(other)):
                shown, right = (
                    repr(settings.HIDDEN if variable in settings.SECRETS else plain(one)) for one in (other, value)
                )
                found.append(
                    f"{variable}={shown} of replica {replica!r}: replica {first!r} of the same instance {name!r} has {right};"
                    " give all replicas of an instance the same, in its group"
                )
                break
    return found


def _groups_of(host: str, groups: Groups) -> list[str]:
    return [group for group, hosts in groups.items() if host in hosts]


def _place(replica: str, groups: Groups, hostvars: Hostvars, problems: list[str]) -> tuple[str, str] | None:
    """The instance and the environment of one replica."""
    memberships = _groups_of(replica, groups)
    environments = [group for group in memberships if is_environment(group)]
    if not _REPLICA.match(replica):
        problems.append(
            f"inventory host {replica!r}: a replica's name becomes a container's name; use letters, digits, '-', '_'"
        )
        return None
    if len(environments) != 1:
        what = "none" if not environments else " and ".join(sorted(environments))
        problems.append(
            f"inventory host {replica!r}: its environment is {what}; put its instance's group below exactly one of the groups "
            f"{', '.join(ENVIRONMENTS)} or labs_*"
        )
        return None
    candidates = [
        group
        for group in memberships
        if group not in (*MACHINE_GROUPS, ROOT_GROUP, "all", "ungrouped") and not is_environment(group)
    ]
    wanted = hostvars[replica].get("odoo_instance")
    if wanted:
        candidates = [group for group in candidates if group == wanted]
    if not candidates:
        problems.append(
            f"inventory host {replica!r}: it is a replica outside an instance group; create a group for its instance below "
            f"{environments[0]!r} and put it there"
        )
        return None
    if len(candidates) > 1:
        problems.append(
            f"inventory host {replica!r}: its instance could be {' or '.join(sorted(candidates))}; set odoo_instance in the "
            "instance's group"
        )
        return None
    return candidates[0], environments[0].replace("_", "-")


def instance_of(replica: str, groups: Groups, hostvars: Hostvars) -> str | None:
    """The instance of a replica; None when its groups don't determine one."""
    found = _place(replica, groups, hostvars, [])
    return found[0] if found else None


def machine_of(replica: str, groups: Groups, hostvars: Hostvars) -> str | None:
    """The inventory host of the machine that a replica runs on; None when there is none."""
    address = hostvars[replica].get("ansible_host") or replica
    for machine in groups.get("docker_hosts", []):
        if address in (machine, hostvars[machine].get("ansible_host")):
            return machine
    return None


def _machine(replica: str, groups: Groups, hostvars: Hostvars, problems: list[str]) -> str | None:
    machine = machine_of(replica, groups, hostvars)
    if machine is None:
        address = hostvars[replica].get("ansible_host") or replica
        problems.append(
            f"ansible_host={address!r} of replica {replica!r}: no machine of the group docker_hosts has this name or address "
            f"(there: {', '.join(groups.get('docker_hosts', [])) or 'none'})"
        )
    return machine


def project_of(name: str, environment: str) -> str:
    """The project of an instance without `odoo_project`: for `acme_prod` in `prod` it is `acme`."""
    plain_name = name.replace("_", "-")
    return plain_name.removesuffix(f"-{environment}") or plain_name


def upstream_alias(name: str) -> str:
    """The name on the instance's network that all replicas of an instance share."""
    return f"{name}.odoo"


@dataclasses.dataclass(frozen=True)
class _Given:
    """What an instance is built from: its place in the inventory, its settings, the source of
    secrets, and whether its buckets are in the platform's own object storage.
    """

    name: str
    environment: str
    settings: t.Mapping[str, t.Any]
    secret: SecretSource = dataclasses.field(repr=False)
    https_port: int = 443
    standing: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    own_store: bool = False
    image_source: str = "debian"

    def text(self, variable: str) -> str:
        """A setting as a text, empty when it is not set."""
        return str(self.settings[variable] or "")

    def optional(self, variable: str) -> str | None:
        """A setting as a text, None when it is not set."""
        return self.text(variable) or None

    def texts(self, variable: str) -> tuple[str, ...]:
        """A setting that is a list of texts."""
        return tuple(str(one) for one in self.settings[variable] or ())

    def folder(self, variable: str) -> str:
        """A setting that is a folder, without a slash at its end."""
        return self.text(variable).rstrip("/")

    def number(self, variable: str) -> int:
        """A setting that is a whole number."""
        return as_whole(self.settings[variable]) or 0

    def optional_number(self, variable: str) -> int | None:
        """A setting that is a whole number, None when it is not set."""
        return None if self.settings[variable] is None else self.number(variable)

    def optional_size(self, variable: str) -> int | None:
        """A setting that is a size, in bytes; None when it is not set."""
        return as_size(self.settings[variable])

    def flag(self, variable: str) -> bool:
        """A setting that is a boolean."""
        return bool(as_boolean(self.settings[variable]))

    def password(self, variable: str, name: str) -> str:
        """A setting that is a secret; when it is not set, the generated secret `name` of the
        instance.
        """
        return self.text(variable) or self.secret(f"{self.name}/{name}")

    @property
    def version(self) -> str:
        return settings.version_of(self.settings["odoo_version"])

    @property
    def project(self) -> str:
        return self.text("odoo_project") or project_of(self.name, self.environment)

    @property
    def report_engine(self) -> str:
        """What prints. Debian's wkhtmltopdf has no headers, footers and page numbers, and 19's image has none; the official images
        have one that works.
        """
        stated = self.text("odoo_report_engine")
        ours = self.image_source == "debian" and not self.text("odoo_image")
        return stated or (settings.CHROMIUM if ours else settings.WKHTMLTOPDF)

    @property
    def bucket(self) -> str:
        """Name of its bucket. Raises `NamingError` when the project gives none."""
        return self.text("odoo_bucket") or bucket_name(self.project, self.environment)

    @property
    def code_bucket(self) -> str:
        """Bucket of its releases: the stated one, else its own with the suffix `-code`.

        Raises `NamingError` for a name that is not possible.
        """
        return check_bucket_name(self.text("odoo_release_bucket") or f"{self.bucket}-code")

    @property
    def has_code(self) -> bool:
        return any(self.settings[one] for one in ("odoo_release_bucket", *settings.CODE_SOURCES))


def _problems(given: _Given) -> list[str]:
    """One line for each problem with an instance's name and settings."""
    found = []
    if not _NAME.match(given.name):
        found.append(
            f"instance group {given.name!r}: use a lowercase letter, then lowercase letters, digits and '_' (63 at most)"
        )
    alone = settings.problems(given.settings)
    wrong = {variable for variable, dummy, dummy in alone}
    together = [
        problem
        for check in (
            _naming_problems,
            _migration_problems,
            _code_problems,
            _egress_problems,
            _report_problems,
            _stateless_problems,
            _mail_problems,
        )
        for problem in check(given)
        if problem[0] not in wrong
    ]
    for variable, value, right in [*alone, *together]:
        shown = settings.HIDDEN if variable in settings.SECRETS else plain(value)
        found.append(f"{variable}={shown!r} of instance {given.name!r}: {right}")
    return found


def _naming_problems(given: _Given) -> Problems:
    try:
        bucket_name(given.project, given.environment)
    except NamingError as error:
        yield "odoo_project", given.project, str(error)


def _migration_problems(given: _Given) -> Problems:
    file = given.text("odoo_migration_file")
    if file and not file.startswith("/") and not given.text("odoo_project_dir"):
        right = "a relative path begins in odoo_project_dir, which is not set; or give one inside the image"
        yield "odoo_migration_file", file, right
    if given.text("odoo_on_failure") == "rollback" and given.text("odoo_restore_point") == "none":
        right = "there is nothing to go back to while odoo_restore_point is none; set that to auto"
        yield "odoo_on_failure", "rollback", right


def _code_problems(given: _Given) -> Problems:
    """Problems with the settings of custom code. The module that reads the sources checks those."""
    if not given.has_code:
        if given.text("odoo_release"):
            right = "give odoo_release_bucket too, or sources such as odoo_custom_modules_paths"
            yield "odoo_release", given.text("odoo_release"), right
        return
    try:
        bucket_name(given.project, given.environment)
    except NamingError:
        return  # reported as odoo_project
    try:
        dummy = given.code_bucket
    except NamingError as error:
        yield "odoo_release_bucket", given.optional("odoo_release_bucket"), str(error)


def _egress_problems(given: _Given) -> Problems:
    if given.texts("odoo_egress_allowed") and given.text("odoo_egress") != egress.LISTED:
        yield (
            "odoo_egress",
            given.text("odoo_egress"),
            "odoo_egress_allowed counts only with listed; set that, or leave the list out",
        )


def _report_problems(given: _Given) -> Problems:
    conf = given.settings["odoo_conf"]
    stated = conf.get("workers") if isinstance(conf, dict) else None
    for variable, value in (("odoo_workers", given.settings["odoo_workers"]), ("odoo_conf: workers", stated)):
        if as_whole(value) == 1:
            yield variable, value, "Odoo prints no reports with one worker; give 2 or more, or 0 for threads"


def _stateless_problems(given: _Given) -> Problems:
    yield from stateless.problems(given.settings)


def _mail_problems(given: _Given) -> Problems:
    yield from mail.problems(given.environment, given.settings)


def _build(given: _Given, replicas: tuple[Replica, ...]) -> Instance:
    """The instance of checked settings."""
    name = given.name
    hostnames = given.texts("odoo_hostnames") or (f"{name.replace('_', '-')}.localhost",)
    database, redis, bucket = _database(given), _redis_user(given), _bucket(given)
    disposable = stateless.build(given.environment, given.settings, bucket.secret_key, _account(name))
    held = stateless.secret_files(disposable, redis, bucket)
    on_failure, restore_point = _way_back(given)
    post = mail.build(
        given.environment,
        given.settings,
        hostnames[0],
        lambda: given.password("odoo_mail_page_password", "mail_password"),
    )
    return Instance(
        name=name,
        environment=given.environment,
        project=given.project,
        version=given.version,
        replicas=replicas,
        machine=replicas[0].machine if replicas else None,
        hostnames=hostnames,
        base_url=f"https://{hostnames[0]}" + ("" if given.https_port == 443 else f":{given.https_port}"),
        image=_image(given),
        database=database,
        owner_login=Login(database.name, database.owner, database.password),
        redis=redis,
        bucket=bucket,
        code=_code(given, bucket, held) if given.has_code else None,
        drain_timeout=given.number("odoo_drain_timeout"),
        storage_account=StorageAccount(
            name, LOCAL_STORAGE_USER, bucket.secret_key, given.optional_size("odoo_attachments_quota")
        ),
        admin_login=given.text("odoo_admin_login"),
        admin_password=given.password("odoo_admin_password", "admin_password"),
        master_password=given.password("odoo_master_password", "master_password"),
        modules=_united(given.texts("odoo_modules"), disposable.addons, mail.modules(post, given.version)),
        server_wide_modules=_united(given.texts("odoo_server_wide_modules"), disposable.server_wide, (mail.ADDON,)),
        stateless=disposable,
        language=given.optional("odoo_language"),
        mode=given.text("odoo_mode"),
        update_modules=",".join(settings.names(given.settings["odoo_update"])),
        update_live=given.flag("odoo_update_live"),
        standing=Standing(
            update_modules=",".join(settings.names(given.standing["odoo_update"])),
            migration_mode=str(given.standing["odoo_migration_mode"] or ""),
            allow_serie=bool(as_boolean(given.standing["odoo_migration_allow_serie"])),
        ),
        hooks_dir=given.folder("odoo_hooks_dir"),
        hooks=given.text("odoo_hooks"),
        workers=given.optional_number("odoo_workers"),
        max_cron_threads=given.number("odoo_max_cron_threads"),
        limit_memory_soft=given.optional_size("odoo_limit_memory_soft"),
        limit_memory_hard=given.optional_size("odoo_limit_memory_hard"),
        limits=Limits(
            memory=given.optional_size("odoo_memory"),
            run_memory=given.optional_size("odoo_run_memory"),
            pids=given.optional_number("odoo_pids"),
            cpu_shares=given.optional_number("odoo_cpu_shares"),
        ),
        report_engine=given.report_engine,
        limit_time_cpu=given.number("odoo_limit_time_cpu"),
        limit_time_real=given.number("odoo_limit_time_real"),
        addons_path=given.texts("odoo_addons_path"),
        addons_dirs=_addons_folders(given),
        project_dir=given.folder("odoo_project_dir"),
        migration=_migration(given),
        on_failure=on_failure,
        restore_point=restore_point,
        conf=plain(given.settings["odoo_conf"]),
        max_upload=given.text("odoo_max_upload"),
        egress=given.text("odoo_egress"),
        egress_allowed=given.texts("odoo_egress_allowed"),
        mail=post,
        db_wait_timeout=given.number("odoo_db_wait_timeout"),
        timeout=given.number("odoo_timeout"),
        holder_timeout=given.number("odoo_holder_timeout"),
        reset_policy=given.text("odoo_reset_policy"),
        site=_site(given, hostnames, post.hostname),
        secret_files={**held, **mail.secret_files(post)},
    )


def _image(given: _Given) -> Image:
    ref, python = given.text("odoo_image"), given.text("odoo_python")
    return Image(odoo_image.name_of(given.version, ref, python), "odoo", given.version, ref, python)


def _united(*lists: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for names in lists for one in names))


def _account(name: str) -> str:
    """The name of the instance's account in the local object storage, valid as access key and as
    user.
    """
    return f"{name}:{LOCAL_STORAGE_USER}"


def _database(given: _Given) -> Database:
    name = given.text("odoo_db_name") or given.name
    return Database(
        name=name,
        owner=given.text("odoo_db_user") or name,
        password=given.password("odoo_db_password", "db_password"),
        keeper=f"{name[:56]}_keeper",  # 63 characters are what PostgreSQL keeps
        keeper_password=given.secret(f"{given.name}/db_keeper_password"),
        lock=f"{name[:57]}--lock",
        connections=given.optional_number("odoo_db_connections"),
    )


def _redis_user(given: _Given) -> RedisUser:
    return RedisUser(
        name=given.text("odoo_db_name") or given.name,
        prefix=redis_prefix(given.project, given.environment),
        password=given.password("odoo_redis_password", "redis_password"),
        instance=given.name,
        host=redis_alias(given.name),
        port=given.optional_number("odoo_redis_port") or redis_port(given.name),
        memory=given.optional_size("odoo_redis_memory") or 0,
    )


def _bucket(given: _Given) -> Bucket:
    return Bucket(
        name=given.bucket,
        access_key=given.text("odoo_s3_access_key") or _account(given.name),
        secret_key=given.password("odoo_s3_secret_key", "s3_secret_key"),
    )


def _code(given: _Given, bucket: Bucket, held: t.Mapping[str, str]) -> Code:
    """Where the instance's custom code comes from.

    A bucket that is not named is created beside `bucket`. Whoever can write it decides what runs, with
    more rights than a replica has. So it gets an account of its own where the platform can make one,
    and else the keys of `bucket`. `held`: the secrets of the instance's containers.
    """
    own = None if given.text("odoo_release_bucket") else dataclasses.replace(bucket, name=given.code_bucket)
    account = None
    stated = ("odoo_release_access_key", "odoo_release_secret_key", "odoo_release_endpoint")
    if own and given.own_store and not any(given.text(one) for one in stated):
        key = given.secret(f"{given.name}/{CODE_SECRET}")
        account = StorageAccount(f"{given.name}-code", LOCAL_STORAGE_USER, key, None)
        own = dataclasses.replace(own, access_key=f"{account.account}:{account.user}", secret_key=account.key)
    secret_key = given.text("odoo_release_secret_key") or (own.secret_key if own else "")
    keys = {secret_key, own.secret_key if own else ""} - {""}
    return Code(
        bucket=given.code_bucket,
        own_bucket=own,
        account=account,
        protected=keys.isdisjoint(held.values()),
        prefix=given.text("odoo_release_prefix"),
        # One channel for each instance, unless several instances share their code.
        channel=given.text("odoo_release_channel") or given.name,
        endpoint=given.text("odoo_release_endpoint"),
        region=given.text("odoo_release_region"),
        access_key=given.text("odoo_release_access_key") or (own.access_key if own else ""),
        secret_key=secret_key,
        release=given.text("odoo_release"),
        keep_releases=given.number("odoo_keep_releases"),
        sources=Sources.from_dict(
            {option: given.settings[one] for one, option in settings.CODE_SOURCES.items() if given.settings[one]}
        ),
        lock_file=given.text("odoo_code_lock_file"),
    )


def _addons_folders(given: _Given) -> tuple[AddonsFolder, ...]:
    folders = given.texts("odoo_addons_dirs")
    return tuple(AddonsFolder(one.rstrip("/"), f"{ADDONS_DIR}/{number}") for number, one in enumerate(folders, 1))


def _migration(given: _Given) -> Migration:
    file = given.text("odoo_migration_file")
    return Migration(
        file=file if not file or file.startswith("/") else f"{PROJECT_DIR}/{file}",
        mode=given.text("odoo_migration_mode"),
        allow_serie=given.flag("odoo_migration_allow_serie"),
        force_version=given.text("odoo_migration_force_version"),
        next=given.text("odoo_migration_next"),
    )


def _way_back(given: _Given) -> tuple[str, str]:
    """What a failed update does, and what is kept before an update."""
    point, prod = given.text("odoo_restore_point"), given.environment == "prod"
    on_failure = given.text("odoo_on_failure") or ("rollback" if prod and point != "none" else "hold")
    # After a failure in prod an operator decides, and needs a restore point for a rollback.
    return on_failure, point or ("auto" if on_failure == "rollback" or prod else "none")


def _site(given: _Given, hostnames: tuple[str, ...], mail_name: str) -> Site:
    return Site(
        instance=given.name,
        version=given.version,
        server_names=hostnames,
        upstream=upstream_alias(given.name),
        http_port=HTTP_PORT,
        gevent_port=GEVENT_PORT,
        static_root=f"{STATIC_DIR}/{given.name}/current",
        max_body=given.text("odoo_max_upload"),
        rpc=tuple(settings.rpc_addresses(given.settings["odoo_rpc"]) or ()),
        mail_name=mail_name,
    )
