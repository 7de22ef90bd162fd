# Copyright (c) 2026, odoo_cloud.platform contributors
# SPDX-License-Identifier: BSD-2-Clause
# PRIVATE to the collection odoo_cloud.platform.
"""The typed Odoo instance: every field has a description, a unit and an origin.

`instance.build_instances` builds instances from the inventory. The lookup `instances` returns
`Instance.to_dict`, which playbooks and templates read. Filters and modules get these dictionaries
from Jinja and rebuild the object with `Instance.from_dict`. The lookup's documentation follows from
the fields (`contains`); a unit test compares the two.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from .._runtime.common.odoo_facts import GEVENT_PORT, HTTP_PORT

SELF = t.TypeVar("SELF", bound="Part")
LOOKUP = "odoo_cloud.platform.instances"
LOCAL_STORAGE_USER = "odoo"  # user of the instance's own account in the local object storage


class ModelError(ValueError):
    """A dictionary that is no instance; the message says what is missing or wrong in it."""


@dataclasses.dataclass(frozen=True)
class About:
    """The description of one field of an instance.

    - `description`: a sentence for the documentation.
    - `kind`: name of its type in Ansible documentation.
    - `variables`: the inventory variables that decide the value.
    - `derived`: how the value follows from them, as the rest of a sentence; empty if it is just
      copied.
    - `unit`: unit of a number.
    - `secret`: whether the value must never be shown.
    - `optional`: whether it may be None.
    - `part`: class of a nested object, or of each element of a list.
    - `read`: converts a plain value to that of the field. `plain`: converts it back.
    """

    description: str
    kind: str
    variables: tuple[str, ...]
    derived: str
    unit: str
    secret: bool
    optional: bool
    part: type[Part] | None
    read: t.Callable[[t.Any], t.Any]
    plain: t.Callable[[t.Any], t.Any]


def plain(value: t.Any) -> t.Any:
    """The value with Python's own types only.

    Values of Ansible are tagged, and may be rendered only when they are read.
    """
    if isinstance(value, t.Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _truth(value: t.Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is right")
    return value


def _texts(value: t.Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("a list is right")
    return tuple(str(one) for one in value)


def _mapping(value: t.Any) -> dict[str, t.Any]:
    if not isinstance(value, t.Mapping):
        raise ValueError("a dictionary is right")
    return t.cast("dict[str, t.Any]", plain(value))


def _same(value: t.Any) -> t.Any:
    return value


def _field(
    kind: str,
    read: t.Callable[[t.Any], t.Any],
    description: str,
    variable: str = "",
    derived: str = "",
    *,
    unit: str = "",
    secret: bool = False,
    optional: bool = False,
    part: type[Part] | None = None,
    back: t.Callable[[t.Any], t.Any] = _same,
) -> t.Any:
    """A field with its description. `variable` may name several variables, separated by commas."""
    variables = tuple(one.strip() for one in variable.split(",") if one.strip())
    about = About(description, kind, variables, derived, unit, secret, optional, part, read, back)
    # Called in the bodies of dataclasses only.
    return dataclasses.field(repr=not secret, metadata={"about": about})  # pylint: disable=invalid-field-call


def _text(*given: t.Any, **more: t.Any) -> t.Any:
    return _field("str", str, *given, **more)


def _number(*given: t.Any, **more: t.Any) -> t.Any:
    return _field("int", int, *given, **more)


def _flag(*given: t.Any, **more: t.Any) -> t.Any:
    return _field("bool", _truth, *given, **more)


def _list(*given: t.Any, **more: t.Any) -> t.Any:
    return _field("list", _texts, *given, back=list, **more)


def _records(*given: t.Any, **more: t.Any) -> t.Any:
    """A field with a list of dictionaries whose keys are not checked here."""
    return _field("list", lambda value: tuple(_mapping(one) for one in value), *given, back=plain, **more)


def _dict(*given: t.Any, **more: t.Any) -> t.Any:
    return _field("dict", _mapping, *given, back=plain, **more)


def _part(part: type[Part], *given: t.Any, **more: t.Any) -> t.Any:
    return _field("dict", part.from_dict, *given, part=part, back=part.to_dict, **more)


def _parts(part: type[Part], *given: t.Any, **more: t.Any) -> t.Any:
    def read(value: t.Any) -> tuple[Part, ...]:
        if not isinstance(value, (list, tuple)):
            raise ValueError("a list is right")
        return tuple(part.from_dict(one) for one in value)

    def back(value: t.Any) -> list[dict[str, t.Any]]:
        return [one.to_dict() for one in value]

    return _field("list", read, *given, part=part, back=back, **more)


@functools.cache
def fields_of(part: type[Part]) -> tuple[tuple[str, About], ...]:
    """The fields of an instance, or of a part of it: name and description."""
    return tuple((one.name, one.metadata["about"]) for one in dataclasses.fields(part))  # type: ignore[arg-type]


class Part:
    """An instance or a part of it: a typed object here, a dictionary of plain values in Ansible."""

    # Whether keys of empty fields are left out of the dictionary.
    sparse: t.ClassVar[bool] = False

    def to_dict(self) -> dict[str, t.Any]:
        """The dictionary that playbooks and templates read, with plain values at every level."""
        values = ((name, getattr(self, name), about) for name, about in fields_of(type(self)))
        return {
            name: None if value is None else about.plain(value)
            for name, value, about in values
            if value or not self.sparse
        }

    @classmethod
    def from_dict(cls: type[SELF], mapping: t.Any) -> SELF:
        """The typed object of such a dictionary; unknown keys are ignored.

        Raises `ModelError` when a key is missing, or has a value of another type.
        """
        if isinstance(mapping, cls):
            return mapping
        what = cls.__name__
        if not isinstance(mapping, t.Mapping):
            raise ModelError(f"{what}: {type(mapping).__name__} isn't what the lookup {LOOKUP} returns")
        values = {}
        for name, about in fields_of(cls):
            if name not in mapping and cls.sparse:
                values[name] = about.read(() if about.kind == "list" else "")
                continue
            if name not in mapping:
                raise ModelError(f"{what}: the key {name!r} is missing; give what the lookup {LOOKUP} returns")
            value = mapping[name]
            if value is None and about.optional:
                values[name] = None
                continue
            try:
                if value is None:
                    raise ValueError("it may not be empty")
                values[name] = about.read(value)
            except ModelError as error:
                raise ModelError(f"{what}.{name}: {error}") from error
            except (TypeError, ValueError) as error:
                shown = "********" if about.secret else repr(value)
                raise ModelError(f"{what}: the key {name!r} is {shown}: {error}") from error
        return cls(**values)


@dataclasses.dataclass(frozen=True)
class Replica(Part):
    """A container that serves the instance."""

    name: str = _text(
        "Name of the replica, and of its container after the platform's name.", derived="the inventory host"
    )
    machine: str = _text(
        "Inventory host of the machine that it runs on.",
        derived="the member of docker_hosts that has the replica's ansible_host as its name or address",
    )


@dataclasses.dataclass(frozen=True)
class Image(Part):
    """The image of the instance, for the role `image`, which builds or pulls it. Keys of what it doesn't
    say are left out.
    """

    sparse: t.ClassVar[bool] = True

    name: str = _text(
        "Name of the image.", "odoo_version, odoo_image, odoo_python",
        "odoo-<version>, with a hash when an image or a Python is given",
    )  # fmt: skip
    kind: str = _text("Kind of the image.", derived="always odoo")
    version: str = _text("Odoo version.", "odoo_version")
    ref: str = _text("Image that it is built from; empty for the platform's of that version.", "odoo_image")
    python: str = _text("Version of Python in that image; empty for the usual one.", "odoo_python")


@dataclasses.dataclass(frozen=True)
class Database(Part):
    """The instance's database and its two roles, for the role `postgres`."""

    name: str = _text("Name of the database.", "odoo_db_name", "the instance's name unless it is given")
    owner: str = _text(
        "Role of PostgreSQL that owns the database.", "odoo_db_user", "the database's name unless it is given"
    )
    password: str = _text(
        "Password of the owner.", "odoo_db_password", "generated once unless it is given", secret=True
    )
    keeper: str = _text(
        "Role of PostgreSQL that creates restore points and copies for rehearsals.",
        derived="<database>_keeper, cut to the 63 characters that PostgreSQL keeps",
    )
    keeper_password: str = _text("Password of that role.", derived="generated once", secret=True)
    lock: str = _text(
        "Database in which the lock of the instance is taken; only its own roles can connect to it.",
        derived="<database>--lock, cut to the 63 characters that PostgreSQL keeps",
    )
    connections: int | None = _number(
        "How many connections its role may have at once; none to compute it from the workers.",
        "odoo_db_connections", unit="connections", optional=True,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Login(Part):
    """The connection to the instance's database as its owner, for the module `odoo_state_info`."""

    database: str = _text("Name of the database.", derived="C(database.name)")
    user: str = _text("Role that owns it.", derived="C(database.owner)")
    password: str = _text("Password of that role.", derived="C(database.password)", secret=True)


@dataclasses.dataclass(frozen=True)
class RedisUser(Part):
    """The instance's user of Redis and its own server, for the role `redis`."""

    name: str = _text("Name of the user.", derived="C(database.name)")
    prefix: str = _text(
        "What the keys of the instance begin with, which are the only ones that the user may touch.",
        derived="<project>-odoo-<environment>",
    )
    password: str = _text(
        "Password of the user.", "odoo_redis_password", "generated once unless it is given", secret=True
    )
    instance: str = _text("Name of the instance.", derived="C(name)")
    host: str = _text("Name of its own server on the network.", derived="<name>.redis")
    port: int = _number(
        "Published port of its own server, for Odoo on another machine.",
        "odoo_redis_port", "a number from 20000 to 29999 that follows from the instance's name unless it is given",
    )  # fmt: skip
    memory: int = _number("Memory for the data of its own server.", "odoo_redis_memory", unit="bytes")


@dataclasses.dataclass(frozen=True)
class Bucket(Part):
    """A bucket of the object storage and its keys."""

    name: str = _text("Name of the bucket.", "odoo_bucket", "<project>-odoo-<environment> unless it is given")
    access_key: str = _text(
        "Access key.", "odoo_s3_access_key", "the instance's account of the local object storage unless it is given"
    )
    secret_key: str = _text(
        "Secret of the access key.", "odoo_s3_secret_key", "generated once unless it is given", secret=True
    )


@dataclasses.dataclass(frozen=True)
class StorageAccount(Part):
    """An account of the local object storage, for the role `object_storage`."""

    account: str = _text("Name of the account.", derived="C(name), with -code when it is that of the releases")
    user: str = _text("User of the account.", derived=f"always {LOCAL_STORAGE_USER}")
    key: str = _text(
        "Key of the user.", derived="C(bucket.secret_key), or C(code.secret_key) of the releases' account", secret=True
    )
    quota: int | None = _number(
        "How much the account may hold; 0 for no limit, none to leave it as it is.",
        "odoo_attachments_quota", unit="bytes", optional=True,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sources(Part):
    """The sources of the instance's custom code on the controller. Keys of unused ones are left out."""

    sparse: t.ClassVar[bool] = True

    odoo_custom_modules_paths: tuple[str, ...] = _list("Folders with addons.", "odoo_custom_modules_paths")
    odoo_python_dependencies_paths: tuple[str, ...] = _list(
        "Folders with Python packages.", "odoo_python_dependencies_paths"
    )
    git_sources: tuple[dict[str, t.Any], ...] = _records(
        "Git repositories, as the module odoo_addons_sync takes them; their addresses may hold a token.",
        "odoo_git_sources",
        secret=True,
    )
    python_requirements_file: str = _text("File with requirements of Python.", "odoo_python_requirements_file")
    system_packages_file: str = _text("File with names of Debian packages.", "odoo_system_packages_file")


@dataclasses.dataclass(frozen=True)
class Code(Part):
    """The instance's custom code: its sources, and the bucket for its releases."""

    bucket: str = _text(
        "Bucket of the releases.",
        "odoo_release_bucket",
        "the name of the instance's bucket with -code unless it is given",
    )
    own_bucket: Bucket | None = _part(
        Bucket, "That bucket with its keys, when the platform has to create it.",
        derived="none when odoo_release_bucket is given, which has to exist", optional=True,
    )  # fmt: skip
    account: StorageAccount | None = _part(
        StorageAccount, "The account of that bucket, whose key no container of Odoo has.",
        "odoo_release_access_key, odoo_release_secret_key, odoo_release_endpoint",
        "none with these or elsewhere", optional=True,
    )  # fmt: skip
    protected: bool = _flag(
        "Whether the containers of the instance hold no key of the bucket, so that an intruder there can't deliver code.",
        "odoo_release_bucket, odoo_release_secret_key",
        "false when the bucket has the keys of the instance's own one",
    )
    prefix: str = _text("What the keys of the releases begin with; may be empty.", "odoo_release_prefix")
    channel: str = _text(
        "Object that names the release to use.", "odoo_release_channel", "the instance's name unless it is given"
    )
    endpoint: str = _text(
        "Address of the bucket's store; empty for AWS or the platform's own.", "odoo_release_endpoint"
    )
    region: str = _text("Region of the bucket; may be empty.", "odoo_release_region")
    access_key: str = _text(
        "Access key of the bucket; empty for what boto finds by itself.",
        "odoo_release_access_key", "that of C(own_bucket) unless one of the two is given",
    )  # fmt: skip
    secret_key: str = _text(
        "Secret of that access key.",
        "odoo_release_secret_key", "that of C(own_bucket) unless one of the two is given", secret=True,
    )  # fmt: skip
    release: str = _text("The one release to use; empty for the one that the channel names.", "odoo_release")
    keep_releases: int = _number("How many releases stay on the machine.", "odoo_keep_releases", unit="releases")
    sources: Sources = _part(Sources, "Where the code is on the controller; empty when it is delivered elsewhere.")
    lock_file: str = _text(
        "File on the controller that records what was delivered; may be empty.", "odoo_code_lock_file"
    )


@dataclasses.dataclass(frozen=True)
class S3Place(Part):
    """An S3 store."""

    endpoint: str | None = _text("Address; none for the platform's store.", "odoo_s3_endpoint", optional=True)
    region: str | None = _text("Region; none for the store's default.", "odoo_s3_region", optional=True)


@dataclasses.dataclass(frozen=True)
class SwiftPlace(Part):
    """A Swift store and the login to it."""

    auth_url: str | None = _text(
        "Address of Keystone or TempAuth; none for the platform's store.", "odoo_swift_auth_url", optional=True
    )
    account: str = _text(
        "User.", "odoo_swift_account", "the instance's account of the local object storage unless it is given"
    )
    password: str = _text(
        "Password of the user.", "odoo_swift_password", "C(bucket.secret_key) unless it is given", secret=True
    )
    project: str | None = _text("Project of Keystone.", "odoo_swift_project", optional=True)
    region: str | None = _text("Region of Keystone.", "odoo_swift_region", optional=True)


@dataclasses.dataclass(frozen=True)
class Statsd(Part):
    """The server that request times are sent to."""

    host: str | None = _text("Host; none for nowhere.", "odoo_statsd_host", optional=True)
    port: int = _number("UDP port.", "odoo_statsd_port")


@dataclasses.dataclass(frozen=True)
class Stateless(Part):
    """What makes replicas disposable: sessions in Redis, attachments in the object storage. Also
    logging and metrics.
    """

    enabled: bool = _flag("Whether replicas keep nothing on a disk of their own.", "odoo_stateless")
    kind: str = _text(
        "Kind of the store, exoscale (S3) or ovh (Swift); empty when replicas are not stateless.", "odoo_platform_kind"
    )
    addons: tuple[str, ...] = _list(
        "Modules that are installed for this.", "odoo_stateless, odoo_platform_kind, odoo_log_requests"
    )
    server_wide: tuple[str, ...] = _list(
        "Modules that every process loads for this.",
        "odoo_stateless, odoo_logging_json, odoo_metrics"
    )  # fmt: skip
    json: bool = _flag("Whether JSON is logged although replicas may not be stateless.", "odoo_logging_json")
    metrics_token: str = _text(
        "Token that reads /metrics; empty when everybody may.",
        "odoo_metrics_token", "empty unless C(odoo_metrics) is true", secret=True,
    )  # fmt: skip
    s3: S3Place = _part(S3Place, "The store of kind exoscale.")
    swift: SwiftPlace = _part(SwiftPlace, "The store of kind ovh.")
    expiration: int | None = _number(
        "How long a session lives unused; none for the addon's default, a week.",
        "odoo_session_expiration", "a day in the environment test unless it is given", unit="seconds", optional=True,
    )  # fmt: skip
    expiration_anonymous: int | None = _number(
        "The same without a login; none for the addon's default, 1 hour.",
        "odoo_session_expiration_anonymous", unit="seconds", optional=True,
    )  # fmt: skip
    direct_bytes: int = _number(
        "Size from which attachments go from the store to nginx and not through Odoo; 0 for never.",
        "odoo_direct_download_bytes", unit="bytes",
    )  # fmt: skip
    statsd: Statsd = _part(Statsd, "Where times of requests are sent to.")
    env: dict[str, str] = _dict(
        "More environment variables of the containers; they win over the computed ones.", "odoo_env"
    )


@dataclasses.dataclass(frozen=True)
class AddonsFolder(Part):
    """A folder with addons on the machine."""

    source: str = _text("The folder on the machine.", "odoo_addons_dirs")
    target: str = _text("The folder in the containers.", derived="/mnt/addons/<number>, counted from 1")


@dataclasses.dataclass(frozen=True)
class Migration(Part):
    """The instance's migration file and how it is run."""

    file: str = _text(
        "Migration file or folder in the containers; empty for none.",
        "odoo_migration_file", "a relative path is put below the project's folder",
    )  # fmt: skip
    mode: str = _text("Mode of the file; may be empty.", "odoo_migration_mode")
    allow_serie: bool = _flag("Whether several versions are done in one run.", "odoo_migration_allow_serie")
    force_version: str = _text(
        "The version that is run alone, whatever was done; may be empty.", "odoo_migration_force_version"
    )
    next: str = _text("Number of the version in the folder next; may be empty.", "odoo_migration_next")


@dataclasses.dataclass(frozen=True)
class Site(Part):
    """The instance's site, for the role `nginx`."""

    instance: str = _text("Name of the instance.", derived="C(name)")
    version: str = _text("Odoo version.", "odoo_version")
    server_names: tuple[str, ...] = _list("Host names of the site.", derived="C(hostnames)")
    upstream: str = _text("Name on the instance's network that all replicas answer to.", derived="<name>.odoo")
    http_port: int = _number("Odoo's port for requests.", derived=f"always {HTTP_PORT}")
    gevent_port: int = _number("Odoo's port for websockets and long polling.", derived=f"always {GEVENT_PORT}")
    static_root: str = _text("Folder of the static files, as nginx sees it.", derived="/srv/static/<name>/current")
    max_body: str = _text("Largest upload, a size as nginx takes it.", "odoo_max_upload")
    rpc: tuple[str, ...] = _list(
        "Addresses and networks from which programs may call it; all for any, empty for none.", "odoo_rpc"
    )
    mail_name: str = _text("Host name of the mail catcher's page; empty for none.", derived="C(mail.hostname)")


@dataclasses.dataclass(frozen=True)
class IncomingMail(Part):
    """The mailbox from which Odoo fetches what people answer."""

    server: str = _text("Host of the mailbox; empty for none.", "odoo_incoming_server")
    port: int = _number(
        "TCP port.",
        "odoo_incoming_port",
        "993 or 143 for imap, 995 or 110 for pop, with and without TLS, unless it is given",
    )
    protocol: str = _text("Protocol, imap or pop.", "odoo_incoming_protocol")
    tls: bool = _flag("Whether the connection is encrypted from its beginning.", "odoo_incoming_tls")
    user: str = _text("User of the mailbox.", "odoo_incoming_user")
    password: str = _text("Password of the mailbox.", "odoo_incoming_password", secret=True)


@dataclasses.dataclass(frozen=True)
class Mail(Part):
    """How mail leaves the instance and comes in."""

    caught: bool = _flag(
        "Whether all mail goes to the instance's own catcher and none to people.",
        "odoo_mail", "true in every environment but prod unless it is given",
    )  # fmt: skip
    server: str = _text("Host of the mail server; empty for none.", "odoo_smtp_server")
    port: int = _number(
        "TCP port of the mail server.",
        "odoo_smtp_port", "587 with starttls, 465 with tls, 25 with none, unless it is given",
    )  # fmt: skip
    tls: str = _text("How the connection is encrypted: starttls, tls or none.", "odoo_smtp_tls")
    verify: bool = _flag("Whether the server's certificate is checked.", "odoo_smtp_verify")
    user: str = _text("User of the mail server; empty for none.", "odoo_smtp_user")
    password: str = _text("Password of that user.", "odoo_smtp_password", secret=True)
    sender: str = _text("Sender of mail that has no other one; may be empty.", "odoo_smtp_from")
    from_filter: str = _text(
        "Addresses and domains that the server may send from; empty for all.", "odoo_smtp_from_filter"
    )
    domain: str = _text("Domain at which answers arrive; empty for none.", "odoo_mail_domain")
    catchall: str = _text("Name before the @ to which answers go.", "odoo_mail_catchall")
    bounce: str = _text("Name before the @ to which undeliverable mail returns.", "odoo_mail_bounce")
    default_from: str = _text(
        "Name before the @, or address, from which mail is sent that may not have its author's.",
        "odoo_mail_default_from",
    )
    hostname: str = _text(
        "Host name of the catcher's page; empty without a catcher.",
        "odoo_mail_hostname", "mail. before the main host name unless it is given",
    )  # fmt: skip
    page_password: str = _text(
        "Password of the user mail of the catcher's page; empty without a catcher.",
        "odoo_mail_page_password", "generated once unless it is given", secret=True,
    )  # fmt: skip
    incoming: IncomingMail = _part(IncomingMail, "The mailbox that is fetched.")


@dataclasses.dataclass(frozen=True)
class Limits(Part):
    """What its containers may take of their machine."""

    memory: int | None = _number(
        "Memory of a replica; none to compute it from the machine.", "odoo_memory", unit="bytes", optional=True
    )
    run_memory: int | None = _number(
        "Memory of a one-off container; none for all that is left for Odoo on the machine.",
        "odoo_run_memory", unit="bytes", optional=True,
    )  # fmt: skip
    pids: int | None = _number(
        "Processes and threads of a container; none to compute them from the workers.",
        "odoo_pids", unit="processes", optional=True,
    )  # fmt: skip
    cpu_shares: int | None = _number(
        "Weight of the instance when processors are busy, which its replicas share; none for 1024.",
        "odoo_cpu_shares", unit="shares", optional=True,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Standing(Part):
    """What the inventory says about updates. It differs from the instance's settings in a run for which
    `-e` says otherwise.
    """

    update_modules: str = _text("As C(update_modules).", "odoo_update")
    migration_mode: str = _text("As C(migration.mode).", "odoo_migration_mode")
    allow_serie: bool = _flag("As C(migration.allow_serie).", "odoo_migration_allow_serie")


@dataclasses.dataclass(frozen=True)
class Instance(Part):
    """An Odoo instance: one database, the replicas that serve it, and all settings and secrets."""

    name: str = _text(
        "Name of the instance.", "odoo_instance", "its group in the inventory; the variable chooses among several"
    )
    environment: str = _text(
        "Environment: prod, integration, test, dev, or labs with a suffix.",
        derived="the environment group above the instance's group, with hyphens for underscores",
    )
    project: str = _text(
        "Short name of the customer or project.", "odoo_project", "the name without its environment unless it is given"
    )
    version: str = _text("Odoo version, such as 19.", "odoo_version")
    replicas: tuple[Replica, ...] = _parts(
        Replica, "The containers that serve the instance.", derived="made of the hosts of its group"
    )
    machine: str | None = _text(
        "Inventory host of the machine that it runs on; none without a replica.",
        derived="that of the first replica",
        optional=True,
    )
    hostnames: tuple[str, ...] = _list(
        "Host names of the site; the first one is the main one.",
        "odoo_hostnames",
        "<name>.localhost unless they are given",
    )
    base_url: str = _text(
        "Address of the site.",
        "odoo_hostnames, odoo_cloud_https_port",
        "https, the main host name, and the port unless it is 443",
    )
    image: Image = _part(Image, "The image of its containers, without custom code.")
    database: Database = _part(Database, "Its database.")
    owner_login: Login = _part(Login, "How to connect to the database as its owner.")
    redis: RedisUser = _part(RedisUser, "Its user of Redis.")
    bucket: Bucket = _part(Bucket, "Its bucket, for attachments.")
    code: Code | None = _part(Code, "Its custom code; none when it has none.", optional=True)
    drain_timeout: int = _number(
        "How long requests may take to end before a replica is replaced.", "odoo_drain_timeout", unit="seconds"
    )
    storage_account: StorageAccount = _part(StorageAccount, "Its account of the local object storage.")
    admin_login: str = _text("Login of Odoo's administrator.", "odoo_admin_login")
    admin_password: str = _text(
        "Password that the administrator gets when the database is initialised.",
        "odoo_admin_password", "generated once unless it is given", secret=True,
    )  # fmt: skip
    master_password: str = _text(
        "Password of Odoo's database manager.", "odoo_master_password", "generated once unless it is given", secret=True
    )
    modules: tuple[str, ...] = _list("Modules that are installed.", "odoo_modules", "with C(stateless.addons)")
    server_wide_modules: tuple[str, ...] = _list(
        "Modules that every process loads besides Odoo's own.",
        "odoo_server_wide_modules",
        "with C(stateless.server_wide)",
    )
    stateless: Stateless = _part(Stateless, "What makes its replicas disposable, and what is logged and measured.")
    language: str | None = _text(
        "Language that the first start loads; none for English.", "odoo_language", optional=True
    )
    mode: str = _text("Mode of the replicas: RunOnly, InstallAndRun or UpdateAndRun.", "odoo_mode")
    update_modules: str = _text(
        "What an update updates: changed, all, none, or names of modules with commas.", "odoo_update"
    )
    update_live: bool = _flag("Whether replicas go on serving while modules change.", "odoo_update_live")
    hooks_dir: str = _text("Folder on the machine with hooks; empty for those in the image.", "odoo_hooks_dir")
    hooks: str = _text("When hooks run after an update: changed or always.", "odoo_hooks")
    workers: int | None = _number(
        "HTTP workers of a replica; none to compute them from the machine.",
        "odoo_workers",
        unit="processes",
        optional=True,
    )
    max_cron_threads: int = _number("Cron workers of a replica.", "odoo_max_cron_threads", unit="processes")
    limit_memory_soft: int | None = _number(
        "Memory from which a worker ends after its request; none to compute it from the machine.",
        "odoo_limit_memory_soft", unit="bytes", optional=True,
    )  # fmt: skip
    limit_memory_hard: int | None = _number(
        "Memory that a worker can't exceed; none to compute it from the machine.",
        "odoo_limit_memory_hard", unit="bytes", optional=True,
    )  # fmt: skip
    limits: Limits = _part(Limits, "What its containers may take of their machine.")
    report_engine: str = _text(
        "What prints its reports, chromium (the platform's report service) or wkhtmltopdf (the program of its image).",
        "odoo_report_engine", "chromium with images from Debian's archive, wkhtmltopdf with official images, unless it is given",
    )  # fmt: skip
    limit_time_cpu: int = _number("Processor time that a request may take.", "odoo_limit_time_cpu", unit="seconds")
    limit_time_real: int = _number("Time that a request may take.", "odoo_limit_time_real", unit="seconds")
    addons_path: tuple[str, ...] = _list("More folders with addons inside the image.", "odoo_addons_path")
    addons_dirs: tuple[AddonsFolder, ...] = _parts(
        AddonsFolder, "Folders with addons on the machine, mounted into the containers.", "odoo_addons_dirs"
    )
    project_dir: str = _text(
        "Folder on the machine with songs, data and the migration file; empty for none.", "odoo_project_dir"
    )
    migration: Migration = _part(Migration, "Its migration file and how it is run.")
    standing: Standing = _part(
        Standing, "What the inventory says about updates, without what C(-e) says for one run; kept on the machine."
    )
    on_failure: str = _text(
        "What a failed update does: rollback or hold.",
        "odoo_on_failure", "rollback in prod unless odoo_restore_point is none, hold elsewhere, unless it is given",
    )  # fmt: skip
    restore_point: str = _text(
        "What is kept before an update changes anything: clone, dump, auto or none.",
        "odoo_restore_point", "auto in prod and when on_failure is rollback, none elsewhere, unless it is given",
    )  # fmt: skip
    conf: dict[str, t.Any] = _dict("More options of odoo.conf; they win over the computed ones.", "odoo_conf")
    max_upload: str = _text("Largest upload, a size as nginx takes it.", "odoo_max_upload")
    egress: str = _text("What its containers may reach outside the platform: open, listed or none.", "odoo_egress")
    egress_allowed: tuple[str, ...] = _list("What they may reach when it is listed.", "odoo_egress_allowed")
    mail: Mail = _part(Mail, "How mail leaves and comes in.")
    db_wait_timeout: int = _number(
        "How long a starting replica waits for PostgreSQL.", "odoo_db_wait_timeout", unit="seconds"
    )
    timeout: int = _number(
        "How long a replica waits for a database that is not open and that no run works on.",
        "odoo_timeout",
        unit="minutes",
    )
    holder_timeout: int = _number(
        "How long a run that holds the lock may be silent before it is taken over; 0 for ever.",
        "odoo_holder_timeout", unit="seconds",
    )  # fmt: skip
    reset_policy: str = _text("What is reset after an interrupted run: safe or seed.", "odoo_reset_policy")
    site: Site = _part(Site, "Its site.")
    secret_files: dict[str, str] = _dict(
        "Secrets of the containers, name of the file to content, besides the passwords of database and administrator.",
        derived="made of passwords and keys of Redis and of the store, and the token for metrics, when they are used", secret=True,
    )  # fmt: skip


def described(part: type[Part]) -> t.Iterator[About]:
    """The descriptions of all fields of an instance or a part of it, including nested ones."""
    for dummy, about in fields_of(part):
        yield about
        if about.part:
            yield from described(about.part)


def contains(part: type[Part]) -> dict[str, t.Any]:
    """The documentation of the fields in the form of `contains` in a plugin's RETURN block."""
    documented: dict[str, t.Any] = {}
    for name, about in fields_of(part):
        lines = [about.description]
        lines += [f"In {about.unit}."] if about.unit else []
        origin = f"From {', '.join(f'C({one})' for one in about.variables)}" if about.variables else ""
        if about.derived:
            origin = f"{origin}; {about.derived}" if origin else f"It is {about.derived}"
        lines += [f"{origin}."] if origin else []
        lines += ["Secret."] if about.secret else []
        documented[name] = {"description": lines, "type": about.kind}
        if about.kind == "list":
            documented[name]["elements"] = "dict" if about.part or about.read is not _texts else "str"
        if about.part:
            documented[name]["contains"] = contains(about.part)
    return documented
