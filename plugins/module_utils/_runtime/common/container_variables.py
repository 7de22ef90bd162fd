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
from .odoo_facts import DATA_DIR, HEALTH_PATH, HTTP_PORT, LOGIN_PATH, ODOO_RC

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
        Variable(
            "MODE",
            Choice("word", choices=MODES),
            ROLE,
            "What the container does, see [Modes](#modes).",
            "InstallAndRun",
            own=True,
        ),
        Variable(
            "MODULES",
            Names(),
            ROLE,
            "Modules that must be installed in the database; `base` is always one of them.",
            "base",
            own=True,
        ),
        Variable(
            "SERVER_WIDE_MODULES",
            Names(),
            USER,
            "Modules that every process of Odoo loads (`--load`) and that must be installed too. The role writes"
            " them to `odoo.conf`.",
            shown="Odoo's",
            option="server_wide_modules",
            own=True,
        ),
        Variable(
            "UPDATE",
            Names("`changed`, `all`, `none`, names", alone=("changed", "all", "none")),
            ROLE,
            "Modules that the update modes update, see [below](#what-is-installed-and-updated).",
            "changed",
            own=True,
        ),
        Variable(
            "INSTALL_MISSING",
            _SWITCH,
            RUN,
            "Whether the update modes also install modules of `MODULES` that are not installed.",
            "False",
            own=True,
        ),
        Variable(
            "RELEASE",
            Text(),
            ROLE,
            "Name of code and configuration, such as the image's ID. An interrupted run is resumed without an"
            " operator only by a container with the same release.",
        ),
        Variable(
            "RESET_POLICY",
            Choice(choices=("safe", "seed")),
            ROLE,
            "What happens to an interrupted run of this runtime. `safe` finishes it. `seed` resets its state once"
            " it is `TIMEOUT` old, as onesteinbv/odoo-docker does.",
            "safe",
            own=True,
        ),
        Variable(
            "REBUILD_UNFINISHED",
            _SWITCH,
            USER,
            "Whether a first installation that can't be finished is started again with an emptied database. The"
            " database was never open then.",
            "False",
            own=True,
        ),
        Variable(
            "LIST_DB",
            _SWITCH,
            USER,
            "Whether users choose the database in Odoo, so that no `DB_NAME` is needed; for `RunOnly` and `Init` only.",
            "False",
            own=True,
        ),
        Variable(
            "REASON", _LINE, RUN, "Why a Force mode overrides a state, one line; recorded in the history.", own=True
        ),
        Variable(
            "ACTOR",
            _LINE,
            RUN,
            "Name of the person or program that starts the run; the first 200 characters are recorded in the history.",
            "odoo-cloud",
            own=True,
        ),
    ),
)

_A_NEW_DATABASE = Section(
    "A new database",
    (
        Variable("NO_DEMO", _SWITCH, USER, "Whether Odoo's demonstration data is left out.", "True", own=True),
        Variable(
            "LANGUAGE",
            Language(),
            ROLE,
            "Language that the first installation loads. The installation fails if Odoo doesn't know it. A value that only gettext"
            " understands (`en_US:en`, `en_US.UTF-8`, `C`, `en`) counts as not set.",
            own=True,
        ),
        Variable("ADMIN_LOGIN", Text(), ROLE, "Login of Odoo's administrator.", "admin", own=True),
        Variable(
            "ADMIN_PASSWORD",
            Secret(),
            ROLE,
            "Password that the administrator gets when the database is initialised; not `admin`. Later it is set"
            " only where an administrator still has Odoo's default password, see [below](#odoos-default-password).",
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
            "Address of the site. Odoo's parameter `web.base.url` is set to it and frozen.",
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
            "How long a container waits for a database that is not open and on which no run works. It is also the"
            " age at which another tool's state is reset.",
            "30",
            own=True,
        ),
        Variable(
            "HOLDER_TIMEOUT",
            Duration(most=604800),
            ROLE,
            "Time without a sign of life after which a run that holds the lock is taken over by a container that"
            " can finish its work. 0 means never.",
            "600",
            own=True,
        ),
        Variable(
            "DB_WAIT_TIMEOUT",
            Duration(most=86400),
            ROLE,
            "How long a starting container waits for PostgreSQL, its role and the database.",
            "120",
            own=True,
        ),
        Variable(
            "WAIT",
            _SWITCH,
            RUN,
            "Whether the container waits for the lock. If not, it ends with 74 when another run holds the lock.",
            shown="`False` for `UpdateOnly` and Force modes, else `True`",
            own=True,
        ),
        Variable(
            "WAITING_PAGE",
            _SWITCH,
            RUN,
            "Whether the waiting page is also shown in modes that end, by a container that replaces the replicas"
            " meanwhile.",
            "False",
            own=True,
        ),
        Variable(
            "GO_AHEAD_TIMEOUT",
            Duration(most=86400),
            RUN,
            "In modes that end: how long the run holds the lock and changes nothing until SIGUSR1 signals that"
            " the replicas are stopped; then it ends with 86. With 0 it doesn't wait for the signal. See [The"
            " go-ahead](#the-go-ahead).",
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
            "Migration file or folder with the steps of each version, see [migrations.md](migrations.md); for the"
            " modes that update.",
            own=True,
        ),
        Variable(
            "MIGRATION_MODE", _NAME, ROLE, "Mode of the migration file, for example `prod` or `sample`.", own=True
        ),
        Variable(
            "MIGRATION_ALLOW_SERIE",
            _SWITCH,
            ROLE,
            "Whether several pending versions run one after the other in one run.",
            "False",
            own=True,
        ),
        Variable(
            "MIGRATION_FORCE_VERSION",
            _VERSION_NUMBER,
            RUN,
            "Only this version runs, from its first step, also if it was done before; for `UpdateOnly` and"
            " `ForceUpdateOnly`.",
            own=True,
        ),
        Variable(
            "MIGRATION_NEXT",
            _VERSION_NUMBER,
            ROLE,
            "Version number of the folder `next` of a migration folder. Without it, that folder is ignored.",
            own=True,
        ),
        Variable(
            "STEPS",
            Text("JSON", strip=True),
            RUN,
            "List of steps as in `post` of a migration file, which run after the update, each time again; for"
            " `UpdateOnly` and `ForceUpdateOnly`.",
            own=True,
        ),
        Variable(
            "SONG_PATH",
            Path(anywhere=True),
            RUN,
            "Folder from which Python imports songs if they are not found elsewhere, as from the folder of a"
            " migration file.",
            own=True,
        ),
        Variable(
            "ODOO_DATA_PATH",
            Path(anywhere=True),
            ROLE,
            "Folder against which relative paths of CSV files are resolved; anthem's variable.",
        ),
        Variable(
            "EVENTS_FILE",
            Path("file"),
            RUN,
            "File to which the run writes its events, see [Events](#events).",
            own=True,
        ),
        Variable(
            "HOOKS",
            Choice(choices=("changed", "always")),
            ROLE,
            "Whether the hooks after an update (`post-update`) run only when modules or hooks changed, or in"
            " every run (`always`).",
            "changed",
            own=True,
        ),
        Variable(
            "HOOKS_DIR", Path(), USER, "Folder with hooks, see [Hooks](#hooks).", "/opt/odoo-cloud/hooks", own=True
        ),
        Variable(
            "SCRIPTS_DIR", Path(), USER, "Folder with the scripts of onesteinbv/odoo-docker.", "/odoo/scripts", own=True
        ),
    ),
)

_THE_DATABASE = Section(
    "The database",
    (
        Variable(
            "DB_HOST",
            Text("name or folder"),
            ROLE,
            "Folder of PostgreSQL's socket, or PostgreSQL's host name.",
            "/var/run/postgresql",
            option="db_host",
            own=True,
        ),
        Variable("DB_PORT", Port(), ROLE, "Port of PostgreSQL.", "5432", option="db_port", own=True),
        Variable("DB_NAME", _DATABASE_NAME, ROLE, "Name of the database; required.", option="db_name", own=True),
        Variable(
            "DB_USER",
            _DATABASE_NAME,
            ROLE,
            "PostgreSQL role that owns the database; required, here or in `odoo.conf` (`db_user`). With"
            " `DB_CLIENT_USER` or `Init` it is the role that creates roles and databases, and `odoo.conf` does not"
            " name it.",
            option="db_user",
            own=True,
        ),
        Variable("DB_PASSWORD", Secret(), ROLE, "Password of `DB_USER`.", own=True),
        Variable(
            "DB_CLIENT_USER",
            _DATABASE_NAME,
            USER,
            "PostgreSQL role that owns the database, if `DB_USER` is another one; for `Init`, `InstallOnly`,"
            " `InstallAndRun`.",
            shown="`DB_NAME` with `Init`",
            option="db_user",
            own=True,
        ),
        Variable("DB_CLIENT_PASSWORD", Secret(), USER, "Password of `DB_CLIENT_USER`.", own=True),
        Variable(
            "DB_SSLMODE",
            Choice("libpq's", choices=SSL_MODES),
            ROLE,
            "How the connection is encrypted and the server checked.",
            "prefer",
            option="db_sslmode",
            own=True,
        ),
        Variable(
            "DB_SSLROOTCERT",
            Text("file"),
            ROLE,
            "File with the certificate of the authority with which PostgreSQL's certificate is checked.",
            own=True,
        ),
        Variable(
            "DB_MAINTENANCE",
            _DATABASE_NAME,
            ROLE,
            "Database in which the lock is taken. It must be the same for all containers of a database, and"
            " should be one to which no other instance's roles can connect.",
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
            "Copy of the database that is kept before an update changes it, see [Restore points](#restore-points).",
            "none",
            own=True,
        ),
        Variable(
            "ON_FAILURE",
            Choice(choices=("hold", "rollback")),
            RUN,
            "What happens after a failed update. `rollback` goes back to the restore point if nobody can have"
            " written since, and needs one; `hold` leaves the database closed until an operator decides.",
            "hold",
            own=True,
        ),
        Variable(
            "RESTORE_POINTS_KEEP",
            Number("whole number", most=1000, whole=True),
            USER,
            "Number of restore points that stay after a successful update.",
            "2",
            own=True,
        ),
        Variable("RESTORE_DIR", Path(), RUN, "Folder in which dumps are kept.", own=True),
        Variable(
            "DB_ADMIN_USER",
            _DATABASE_NAME,
            RUN,
            "PostgreSQL role that copies and renames databases (the instance's keeper): with CREATEDB, and a"
            " member of `DB_USER`.",
            shown="`DB_USER`",
            own=True,
        ),
        Variable("DB_ADMIN_PASSWORD", Secret(), RUN, "Password of `DB_ADMIN_USER`.", own=True),
        Variable(
            "DB_SPACE_DIR",
            Path(),
            RUN,
            "Any folder on the file system of the server's databases, to measure its free space. Without it, free"
            " space is not checked.",
            own=True,
        ),
        Variable(
            "PG_BIN",
            Path(),
            USER,
            "Folder with PostgreSQL's client programs, at least as new as the server.",
            shown="the search path",
            own=True,
        ),
        Variable(
            "REHEARSAL_COPY",
            Choice(choices=("auto", "template", "dump")),
            RUN,
            "How a rehearsal copies the database, see the module `odoo_rehearsal`.",
            "auto",
            own=True,
        ),
        Variable(
            "REHEARSAL_DIR",
            Path(),
            RUN,
            "Folder in which a rehearsal creates its data folder.",
            shown="`/tmp`",
            own=True,
        ),
        Variable(
            "REHEARSAL_NETWORK",
            _SWITCH,
            USER,
            "Whether a rehearsal may run in a container that reaches other machines.",
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
            "Name of the instance in the waiting page's JSON and in the path of its static files.",
            shown="`DB_NAME`",
        ),
        Variable("REPLICA", Text(), ROLE, "Name of the replica, recorded as `host` in the history.", shown="host name"),
        Variable("DATA_DIR", Text("folder"), USER, "Odoo's data folder.", DATA_DIR, option="data_dir"),
        Variable(
            "STATIC_DIR",
            Path(),
            RUN,
            "Folder to which the static files of all addons are copied for the proxy (`<INSTANCE>/current`, the"
            " copy before is `previous`). Modes that serve copy them at their start, other modes after a"
            " successful end. The role sets it only in one-off containers, so a replica can't write there.",
            own=True,
        ),
        Variable(
            "HEALTH_PATH",
            Text("path", pattern=r"/.*", right="must begin with '/'"),
            ROLE,
            "Path of Odoo that the health check requests; `/monitoring/readiness` of a stateless replica.",
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
        Variable(
            "ODOO_REPORT_SOCKET",
            Text("socket"),
            ROLE,
            "Socket of the report service, which prints; without it the image's own wkhtmltopdf does.",
        ),
        Variable("ODOO_RC", Text("file"), ROLE, "File with Odoo's configuration.", ODOO_RC),
        Variable("ODOO_BIN", Text("program"), USER, "Odoo's program.", shown="`odoo`, `odoo-bin`", own=True),
        Variable("ODOO_VERSION", Text("version"), IMAGE, "Version of Odoo, 14 to 19; required."),
        Variable(
            "HOME",
            Text("folder"),
            ROLE,
            "Folder in which programs keep their own files.",
            shown="`DATA_DIR` instead of `/` and `/root`",
        ),
        Variable(
            "PYTHONPATH",
            Text("folders"),
            ROLE,
            "Folders from which Odoo's Python imports additional modules, such as those of custom code. The"
            " runtime's own folder is removed from it.",
            own=True,
        ),
    ),
)

_ENVIRONMENT_AND_RULES = Section(
    "Environment and rules",
    (
        Variable("RUNNING_ENV", _NAME, ROLE, "Name of the environment, unless `odoo.conf` has `running_env`."),
        Variable(
            "ODOO_STAGE", _NAME, USER, "Name of the environment, if neither `odoo.conf` nor `RUNNING_ENV` sets it."
        ),
        # The rules refuse another kind, unless they are switched off.
        Variable(
            "ODOO_CLOUD_PLATFORM_KIND",
            Text("`exoscale`, `ovh`", strip=True),
            ROLE,
            "**New**: protocol of the attachments' store: `exoscale` is S3, `ovh` is Swift. The database must be"
            " of the same kind; the kind's module sets this up when it is installed or updated. If the variable is"
            " set, the runtime checks [the rules](#the-rules) before Odoo starts.",
        ),
        Variable(
            "ODOO_CLOUD_PROJECT",
            _NAME,
            ROLE,
            "**New**: short name of the customer or project. If it is set, bucket and prefix must be exactly"
            " those of the project and the environment.",
        ),
        Variable(
            "ODOO_CLOUD_PLATFORM_UNSAFE",
            _ON,
            USER,
            "Whether the checks of [the rules](#the-rules) are switched off.",
            "0",
        ),
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
            "**New**: whether a cursor takes another connection when its own was closed between two transactions;"
            " always off in installations and updates. It doesn't change the 503 that is sent while the server"
            " can't be reached.",
            "1",
        ),
    ),
    "addons",
)

_SESSIONS_IN_REDIS = Section(
    "Sessions in Redis",
    (
        Variable("ODOO_SESSION_REDIS", _ON, ROLE, "Whether sessions are kept in Redis.", "0"),
        Variable("ODOO_SESSION_REDIS_HOST", _NAME, ROLE, "Host name of Redis.", "localhost"),
        Variable("ODOO_SESSION_REDIS_PORT", _POSITIVE, ROLE, "Port of Redis.", "6379"),
        Variable("ODOO_SESSION_REDIS_USERNAME", _NAME, ROLE, "**New**: user of Redis (ACL)."),
        Variable("ODOO_SESSION_REDIS_PASSWORD", Secret(), ROLE, "Password of that user."),
        Variable(
            "ODOO_SESSION_REDIS_URL",
            Secret(),
            ROLE,
            "Address of Redis instead of host and port: `redis://`, `rediss://` (TLS), `unix://`. It is a secret,"
            " since it may contain a password.",
        ),
        Variable(
            "ODOO_SESSION_REDIS_SENTINEL_HOST",
            _NAME,
            USER,
            "Sentinels, separated by commas, each with or without `:port`.",
        ),
        Variable("ODOO_SESSION_REDIS_SENTINEL_PORT", _POSITIVE, USER, "Port of sentinels without `:port`.", "26379"),
        Variable(
            "ODOO_SESSION_REDIS_SENTINEL_MASTER_NAME",
            _NAME,
            USER,
            "Name of the master that the sentinels watch; required with sentinels.",
        ),
        Variable("ODOO_SESSION_REDIS_SENTINEL_USERNAME", _NAME, USER, "**New**: user of the sentinels themselves."),
        Variable("ODOO_SESSION_REDIS_SENTINEL_PASSWORD", Secret(), USER, "**New**: password of that user."),
        Variable(
            "ODOO_SESSION_REDIS_CLUSTER",
            _ON,
            USER,
            "Whether Redis is a Redis Cluster, which is not supported: 1 is refused at the start.",
            "0",
        ),
        Variable(
            "ODOO_SESSION_REDIS_PREFIX", _NAME, ROLE, "Prefix of the sessions' keys, `session::<prefix>:<session id>`."
        ),
        Variable(
            "ODOO_SESSION_REDIS_EXPIRATION",
            _WHOLE_SECONDS,
            ROLE,
            "Time after which an unused session ends.",
            "604800",
        ),
        Variable(
            "ODOO_SESSION_REDIS_EXPIRATION_ANONYMOUS",
            _WHOLE_SECONDS,
            ROLE,
            "Time after which an unused session of a visitor who is not logged in ends.",
            "3600",
        ),
        Variable(
            "ODOO_SESSION_REDIS_SSL",
            _ON,
            ROLE,
            "Whether the connection uses TLS, with host and port or with sentinels. With an address, its scheme"
            " decides.",
            "0",
        ),
        Variable("ODOO_SESSION_REDIS_SSL_CERT_REQS", _ON, USER, "Whether the server's certificate is checked.", "1"),
        Variable(
            "ODOO_SESSION_REDIS_SSL_CA_CERTS",
            Text("file", strip=True),
            ROLE,
            "**New**: file with the certificates of the authorities that are trusted for Redis.",
            shown="the system's",
        ),
        Variable(
            "ODOO_SESSION_REDIS_TIMEOUT",
            Duration(least=0.1),
            USER,
            "**New**: how long each step (connecting, sending, receiving) may take.",
            "2",
        ),
        Variable(
            "ODOO_SESSION_REDIS_COPY_EXISTING_FS_SESSIONS",
            _ON,
            USER,
            "Whether sessions that are still in files are taken over.",
            "1",
        ),
    ),
    "addons",
)

_ATTACHMENTS = Section(
    "Attachments",
    (
        Variable(
            "DISABLE_ATTACHMENT_STORAGE",
            _ON,
            USER,
            "Whether the store is switched off, so that it is neither read nor written.",
            "0",
        ),
        Variable(
            "ODOO_DIRECT_DOWNLOAD_BYTES",
            Size(),
            ROLE,
            "**New**: attachments in the store of at least this size go from there to nginx and not through Odoo."
            " For smaller ones the additional request costs more than it saves. 0 means never.",
            "1048576",
        ),
        Variable("AWS_HOST", _NAME, ROLE, "Address of the store; https unless it has a scheme.", shown="AWS"),
        Variable("AWS_REGION", _NAME, ROLE, "Region of the store."),
        Variable("AWS_ACCESS_KEY_ID", Secret(), ROLE, "Access key of the bucket."),
        Variable("AWS_SECRET_ACCESS_KEY", Secret(), ROLE, "Secret key of the bucket."),
        Variable("AWS_USE_IRSA", _ON, USER, "Whether no keys are used, but the role of the machine, task or pod.", "0"),
        Variable("AWS_BUCKETNAME", _NAME, ROLE, "Name of the bucket; `{db}` in it stands for the database's name."),
        Variable(
            "AWS_BUCKETNAME_UNSTRUCTURED",
            Text(),
            USER,
            "With any value, even `0`, the rules for the bucket's name are not checked.",
        ),
        Variable(
            "AWS_CONNECT_TIMEOUT", _WHOLE_SECONDS, USER, "**New**: how long connecting may take; three attempts.", "5"
        ),
        Variable(
            "AWS_READ_TIMEOUT", _WHOLE_SECONDS, USER, "**New**: how long an answer may take; three attempts.", "60"
        ),
        Variable("SWIFT_AUTH_URL", _NAME, ROLE, "Address of Keystone (v3), or of TempAuth if it ends with `/v1.0`."),
        Variable("SWIFT_ACCOUNT", _NAME, ROLE, "Swift user."),
        Variable("SWIFT_PASSWORD", Secret(), ROLE, "Password of the Swift user."),
        Variable("SWIFT_PROJECT_NAME", _NAME, ROLE, "Project of Keystone."),
        Variable("SWIFT_TENANT_NAME", _NAME, USER, "Old name of `SWIFT_PROJECT_NAME`."),
        Variable("SWIFT_REGION_NAME", _NAME, ROLE, "Region of Keystone."),
        Variable(
            "SWIFT_WRITE_CONTAINER",
            _NAME,
            ROLE,
            "**New**: name of the Swift container for attachments; `{db}` in it stands for the database's name.",
        ),
        Variable(
            "SWIFT_WRITE_CONTAINER_UNSTRUCTURED",
            Text(),
            USER,
            "With any value, even `0`, the rules for the container's name are not checked.",
        ),
        Variable("SWIFT_TIMEOUT", _WHOLE_SECONDS, USER, "**New**: how long an answer may take.", "15"),
    ),
    "addons",
)

_LOGS_AND_METRICS = Section(
    "Logs and metrics",
    (
        Variable("ODOO_LOGGING_JSON", _ON, ROLE, "Whether Odoo logs JSON, one object a line.", "0"),
        Variable(
            "ODOO_METRICS_TOKEN",
            Secret(),
            ROLE,
            "**New**: token that a client needs to read `/metrics`. Without it, everybody on the container's"
            " network may read it.",
        ),
        Variable(
            "PROMETHEUS_MULTIPROC_DIR",
            Text("folder"),
            USER,
            "**New**: folder in which Odoo's processes keep their metrics; prometheus_client's own variable.",
            shown="a folder in `/tmp`",
        ),
        Variable("ODOO_STATSD", _ON, ROLE, "Whether times of requests are sent to statsd.", "0"),
        Variable("STATSD_CUSTOMER", _NAME, ROLE, "Customer in the metrics' names; required with statsd."),
        Variable(
            "STATSD_ENVIRONMENT", _NAME, ROLE, "Environment in the metrics' names.", shown="the running environment"
        ),
        Variable("STATSD_HOST", _NAME, ROLE, "Host of statsd.", "localhost"),
        Variable("STATSD_PORT", _POSITIVE, ROLE, "UDP port of `STATSD_HOST`.", "8125"),
        Variable("STATSD_MAXUDPSIZE", _POSITIVE, USER, "Largest size of one message, in bytes.", "512"),
        Variable("STATSD_IPV6", _ON, USER, "Whether the connection to statsd uses IPv6.", "0"),
    ),
    "addons",
)

_MAIL = Section(
    "Mail",
    (
        Variable(
            "MAIL_CATCHER",
            Text(
                "`host:port`", strip=True, pattern=r"([A-Za-z0-9._-]+:[0-9]{1,5})?", right="must look like catcher:1025"
            ),
            ROLE,
            "The catcher that takes all mail, whatever servers the database has. Nothing is fetched then.",
        ),
        Variable(
            "SMTP_TLS",
            Choice("`starttls`, `tls`, `none`", choices=("starttls", "tls", "none")),
            ROLE,
            "How the connection to the server of `odoo.conf` is encrypted: `tls` is from its beginning.",
            "starttls",
        ),
        Variable("SMTP_VERIFY", _ON, ROLE, "Whether that server's certificate and name are checked.", "1"),
        Variable("SMTP_PASSWORD", Secret(), ROLE, "Password of `smtp_user` of `odoo.conf`."),
        Variable(
            "MAIL_DOMAIN",
            _NAME,
            ROLE,
            "Domain at which answers arrive. A start sets it, and the next three, in the database.",
            own=True,
        ),
        Variable("MAIL_CATCHALL", _NAME, ROLE, "Name before the `@` to which answers go.", "catchall", own=True),
        Variable(
            "MAIL_BOUNCE", _NAME, ROLE, "Name before the `@` to which undeliverable mail returns.", "bounce", own=True
        ),
        Variable(
            "MAIL_DEFAULT_FROM",
            _NAME,
            ROLE,
            "Name before the `@`, or address, from which mail is sent that may not have its author's.",
            "notifications",
            own=True,
        ),
        Variable(
            "INCOMING_SERVER",
            _NAME,
            ROLE,
            "Host of the mailbox that Odoo fetches. A start sets it and the next ones in the database.",
            own=True,
        ),
        Variable("INCOMING_PORT", Port(), ROLE, "TCP port of the mailbox.", "993", own=True),
        Variable(
            "INCOMING_PROTOCOL",
            Choice("`imap`, `pop`", choices=("imap", "pop")),
            ROLE,
            "Protocol of the mailbox.",
            "imap",
            own=True,
        ),
        Variable(
            "INCOMING_TLS", _SWITCH, ROLE, "Whether the connection is encrypted from its beginning.", "True", own=True
        ),
        Variable("INCOMING_USER", _LINE, ROLE, "User of the mailbox.", own=True),
        Variable(
            "INCOMING_PASSWORD",
            Secret(),
            ROLE,
            "Password of the mailbox. Odoo keeps it in the database, as it does with every mailbox.",
            own=True,
        ),
    ),
    "mail",
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
    _MAIL,
)
VARIABLES: Mapping[str, Variable] = {one.name: one for section in SECTIONS for one in section.variables}
# Every name in the environment that has a meaning here, including those of the secrets' files
NAMES = frozenset(name for one in VARIABLES.values() for name in one.names)
# Passed by the runtime's own programs to each other, to hooks and to Odoo; nothing else sets them.
HANDED_ON = ("ODOO_CLOUD_ORDER", "ODOO_CLOUD_EXECUTABLE", "ODOO_CLOUD_RUN_ID", "ODOO_PGAPPNAME", "HOOK")
