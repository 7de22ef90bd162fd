# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The table of the Odoo containers' variables: everything that the runtime and the addons read from
the environment.

Used by everything that reads them, by the tables in docs/runtime.md and docs/addons.md (written by
`make docs`), by the check for misspelt names and to decide what is passed on to Odoo. Values are
parsed by values.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import values
from .odoo_facts import HEALTH_PATH, HTTP_PORT, LOGIN_PATH, ODOO_RC

# The modes of onesteinbv/odoo-docker (Restore comes with backups); docs/runtime.md describes them.
MODES = (
    "Init",
    "InstallOnly",
    "InstallAndRun",
    "UpdateOnly",
    "UpdateAndRun",
    "RunOnly",
    "ForceRunOnly",
    "ForceUpdateOnly",
    "ForceUpdateAndRun",
    "ForceReadyState",
)
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# What sets a variable
IMAGE = "image"
ROLE = "role odoo"  # in every container of an instance that needs it
RUN = "run"  # in the one-off containers of the role and the modules, and in no replica
USER = "you"  # nothing sets it by itself: in `odoo_env`, or where the container is started without the role

FIRST_VERSION = "0.1.0"

_LOCALE = r"[A-Za-z]{2,3}(_[A-Za-z]{2,3})?"
_GETTEXT = re.compile(
    rf"C|POSIX|en|(C|POSIX|{_LOCALE})\.[A-Za-z0-9-]+(@\w+)?|[\w.@-]*(:[\w.@-]*)+", re.ASCII
)  # a value of gettext's LANGUAGE that is no language of Odoo


# Kinds of value


@dataclass(frozen=True)
class Kind:
    """How a variable's value is read."""

    words: str = ""  # its name in the documentation
    strip: bool = True  # remove blanks around a value; a blank value then counts as not set

    @property
    def nothing(self) -> Any:
        """Value of a variable that is not set and has no default."""
        return None

    def read(self, name: str, text: str) -> Any:
        """Parse `text`, the value of the variable `name`. Durations are returned in seconds, sizes
        in bytes.

        Raises `values.WrongValue` if the text is not of this kind.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Kind):
    """Any text, or one that matches `pattern` as a whole."""

    words: str = "text"
    strip: bool = False
    pattern: str = ""
    right: str = ""  # the error text when the pattern doesn't match

    @property
    def nothing(self) -> str:
        return ""

    def read(self, name: str, text: str) -> str:
        text = text.strip() if self.strip else text
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise values.wrong(name, text, self.right)
        return text


@dataclass(frozen=True)
class Address(Text):
    """Text from which slashes at the end are removed."""

    def read(self, name: str, text: str) -> str:
        return super().read(name, text.rstrip("/"))


@dataclass(frozen=True)
class Path(Text):
    """A file or folder: an absolute path, unless `anywhere`. Slashes at its end are removed."""

    words: str = "folder"
    anywhere: bool = False

    def read(self, name: str, text: str) -> str:
        if not self.anywhere and not text.startswith("/"):
            raise values.wrong(name, text, "must be an absolute path")
        return text.rstrip("/") or "/"


@dataclass(frozen=True)
class Language(Text):
    """The code of a language of Odoo. gettext has a variable of the same name, which base images and
    engines set: a list (`en_US:en`), a locale (`en_US.UTF-8`, `C`) or `en`. Odoo has no such language,
    so these count as not set."""

    words: str = "code, `nl_NL`"
    pattern: str = r"[a-z]{2,3}(_([A-Z]{2,3}|[0-9]{3}))?(@[a-z]+)?"
    right: str = "must be a language of Odoo, like nl_NL"

    def read(self, name: str, text: str) -> str:
        return self.nothing if _GETTEXT.fullmatch(text) else super().read(name, text)


@dataclass(frozen=True)
class Choice(Text):
    """One word of `choices`."""

    words: str = ""
    strip: bool = True
    choices: tuple[str, ...] = ()

    def read(self, name: str, text: str) -> str:
        if text.strip() not in self.choices:
            raise values.wrong(name, text, f"must be one of {', '.join(self.choices)}")
        return text.strip()


@dataclass(frozen=True)
class Names(Kind):
    """Names of modules, or exactly one of the words in `alone`."""

    words: str = "names"
    alone: tuple[str, ...] = ()

    @property
    def nothing(self) -> tuple[str, ...]:
        return ()

    def read(self, name: str, text: str) -> tuple[str, ...]:
        found = values.names(name, text)
        if len(found) > 1 and set(self.alone) & set(found):
            words = f"{', '.join(self.alone[:-1])} or {self.alone[-1]}"
            raise values.wrong(name, text, f"must be {words}, or names of modules")
        return found


@dataclass(frozen=True)
class Boolean(Kind):
    """True or False; `None` when the variable is not set and has no default."""

    words: str = "boolean"
    right: str = "must be True or False"

    def read(self, name: str, text: str) -> bool:
        return values.boolean(name, text, self.right)


@dataclass(frozen=True)
class Number(Kind):
    """A number from `least` to `most`, both in the unit of the value."""

    words: str = "number"
    least: float = 0
    most: float | None = None
    whole: bool = False

    def read(self, name: str, text: str) -> int | float:
        return values.number(name, text, self.least, self.most, self.whole)


@dataclass(frozen=True)
class Duration(Number):
    """A duration: written in `unit`, read as seconds."""

    words: str = ""
    unit: str = "seconds"

    def read(self, name: str, text: str) -> int | float:
        return values.seconds(name, text, self.least, self.most, self.whole, self.unit)


@dataclass(frozen=True)
class Size(Kind):
    """A size: `512k`, `1g` or a number of bytes, read as bytes."""

    words: str = "size, bytes"

    def read(self, name: str, text: str) -> int:
        return values.size(name, text)


@dataclass(frozen=True)
class Port(Kind):
    """The number of a TCP port."""

    words: str = "port"

    def read(self, name: str, text: str) -> int:
        return values.port(name, text)


@dataclass(frozen=True)
class Secret(Kind):
    """A secret, which may also be in a file named by the variable with the suffix `_FILE`."""

    words: str = "secret"

    def read(self, name: str, text: str) -> str:
        return text


# The table


@dataclass(frozen=True)
class Variable:
    """One variable of the container."""

    name: str
    kind: Kind
    set_by: str
    text: str  # for the documentation: a sentence or two, in Markdown
    default: str = ""  # as it would be written in the environment; empty: none
    shown: str = ""  # the default as documented, if it differs between containers
    option: str = ""  # option of odoo.conf with the same meaning; if both are set they must agree
    own: bool = False  # only for the runtime and the hooks: not passed on to Odoo
    since: str = FIRST_VERSION

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return isinstance(self.kind, Secret)

    @property
    def names(self) -> tuple[str, ...]:
        """The name, for a secret also that of its file."""
        return (self.name, f"{self.name}_FILE") if self.secret else (self.name,)

    @property
    def unit(self) -> str:
        """`seconds`, `minutes` or `bytes`; empty for values without a unit."""
        return self.kind.unit if isinstance(self.kind, Duration) else "bytes" if isinstance(self.kind, Size) else ""

    def given(self, env: Mapping[str, str]) -> str:
        """Return the text that the environment `env` has for it, unparsed; empty if it isn't set."""
        text = env.get(self.name) or ""
        return text if text.strip() or not self.kind.strip else ""

    def read(self, env: Mapping[str, str], otherwise: str = "") -> Any:
        """Return its value in the environment `env`: a duration in seconds, a size in bytes.

        An empty variable counts as not set: then `otherwise` is parsed in its place, else the
        default. Raises `values.WrongValue`.
        """
        if self.secret:
            return values.secret(env, self.name)
        text = self.given(env) or otherwise or self.default
        return self.kind.read(self.name, text) if text else self.kind.nothing


@dataclass(frozen=True)
class Section:
    """Variables that belong together, under one heading of a page of the documentation."""

    title: str
    variables: tuple[Variable, ...]
    page: str = "runtime"


_SWITCH = Boolean()
_NAME = Text("name", strip=True)
_LINE = Text(strip=True)
_DATABASE_NAME = Text("name")
_VERSION_NUMBER = Text("`a.b.c`, `a.b.c.d.e`", strip=True)
# The wording of these errors is that of the addons' originals.
_ON = Boolean(right="say 1 or 0")
_POSITIVE = Number("whole number", least=1, whole=True)
_WHOLE_SECONDS = Duration(least=1, whole=True)

_MODE_AND_MODULES = Section(
    "Mode and modules",
    (
        Variable("MODE", Choice("word", choices=MODES), ROLE, "See [Modes](#modes).", "InstallAndRun", own=True),
        Variable(
            "MODULES",
            Names(),
            ROLE,
            "The modules that the database has to have; `base` is always one of them.",
            "base",
            own=True,
        ),
        Variable(
            "SERVER_WIDE_MODULES",
            Names(),
            USER,
            "The database has to have these too, and every process of Odoo loads them (`--load`). The role writes them to `odoo.conf`.",
            shown="Odoo's",
            option="server_wide_modules",
            own=True,
        ),
        Variable(
            "UPDATE",
            Names("`changed`, `all`, `none`, names", alone=("changed", "all", "none")),
            ROLE,
            "What the update modes update, see [below](#what-is-installed-and-updated).",
            "changed",
            own=True,
        ),
        Variable(
            "INSTALL_MISSING",
            _SWITCH,
            RUN,
            "The update modes also install those of `MODULES` that are missing.",
            "False",
            own=True,
        ),
        Variable(
            "RELEASE",
            Text(),
            ROLE,
            "Name of code and configuration, such as the image's ID. Only the same release resumes an interrupted run by itself.",
        ),
        Variable(
            "RESET_POLICY",
            Choice(choices=("safe", "seed")),
            ROLE,
            "`seed`: our own interrupted runs are reset after `TIMEOUT` too, as the original does.",
            "safe",
            own=True,
        ),
        Variable(
            "REBUILD_UNFINISHED",
            _SWITCH,
            USER,
            "If finishing a first installation fails, empty the database (it was never open) and start again.",
            "False",
            own=True,
        ),
        Variable(
            "LIST_DB",
            _SWITCH,
            USER,
            "Databases are chosen in Odoo, none is named; for `RunOnly` and `Init` only.",
            "False",
            own=True,
        ),
        Variable("REASON", _LINE, RUN, "Why a Force mode overrides a state; recorded. One line.", own=True),
        Variable("ACTOR", _LINE, RUN, "Who acts; recorded, 200 characters of it.", "odoo-cloud", own=True),
    ),
)

_A_NEW_DATABASE = Section(
    "A new database",
    (
        Variable("NO_DEMO", _SWITCH, USER, "No demonstration data.", "True", own=True),
        Variable(
            "LANGUAGE",
            Language(),
            ROLE,
            "A language that the first installation loads; it fails if Odoo doesn't know it. What only gettext understands (`en_US:en`,"
            " `en_US.UTF-8`, `C`, `en`) counts as not set.",
            own=True,
        ),
        Variable("ADMIN_LOGIN", Text(), ROLE, "Login of the administrator.", "admin", own=True),
        Variable(
            "ADMIN_PASSWORD",
            Secret(),
            ROLE,
            "The administrator's password; not `admin`. It is also set where somebody still has Odoo's default, see"
            " [below](#odoos-default-password).",
            own=True,
        ),
        Variable(
            "BASE_URL",
            Address(
                "`https://host`",
                pattern=r"(https?://[^\s/?#]+)?",
                right="must look like https://shop.example.com, without a path",
            ),
            ROLE,
            "`web.base.url`, frozen.",
            own=True,
        ),
    ),
)

_WAITING = Section(
    "Waiting",
    (
        Variable(
            "TIMEOUT",
            Duration(least=0.01, most=10080, unit="minutes"),
            ROLE,
            "How long to wait while nobody works on the database; also the age at which another tool's row is reset.",
            "30",
            own=True,
        ),
        Variable(
            "HOLDER_TIMEOUT",
            Duration(most=604800),
            ROLE,
            "A run whose heartbeat was seen unchanged for so long loses the lock to a container that can finish its work. 0: never.",
            "600",
            own=True,
        ),
        Variable(
            "DB_WAIT_TIMEOUT",
            Duration(most=86400),
            ROLE,
            "How long server, role and database are waited for.",
            "120",
            own=True,
        ),
        Variable(
            "WAIT",
            _SWITCH,
            RUN,
            "Wait for the lock, or end with 74.",
            shown="`False` for `UpdateOnly` and Force modes, else `True`",
            own=True,
        ),
        Variable(
            "WAITING_PAGE",
            _SWITCH,
            RUN,
            "The waiting page also in modes that end, for a container that stands in for the replicas.",
            "False",
            own=True,
        ),
        Variable(
            "GO_AHEAD_TIMEOUT",
            Duration(most=86400),
            RUN,
            "In modes that end: hold the lock and change nothing until SIGUSR1 says that the replicas are stopped, for so long; then 86."
            " 0: don't ask. See [The go-ahead](#the-go-ahead).",
            "0",
            own=True,
        ),
    ),
)

_MIGRATIONS_HOOKS_AND_EVENTS = Section(
    "Migrations, hooks and events",
    (
        Variable(
            "MIGRATION_FILE",
            Path("file or folder"),
            ROLE,
            "What has to be done for a version, see [migrations.md](migrations.md); for the modes that update.",
            own=True,
        ),
        Variable("MIGRATION_MODE", _NAME, ROLE, "The mode of the migration file.", own=True),
        Variable("MIGRATION_ALLOW_SERIE", _SWITCH, ROLE, "Several versions in one run.", "False", own=True),
        Variable(
            "MIGRATION_FORCE_VERSION",
            _VERSION_NUMBER,
            RUN,
            "This version alone, from its first step; for `UpdateOnly` and `ForceUpdateOnly`.",
            own=True,
        ),
        Variable("MIGRATION_NEXT", _VERSION_NUMBER, ROLE, "The number that the folder `next` has.", own=True),
        Variable(
            "STEPS",
            Text("JSON", strip=True),
            RUN,
            "A list of steps as in `post` of a migration file, done after the update, each time anew; for `UpdateOnly` and"
            " `ForceUpdateOnly`.",
            own=True,
        ),
        Variable(
            "SONG_PATH",
            Path(anywhere=True),
            RUN,
            "Where songs are looked for last, as beside a migration file.",
            own=True,
        ),
        Variable(
            "ODOO_DATA_PATH", Path(anywhere=True), ROLE, "Where relative paths of CSV files begin; anthem's variable."
        ),
        Variable(
            "EVENTS_FILE", Path("file"), RUN, "Where the run writes what it does, see [Events](#events).", own=True
        ),
        Variable(
            "HOOKS",
            Choice(choices=("changed", "always")),
            ROLE,
            "`always`: `post-update` hooks also run when neither modules nor hooks changed.",
            "changed",
            own=True,
        ),
        Variable("HOOKS_DIR", Path(), USER, "See [Hooks](#hooks).", "/opt/odoo-cloud/hooks", own=True),
        Variable("SCRIPTS_DIR", Path(), USER, "Where the original's scripts are.", "/odoo/scripts", own=True),
    ),
)

_THE_DATABASE = Section(
    "The database",
    (
        Variable(
            "DB_HOST",
            Text("name or folder"),
            ROLE,
            "Where PostgreSQL is.",
            "/var/run/postgresql",
            option="db_host",
            own=True,
        ),
        Variable("DB_PORT", Port(), ROLE, "Its port.", "5432", option="db_port", own=True),
        Variable("DB_NAME", _DATABASE_NAME, ROLE, "The database; required.", option="db_name", own=True),
        Variable(
            "DB_USER",
            _DATABASE_NAME,
            ROLE,
            "The role; required, here or in `odoo.conf` (`db_user`). With `DB_CLIENT_USER` or `Init` the one that creates roles and"
            " databases, and no business of `odoo.conf`.",
            option="db_user",
            own=True,
        ),
        Variable("DB_PASSWORD", Secret(), ROLE, "Its password.", own=True),
        Variable(
            "DB_CLIENT_USER",
            _DATABASE_NAME,
            USER,
            "The instance's own role, with `Init`, `InstallOnly`, `InstallAndRun`.",
            shown="`DB_NAME` with `Init`",
            option="db_user",
            own=True,
        ),
        Variable("DB_CLIENT_PASSWORD", Secret(), USER, "Its password.", own=True),
        Variable(
            "DB_SSLMODE",
            Choice("libpq's", choices=SSL_MODES),
            ROLE,
            "Encryption and checks of the connection.",
            "prefer",
            option="db_sslmode",
            own=True,
        ),
        Variable("DB_SSLROOTCERT", Text("file"), ROLE, "Certificate of the CA.", own=True),
        Variable(
            "DB_MAINTENANCE",
            _DATABASE_NAME,
            ROLE,
            "Database in which the lock is held: the same for all containers of a database, best one to which no other instance's roles"
            " can connect.",
            "postgres",
            own=True,
        ),
    ),
)

_RESTORE_POINTS_AND_REHEARSALS = Section(
    "Restore points and rehearsals",
    (
        Variable(
            "RESTORE_POINT",
            Choice(choices=("none", "auto", "clone", "dump")),
            RUN,
            "What is kept of the database before an update changes it, see [Restore points](#restore-points).",
            "none",
            own=True,
        ),
        Variable(
            "ON_FAILURE",
            Choice(choices=("hold", "rollback")),
            RUN,
            "What a failed update does with it; `rollback` needs a restore point.",
            "hold",
            own=True,
        ),
        Variable(
            "RESTORE_POINTS_KEEP",
            Number("whole number", most=1000, whole=True),
            USER,
            "So many restore points stay after an update that ended well.",
            "2",
            own=True,
        ),
        Variable("RESTORE_DIR", Path(), RUN, "Where dumps are kept.", own=True),
        Variable(
            "DB_ADMIN_USER",
            _DATABASE_NAME,
            RUN,
            "The role that copies and renames databases: with CREATEDB, and a member of `DB_USER`.",
            shown="`DB_USER`",
            own=True,
        ),
        Variable("DB_ADMIN_PASSWORD", Secret(), RUN, "Its password.", own=True),
        Variable(
            "DB_SPACE_DIR",
            Path(),
            RUN,
            "Any folder on the file system that holds the server's databases, to see how much is free; without it that isn't looked at.",
            own=True,
        ),
        Variable(
            "PG_BIN",
            Path(),
            USER,
            "Client programs of PostgreSQL, at least as new as the server.",
            shown="the search path",
            own=True,
        ),
        Variable(
            "REHEARSAL_COPY",
            Choice(choices=("auto", "template", "dump")),
            RUN,
            "How a rehearsal copies the database.",
            "auto",
            own=True,
        ),
        Variable("REHEARSAL_DIR", Path(), RUN, "Where a rehearsal has its data folder.", shown="`/tmp`", own=True),
        Variable(
            "REHEARSAL_NETWORK",
            _SWITCH,
            USER,
            "A rehearsal may run in a container that reaches other machines.",
            "False",
            own=True,
        ),
    ),
)

_THE_CONTAINER = Section(
    "The container",
    (
        Variable(
            "INSTANCE",
            Text(pattern=r"[A-Za-z0-9_][A-Za-z0-9_.-]*", right="must consist of letters, digits, '_', '-', '.'"),
            ROLE,
            "What the waiting page's JSON and the folder of static files are called.",
            shown="`DB_NAME`",
        ),
        Variable("REPLICA", Text(), ROLE, "Recorded as `host`.", shown="host name"),
        Variable("DATA_DIR", Text("folder"), USER, "Odoo's data folder.", "/var/lib/odoo", option="data_dir"),
        Variable(
            "STATIC_DIR",
            Path(),
            RUN,
            "Where the static files of all addons are copied for the proxy (`<INSTANCE>/current`, the copy before is `previous`): by modes"
            " that serve at their start, by others at their end, when all went well. Our roles set it in one-off containers only, so a"
            " replica can't write there.",
            own=True,
        ),
        Variable(
            "HEALTH_PATH",
            Text("path", pattern=r"/.*", right="must begin with '/'"),
            ROLE,
            "What the health check asks Odoo for; `/monitoring/readiness` of a stateless replica.",
            shown=f"`{HEALTH_PATH}`, on 14 `{LOGIN_PATH}`",
            own=True,
        ),
        Variable(
            "HTTP_PORT",
            Port(),
            USER,
            "Odoo's port, and the waiting page's until Odoo runs.",
            str(HTTP_PORT),
            f"`http_port` of `odoo.conf`, else {HTTP_PORT}",
            option="http_port",
        ),
        Variable("ODOO_RC", Text("file"), ROLE, "Odoo's configuration.", ODOO_RC),
        Variable("ODOO_BIN", Text("program"), USER, "Odoo's program.", shown="`odoo`, `odoo-bin`", own=True),
        Variable("ODOO_VERSION", Text("version"), IMAGE, "14 to 19; required."),
        Variable(
            "HOME",
            Text("folder"),
            ROLE,
            "Where programs keep files of their own.",
            shown="`DATA_DIR` instead of `/` and `/root`",
        ),
        Variable(
            "PYTHONPATH",
            Text("folders"),
            ROLE,
            "Where Odoo's Python finds more modules, such as those of custom code. The runtime's own folder is taken out of it.",
            own=True,
        ),
    ),
)

_ENVIRONMENT_AND_RULES = Section(
    "Environment and rules",
    (
        Variable("RUNNING_ENV", _NAME, ROLE, "The environment, unless `odoo.conf` has `running_env`."),
        Variable("ODOO_STAGE", _NAME, USER, "The environment, if neither of them is there."),
        # The rules refuse another kind, unless they are switched off.
        Variable(
            "ODOO_CLOUD_PLATFORM_KIND",
            Text("`exoscale`, `ovh`", strip=True),
            ROLE,
            "**New**: the kind that the database must have; its module sets itself up when it is installed or updated. The runtime"
            " then asks [the rules](#the-rules) before Odoo starts.",
        ),
        Variable(
            "ODOO_CLOUD_PROJECT", _NAME, ROLE, "**New**: the project; names of buckets and prefixes must be its own."
        ),
        Variable("ODOO_CLOUD_PLATFORM_UNSAFE", _ON, USER, "Nothing is checked.", "0"),
    ),
    "addons",
)

_CONNECTIONS_TO_POSTGRESQL = Section(
    "Connections to PostgreSQL",
    (
        Variable(
            "DATABASE_RECONNECT",
            _ON,
            USER,
            "**New**: a cursor takes another connection when its own is ended between two transactions; always off in installations and"
            " updates. The 503 of a server that is away doesn't depend on it.",
            "1",
        ),
    ),
    "addons",
)

_SESSIONS_IN_REDIS = Section(
    "Sessions in Redis",
    (
        Variable("ODOO_SESSION_REDIS", _ON, ROLE, "Sessions are kept in Redis.", "0"),
        Variable("ODOO_SESSION_REDIS_HOST", _NAME, ROLE, "The server.", "localhost"),
        Variable("ODOO_SESSION_REDIS_PORT", _POSITIVE, ROLE, "Its port.", "6379"),
        Variable("ODOO_SESSION_REDIS_USERNAME", _NAME, ROLE, "**New**: the user (ACL)."),
        Variable("ODOO_SESSION_REDIS_PASSWORD", Secret(), ROLE, "Its password."),
        Variable(
            "ODOO_SESSION_REDIS_URL",
            Secret(),
            ROLE,
            "In place of host and port: `redis://`, `rediss://` (TLS), `unix://`. A secret, since a password may be in it.",
        ),
        Variable(
            "ODOO_SESSION_REDIS_SENTINEL_HOST",
            _NAME,
            USER,
            "Sentinels, separated by commas, each with or without `:port`.",
        ),
        Variable("ODOO_SESSION_REDIS_SENTINEL_PORT", _POSITIVE, USER, "Port of those that don't name it.", "26379"),
        Variable(
            "ODOO_SESSION_REDIS_SENTINEL_MASTER_NAME",
            _NAME,
            USER,
            "The master that they watch; required with sentinels.",
        ),
        Variable("ODOO_SESSION_REDIS_SENTINEL_USERNAME", _NAME, USER, "**New**: for the sentinels themselves."),
        Variable("ODOO_SESSION_REDIS_SENTINEL_PASSWORD", Secret(), USER, "**New**: likewise."),
        Variable("ODOO_SESSION_REDIS_CLUSTER", _ON, USER, "A Redis Cluster is refused at start.", "0"),
        Variable("ODOO_SESSION_REDIS_PREFIX", _NAME, ROLE, "Keys are `session::<prefix>:<session id>`."),
        Variable(
            "ODOO_SESSION_REDIS_EXPIRATION",
            _WHOLE_SECONDS,
            ROLE,
            "How long a session is kept that is logged in.",
            "604800",
        ),
        Variable(
            "ODOO_SESSION_REDIS_EXPIRATION_ANONYMOUS", _WHOLE_SECONDS, ROLE, "How long one is kept that isn't.", "10800"
        ),
        Variable(
            "ODOO_SESSION_REDIS_SSL",
            _ON,
            ROLE,
            "TLS with host and port, or sentinels; with a URL its scheme says it.",
            "0",
        ),
        Variable("ODOO_SESSION_REDIS_SSL_CERT_REQS", _ON, USER, "Whether the certificate is checked.", "1"),
        Variable(
            "ODOO_SESSION_REDIS_SSL_CA_CERTS",
            Text("file", strip=True),
            ROLE,
            "**New**: certificates of the authority.",
            shown="the system's",
        ),
        Variable("ODOO_SESSION_REDIS_TIMEOUT", Duration(least=0.1), USER, "**New**: for each step.", "2"),
        Variable(
            "ODOO_SESSION_REDIS_COPY_EXISTING_FS_SESSIONS", _ON, USER, "Take over the sessions that are in files.", "1"
        ),
    ),
    "addons",
)

_ATTACHMENTS = Section(
    "Attachments",
    (
        Variable("DISABLE_ATTACHMENT_STORAGE", _ON, USER, "The store is neither read nor written.", "0"),
        Variable(
            "ODOO_DIRECT_DOWNLOAD_BYTES",
            Size(),
            ROLE,
            "**New**: from this size on files go from the store to nginx, past Odoo; asking the store twice costs more for smaller ones."
            " 0: never.",
            "1048576",
        ),
        Variable("AWS_HOST", _NAME, ROLE, "The store's address, https if it doesn't say.", shown="AWS"),
        Variable("AWS_REGION", _NAME, ROLE, "The store's region."),
        Variable("AWS_ACCESS_KEY_ID", Secret(), ROLE, "The key."),
        Variable("AWS_SECRET_ACCESS_KEY", Secret(), ROLE, "Its secret."),
        Variable("AWS_USE_IRSA", _ON, USER, "No keys, but the role of the machine, task or pod.", "0"),
        Variable("AWS_BUCKETNAME", _NAME, ROLE, "The bucket; `{db}` in it stands for the database's name."),
        Variable(
            "AWS_BUCKETNAME_UNSTRUCTURED",
            Text(),
            USER,
            "Anything, also `0`: the rules of the bucket's name don't hold.",
        ),
        Variable("AWS_CONNECT_TIMEOUT", _WHOLE_SECONDS, USER, "**New**: for a connection; three attempts.", "5"),
        Variable("AWS_READ_TIMEOUT", _WHOLE_SECONDS, USER, "**New**: for an answer; three attempts.", "60"),
        Variable("SWIFT_AUTH_URL", _NAME, ROLE, "Keystone v3, or TempAuth if it ends with `/v1.0`."),
        Variable("SWIFT_ACCOUNT", _NAME, ROLE, "The user."),
        Variable("SWIFT_PASSWORD", Secret(), ROLE, "Its password."),
        Variable("SWIFT_PROJECT_NAME", _NAME, ROLE, "The project."),
        Variable("SWIFT_TENANT_NAME", _NAME, USER, "Old name of `SWIFT_PROJECT_NAME`."),
        Variable("SWIFT_REGION_NAME", _NAME, ROLE, "The region."),
        Variable("SWIFT_WRITE_CONTAINER", _NAME, ROLE, "**New**: the container; also with `{db}`."),
        Variable("SWIFT_WRITE_CONTAINER_UNSTRUCTURED", Text(), USER, "As for the bucket."),
        Variable("SWIFT_TIMEOUT", _WHOLE_SECONDS, USER, "**New**: for an answer.", "15"),
    ),
    "addons",
)

_LOGS_AND_METRICS = Section(
    "Logs and metrics",
    (
        Variable("ODOO_LOGGING_JSON", _ON, ROLE, "The log is JSON.", "0"),
        Variable("ODOO_METRICS_TOKEN", Secret(), ROLE, "**New**: who has it may read `/metrics`."),
        Variable(
            "PROMETHEUS_MULTIPROC_DIR",
            Text("folder"),
            USER,
            "**New**: prometheus_client's own variable.",
            shown="a folder in `/tmp`",
        ),
        Variable("ODOO_STATSD", _ON, ROLE, "Times of requests are sent to statsd.", "0"),
        Variable("STATSD_CUSTOMER", _NAME, ROLE, "Part of the metrics' names; required with statsd."),
        Variable("STATSD_ENVIRONMENT", _NAME, ROLE, "Part of the metrics' names.", shown="the running environment"),
        Variable("STATSD_HOST", _NAME, ROLE, "The server.", "localhost"),
        Variable("STATSD_PORT", _POSITIVE, ROLE, "Its port.", "8125"),
        Variable("STATSD_MAXUDPSIZE", _POSITIVE, USER, "Most bytes of one message.", "512"),
        Variable("STATSD_IPV6", _ON, USER, "The server has an IPv6 address.", "0"),
    ),
    "addons",
)

SECTIONS: tuple[Section, ...] = (
    _MODE_AND_MODULES,
    _A_NEW_DATABASE,
    _WAITING,
    _MIGRATIONS_HOOKS_AND_EVENTS,
    _THE_DATABASE,
    _RESTORE_POINTS_AND_REHEARSALS,
    _THE_CONTAINER,
    _ENVIRONMENT_AND_RULES,
    _CONNECTIONS_TO_POSTGRESQL,
    _SESSIONS_IN_REDIS,
    _ATTACHMENTS,
    _LOGS_AND_METRICS,
)
VARIABLES: Mapping[str, Variable] = {one.name: one for section in SECTIONS for one in section.variables}
# Every name in the environment that has a meaning here, including those of the secrets' files
NAMES = frozenset(name for one in VARIABLES.values() for name in one.names)
# Passed by the runtime's own programs to each other, to hooks and to Odoo; nothing else sets them.
HANDED_ON = ("ODOO_CLOUD_ORDER", "ODOO_CLOUD_EXECUTABLE", "ODOO_CLOUD_RUN_ID", "ODOO_PGAPPNAME", "HOOK")
