# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the containers' variables: whole, current in the documentation, and the only one that anybody goes by."""

from __future__ import annotations

import ast
import importlib.util
import pathlib
import re

import instance_tools
import pytest
import yaml

from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import instance as _instance
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import settings as _settings
from ansible_collections.odoo_cloud.platform.plugins.module_utils._inventory import stateless
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import container_variables as table
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import unknown_variables, values
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common.errors import ConfigError
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.rules import environment
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.run import modes
from ansible_collections.odoo_cloud.platform.plugins.module_utils._services import odoo_containers
from ansible_collections.odoo_cloud.platform.plugins.modules import odoo_preflight

ROOT = pathlib.Path(__file__).resolve().parents[4]
RUNTIME = ROOT / "plugins/module_utils/_runtime"
ADDONS = ROOT / "roles/image/files/addons"
RUNS = [
    *ROOT.glob("plugins/module_utils/_runs/*.py"),
    *ROOT.glob("plugins/modules/*.py"),
    ROOT / "plugins/module_utils/_services/odoo_one_off.py",
]
VARIABLES = list(table.VARIABLES.values())
NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
# What the system, libpq and Python mean by a name; the runtime passes it on, or sets it.
SYSTEM = {"PATH", "LANG", "LD_LIBRARY_PATH", "TZ", "PGPASSFILE", "PGPASSWORD", "PGSSLROOTCERT", "PGAPPNAME"}


# The table itself


def test_each_name_is_there_once():
    assert len(VARIABLES) == sum(len(section.variables) for section in table.SECTIONS) > 100
    assert len(table.NAMES) == sum(len(one.names) for one in VARIABLES)


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_an_entry_is_whole(variable):
    assert NAME.fullmatch(variable.name)
    assert variable.set_by in (table.IMAGE, table.ROLE, table.RUN, table.USER)
    assert variable.text.endswith(".") and "|" not in variable.text
    assert variable.kind.words or variable.unit or variable.kind.choices
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    assert [int(part) for part in variable.since.split(".")] <= [int(part) for part in galaxy.split(".")]
    # The default can be read, and is what the reader gives when nothing is set.
    if variable.default:
        assert variable.read({}) == variable.read({variable.name: variable.default}) != variable.kind.nothing
    else:
        assert variable.read({}) == variable.kind.nothing
    assert not (variable.secret and (variable.default or variable.shown))


def test_what_is_passed_on_to_odoo():
    # Odoo 19 takes options from the environment: fewer is safer.
    runtime = [one for section in table.SECTIONS if section.page == "runtime" for one in section.variables]
    assert {one.name for one in runtime if not one.own} == {
        *(
            "RELEASE",
            "ODOO_DATA_PATH",
            "INSTANCE",
            "REPLICA",
            "DATA_DIR",
            "HTTP_PORT",
            "ODOO_RC",
            "ODOO_REPORT_SOCKET",
            "ODOO_VERSION",
            "HOME",
        )
    }
    mail = [one for section in table.SECTIONS if section.page == "mail" for one in section.variables]
    assert {one.name for one in mail if not one.own} == {"MAIL_CATCHER", "SMTP_TLS", "SMTP_VERIFY", "SMTP_PASSWORD"}
    assert not any(one.own for one in VARIABLES if one not in runtime + mail)


def test_the_rules_go_by_the_table():
    kinds = ", ".join(f"`{kind}`" for kind in sorted(environment.KINDS))
    assert table.VARIABLES["ODOO_CLOUD_PLATFORM_KIND"].kind.words == kinds
    for store in environment.STORES.values():
        assert {store.bucket, store.unstructured, *store.credentials} <= set(table.VARIABLES)
    assert {"AWS_SECRET_ACCESS_KEY", "SWIFT_PASSWORD", "ODOO_SESSION_REDIS_URL"} <= set(environment.SECRETS)
    assert "DB_PASSWORD" not in environment.SECRETS


# The documentation


def _tool():
    spec = importlib.util.spec_from_file_location("write_tables", ROOT / "tools/container_variables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", _tool().PAGES)
def test_the_documentation_is_current(page):
    tool = _tool()
    dummy, written, dummy = tool.parts(page)
    wanted = tool.tables(page).splitlines()
    missing = [line for line in wanted if line not in written.splitlines()]
    too_much = [line for line in written.splitlines() if line not in wanted]
    assert (missing, too_much) == ([], []), f"run `make docs`: docs/{page}.md"
    assert written.splitlines() == wanted, f"run `make docs`: docs/{page}.md has another order"
    assert len(wanted) > 10


# Who reads and sets them


def _reads(path):
    """Names of the environment that a file reads, and names that it asks the table's readers for."""
    plain, typed = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        key, owner = None, ""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            key, owner = node.args[0], f"{ast.unparse(node.func.value)}.{node.func.attr}"
        elif isinstance(node, ast.Subscript):
            key, owner = node.slice, ast.unparse(node.value)
        elif isinstance(node, ast.Compare) and len(node.comparators) == 1:
            key, owner = node.left, ast.unparse(node.comparators[0])
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str) and NAME.fullmatch(key.value)):
            continue
        if re.fullmatch(r"(self\.|os\.)?(env|environ|variables)(\.(get|pop))?", owner) and owner != "environ.get":
            plain.add(key.value)
        elif re.fullmatch(r"(settings|variables)\.(text|number|is_true|secret)", owner):
            typed.add(key.value)
    return plain, typed


def test_whatever_is_read_is_in_the_table():
    files = [
        path
        for folder in (RUNTIME, ADDONS)
        for path in folder.rglob("*.py")
        if "tests" not in path.relative_to(ROOT).parts
    ]
    unknown, found = [], set()
    for path in sorted(files):
        plain, typed = _reads(path)
        found |= plain | typed
        known = {*table.NAMES, *table.HANDED_ON, *SYSTEM}
        unknown += [
            f"{path.relative_to(ROOT)}: {name}" for name in sorted((plain - known) | (typed - set(table.VARIABLES)))
        ]
    assert unknown == []
    assert {"EVENTS_FILE", "HTTP_PORT", "ODOO_STATSD", "SWIFT_TIMEOUT", "PYTHONPATH"} <= found


FULL = {
    "odoo_project_dir": "/srv/acme",
    "odoo_migration_file": "migration.yml",
    "odoo_migration_mode": "sample",
    "odoo_migration_next": "19.0.2.0.0",
    "odoo_migration_force_version": "19.0.1.0.0",
    "odoo_language": "nl_NL",
    "odoo_logging_json": "on",
    "odoo_metrics": True,
    "odoo_metrics_token": "token",
    "odoo_statsd_host": "statsd",
    "odoo_session_expiration": 60,
    "odoo_session_expiration_anonymous": 60,
    "odoo_direct_download_bytes": "2m",
    "odoo_swift_project": "project",
    "odoo_swift_region": "region",
    "odoo_swift_auth_url": "https://auth.example.com/v3",
    "odoo_s3_region": "region",
    "odoo_s3_endpoint": "https://s3.example.com",
    "odoo_mail_domain": "example.com",
    "odoo_smtp_server": "smtp.example.com",
    "odoo_smtp_verify": False,
    "odoo_smtp_user": "odoo",
    "odoo_smtp_password": "password",
    "odoo_incoming_server": "imap.example.com",
    "odoo_incoming_user": "odoo",
    "odoo_incoming_password": "password",
}
# Redis and object storage, as the role is told where they are
PLACES = (
    ({"host": "redis", "port": 6379, "tls": True, "ca": "PEM"}, {"endpoint": "http://swift:8080", "region": "region"}),
    ({"url": "rediss://redis.example.com"}, {}),
)


def _set_by_the_role():
    """What the role sets: in replicas, and in one-off containers alone."""
    replicas, runs = set(), set()
    software = {**instance_tools.SOFTWARE, "folder": "/srv/oc/acme/code/releases/1"}
    for settings in ({}, FULL, {**FULL, "odoo_platform_kind": "ovh"}, {"odoo_mail": "catcher"}):
        instance = instance_tools.make(**settings)
        for redis, storage in PLACES:
            for socket, certificate in (("/srv/oc/postgres/socket", ""), ("", ""), ("", "PEM")):
                here = instance_tools.surroundings(
                    redis=redis,
                    storage=storage,
                    db_socket=socket,
                    db_ca_certificate=certificate,
                    code={"acme": software},
                )
                for mode in ("RunOnly", "UpdateAndRun"):
                    replicas |= set(odoo_containers.variables(instance, here, "acme-1", mode))
                for mode in ("InstallOnly", "UpdateOnly"):
                    runs |= set(odoo_containers.variables(instance, here, "acme-run", mode, page=True, now=True))
    return replicas, runs - replicas


def _set_by(who):
    return {name for one in VARIABLES if one.set_by == who for name in one.names}


def test_the_role_sets_known_variables_only_and_all_that_it_is_said_to_set():
    replicas, runs = _set_by_the_role()
    assert sorted((replicas | runs) - table.NAMES) == []
    assert sorted(replicas - _set_by(table.ROLE)) == [], "these are set in replicas too"
    assert sorted(runs - _set_by(table.RUN) - _set_by(table.ROLE)) == [], "these are set in one-off containers"
    asked = {one.name for one in VARIABLES if one.set_by == table.ROLE}
    assert sorted(name for name in asked if not {name, f"{name}_FILE"} & replicas) == [], "no replica gets these"


def _keys(path):
    """Keys of dictionaries in a file that look like variables."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        keys = node.keys if isinstance(node, ast.Dict) else [node.slice] if isinstance(node, ast.Subscript) else []
        for key in keys:
            if (
                isinstance(key, ast.Constant)
                and isinstance(key.value, str)
                and re.fullmatch(r"[A-Z][A-Z0-9_]+", key.value)
            ):
                yield key.value


def test_runs_set_known_variables_only():
    found = {name for path in RUNS for name in _keys(path)}
    assert sorted(name for name in found if unknown_variables.doubt(name)) == []
    dummy, runs = _set_by_the_role()
    asked = {one.name for one in VARIABLES if one.set_by == table.RUN}
    assert sorted(name for name in asked if not {name, f"{name}_FILE"} & (found | runs)) == [], "nobody sets these"


# Misspelt names


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("MODULE", "did you mean MODULES?"),
        ("DB_HOSTS", "did you mean DB_HOST?"),
        ("db_host", "did you mean DB_HOST?"),
        ("DB_PASWORD_FILE", "did you mean DB_PASSWORD_FILE?"),
        ("ODOO_SESSION_REDIS_EXPIRATON", "did you mean ODOO_SESSION_REDIS_EXPIRATION?"),
        ("WORKER", "it belongs into odoo.conf, as workers"),
        ("WORKERS", "it belongs into odoo.conf, as workers"),
        ("DB_FILTER", "it belongs into odoo.conf, as dbfilter"),
        ("ODOO_CLOUD_NONE", "no variable is called so, docs/runtime.md and docs/addons.md have all"),
        ("STATSD_PREFIX", "names of metrics always begin with odoo"),
    ],
)
def test_what_is_told_of_a_name(name, told):
    assert unknown_variables.warnings([name]) == [f"{name} is set, and nothing here reads it: {told}"]


# What images, engines, clusters and clouds set, and what other images of Odoo read
OTHERS = re.findall(
    r"\S+",
    """
    PATH HOME HOSTNAME USER PASSWORD HOST PORT LANG LC_ALL TERM PWD SHLVL TZ GPG_KEY PYTHON_VERSION PYTHONUNBUFFERED LD_LIBRARY_PATH
    PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGDATA PGPASSFILE PGSSLMODE POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB DATABASE_URL
    REDIS_URL REDIS_HOST REDIS_PORT REDIS_PASSWORD ODOO_BASE_URL ODOO_REPORT_URL ODOO_HTTP_SOCKET_TIMEOUT ODOO_MAX_HTTP_THREADS
    AWS_DEFAULT_REGION AWS_PROFILE AWS_SESSION_TOKEN AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE AWS_EXECUTION_ENV AWS_CA_BUNDLE
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI ECS_CONTAINER_METADATA_URI_V4 OS_AUTH_URL OS_USERNAME OS_PASSWORD OS_PROJECT_NAME
    KUBERNETES_SERVICE_HOST KUBERNETES_PORT_443_TCP_ADDR DB_SERVICE_HOST DB_SERVICE_PORT DB_PORT_5432_TCP DB_PORT_5432_TCP_PROTO
    DB_ENV_POSTGRES_USER ODOO_SESSION_REDIS_SERVICE_HOST ODOO_SESSION_REDIS_PORT_6379_TCP_ADDR POD_NAME NODE_NAME NODE_ENV
    http_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE REQUESTS_CA_BUNDLE S3_ENDPOINT_URL S3_ACCESS_KEY S3_SECRET_KEY
    SFTP_HOST SFTP_PORT SFTP_PASSWORD SESSION_DB_URI RESTORE_MODE RESTORE_NEUTRALIZE UNINSTALL_MODULES DB_REPLICA_HOST LOG_LEVEL
    MIGRATE DEMO SENTRY_DSN SENTRY_RELEASE DD_ENV OTEL_SERVICE_NAME
    SMTP_HOST SMTP_PORT SMTP_PASSWORD RELEASE_NAME INSTANCE_ID APP_VERSION VERSION container INVOCATION_ID JOURNAL_STREAM _
""",
)


def test_nothing_is_told_of_what_others_set():
    assert len(OTHERS) > 90
    assert unknown_variables.warnings([*OTHERS, *table.NAMES, *table.HANDED_ON]) == []


def test_the_runtime_tells_before_it_reads_them(monkeypatch, capsys, tmp_path):
    for module, name in ((modes.go_ahead, "listen"), (modes.startup, "end_on_signals"), (modes.startup, "become_odoo")):
        monkeypatch.setattr(module, name, lambda *dummy: None)
    with pytest.raises(ConfigError, match="ODOO_RC"):
        modes.run({"ODOO_RC": str(tmp_path / "none"), "DB_NAMES": "hunter2", "PATH": "/bin"})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" WARNING odoo-cloud: DB_NAMES is set, and nothing here reads it: did you mean DB_NAME?")


def test_the_preflight_warns(monkeypatch):
    warned = []

    class Module:
        check_mode = False
        params = {
            "instances": [{"name": "acme", "database": "acme", "variables": {"MODULE": "x", "RUNNING_ENV": "nowhere"}}],
            "connect": False,
        }

        def __init__(self, **dummy):
            self.warn = warned.append

        def fail_json(self, **result):
            raise AssertionError(result["msg"])

    monkeypatch.setattr(odoo_preflight, "AnsibleModule", Module)
    with pytest.raises(AssertionError, match="ODOO_CLOUD_PLATFORM_KIND is ''"):
        odoo_preflight.main()
    assert warned == ["acme: MODULE is set, and nothing here reads it: did you mean MODULES?"]


def test_a_value_is_never_told():
    assert "hunter2" not in "".join(unknown_variables.warnings({"DB_PASWORD": "hunter2"}))


def problems(**extra):
    """What is wrong with odoo_env."""
    groups = {"odoo": ["acme-1"], "test": ["acme-1"], "acme": ["acme-1"], "docker_hosts": ["app1"]}
    hostvars = {"acme-1": {"ansible_host": "app1", "odoo_env": extra}, "app1": {}}
    try:
        _instance.build_instances(groups, hostvars, lambda name: f"secret-of-{name}")
    except _instance.InventoryError as error:
        return error.problems
    return []


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("ODOO_SESSION_REDIS_EXPIRATON", 60, "nothing reads it: did you mean ODOO_SESSION_REDIS_EXPIRATION?"),
        (
            "ODOO_CLOUD_SAFE",
            1,
            "nothing reads it: no variable is called so, docs/runtime.md and docs/addons.md have all",
        ),
        ("ODOO_SESSION_REDIS_EXPIRATION", "a week", "must be a number, 1 or more"),
        ("TIMEOUT", "soon", "must be a number from 0.01 to 10080"),
        ("DATABASE_RECONNECT", "maybe", "say 1 or 0"),
        ("HOOKS_DIR", "hooks", "must be an absolute path"),
        ("DB_NAME", "other", "leave it out, the platform sets it itself; set odoo_db_name"),
        ("MODE", "UpdateAndRun", "leave it out, the platform sets it itself; set odoo_mode"),
        ("HTTP_PORT", 80, "leave it out, the platform sets it itself"),
    ],
)
def test_a_wrong_variable_in_the_inventory_is_refused(name, value, right):
    assert problems(**{name: value}) == [f"odoo_env: {name}={value!r} of instance 'acme': {right}"]


def test_variables_of_the_platform_exist_and_name_settings_that_exist():
    known = {*table.VARIABLES, *(f"{name}_FILE" for name in table.VARIABLES)}
    assert set(stateless.PLATFORM_VARIABLES) <= known
    instead = set(filter(None, stateless.PLATFORM_VARIABLES.values()))
    assert instead - set(_settings.SETTINGS) == {"postgres_external", "postgres_port"}


def test_what_somebody_elses_addon_may_read_is_not_refused():
    assert problems(AWS_BUCKET_NAME="a", MODULE="b", WORKERS=2, ACME_KEY="c", LC_ALL="C.UTF-8") == []
    assert problems(DATABASE_RECONNECT=False, AWS_USE_IRSA=True, AWS_HOST="", DB_PASSWORD_FILE="/run/x") == []
    assert problems(ODOO_SESSION_REDIS_PURGE_EXISTING_FS_SESSIONS=1) == []


# The readers


@pytest.mark.parametrize(
    "spelling", ["true", "True", "TRUE", "yes", "Yes", "on", "ON", "1", "t", "y", " true ", True, 1]
)
def test_every_spelling_of_yes(spelling):
    assert values.as_boolean(spelling) is values.boolean("X", spelling) is True


@pytest.mark.parametrize("spelling", ["false", "False", "no", "NO", "off", "0", "f", "n", "none", " no ", False, 0])
def test_every_spelling_of_no(spelling):
    assert values.as_boolean(spelling) is values.boolean("X", spelling) is False


@pytest.mark.parametrize("spelling", ["maybe", "", " ", "2", "-1", "1.0", "ja", "tru", "True False", 2, []])
def test_neither_yes_nor_no(spelling):
    assert values.as_boolean(spelling) is None
    with pytest.raises(values.WrongValue) as caught:
        values.boolean("X", spelling)
    assert (str(caught.value), caught.value.right) == (
        f"X is {spelling!r}: must be True or False",
        "must be True or False",
    )


@pytest.mark.parametrize(
    ("spelling", "size"),
    [
        ("0", 0),
        ("1048576", 1048576),
        (1048576, 1048576),
        ("512k", 512 * 1024),
        ("512K", 512 * 1024),
        ("1m", 1024**2),
        ("1M", 1024**2),
        ("1mb", 1024**2),
        ("1 MiB", 1024**2),
        ("1.5g", 3 * 1024**3 // 2),
        (" 2G ", 2 * 1024**3),
        ("2GB", 2 * 1024**3),
        ("1t", 1024**4),
        ("7b", 7),
    ],
)
def test_every_spelling_of_a_size(spelling, size):
    assert values.as_size(spelling) == values.size("X", spelling) == size


@pytest.mark.parametrize("spelling", ["", "m", "-1", "1x", "1mm", "one", "1,5g", "1e3", True, None])
def test_no_size(spelling):
    assert values.as_size(spelling) is None
    with pytest.raises(values.WrongValue, match=r"^X is .*: must be a number of bytes, or a size such as 512k or 1m$"):
        values.size("X", spelling)


@pytest.mark.parametrize(
    ("spelling", "unit", "seconds"),
    [
        ("30", "seconds", 30),
        ("30", "minutes", 1800),
        ("1.5", "minutes", 90),
        (" 2 ", "seconds", 2),
        ("1e1", "minutes", 600),
    ],
)
def test_durations_are_seconds(spelling, unit, seconds):
    assert values.seconds("X", spelling, 0, 100, unit=unit) == seconds


@pytest.mark.parametrize("spelling", ["", "soon", "5m", "1 h", "nan", "inf", "-1", "101"])
def test_no_duration(spelling):
    with pytest.raises(values.WrongValue) as caught:
        values.seconds("X", spelling, 0, 100, unit="minutes")
    assert str(caught.value) == f"X is {spelling!r}: must be a number from 0 to 100"


def test_whole_numbers():
    assert [values.number("X", text, 1, whole=True) for text in ("7", " 7 ", "7.0", "1e3", "+7")] == [7, 7, 7, 1000, 7]
    for text, right in (
        ("0", "must be a number, 1 or more"),
        ("seven", "must be a number, 1 or more"),
        ("7.5", "must be a whole number, 1 or more"),
        ("nan", "must be a number, 1 or more"),
        ("", "must be a number, 1 or more"),
    ):
        with pytest.raises(values.WrongValue) as caught:
            values.number("X", text, 1, whole=True)
        assert caught.value.right == right


def test_ports():
    assert [values.port("X", text) for text in ("1", "8069", " 8069 ", "05432", 65535)] == [1, 8069, 8069, 5432, 65535]
    for text in ("", "0", "65536", "-1", "80.0", "1e3", "tcp://10.0.0.1:5432", "²", "٣"):
        with pytest.raises(values.WrongValue, match="must be a port number from 1 to 65535"):
            values.port("X", text)


def test_a_secret_is_read_from_its_file_first(tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b" from the file \r\n")
    assert values.secret({"X": "plain", "X_FILE": str(file)}, "X") == " from the file "
    assert values.secret({"X": "plain", "X_FILE": ""}, "X") == "plain"
    assert values.secret({"X": ""}, "X") is None
    for content, words in ((b"", "is empty"), (b"a\nb", "one line"), (b"\xff", "is not UTF-8 text")):
        file.write_bytes(content)
        with pytest.raises(values.WrongValue, match=words):
            values.secret({"X_FILE": str(file)}, "X")
