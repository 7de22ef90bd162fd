# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import builtins
import random
import shutil
import sys
import textwrap

import pytest
import yaml

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.common import errors
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import file as migration_file
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration.file import MigrationError, number


@pytest.fixture
def files(collection_root):
    return collection_root / "tests/unit/files/migrations"


@pytest.fixture(params=["fast", "pure"])
def yaml_parser(request, monkeypatch):
    """PyYAML with its C library and without it."""
    if request.param == "pure":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML has no C library here")
    migration_file._loader.cache_clear()
    yield
    migration_file._loader.cache_clear()


def parse(text):
    return migration_file.parse(textwrap.dedent(text))


def version(body, before=""):
    """The one version of a file, given the lines of its content."""
    text = f"migration:\n  options: {{{before}}}\n  versions:\n    - version: setup\n"
    return migration_file.parse(text + textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 6) + "\n")


def steps(body, mode=None):
    return version(body).versions[0].steps_for(mode)


def problems(text):
    with pytest.raises(MigrationError) as caught:
        parse(text)
    assert isinstance(caught.value, errors.ConfigError)
    assert caught.value.exit_code == errors.EXIT_CONFIG
    return [str(item) for item in caught.value.problems]


def problem(body):
    """The one thing that is wrong with a version; its content begins in line 5."""
    with pytest.raises(MigrationError) as caught:
        version(body)
    (one,) = caught.value.problems
    return str(one)


# Numbers


@pytest.mark.parametrize("text", ["setup", "0.0.1", "10.0.4", "14.0.1.2.3", "01.2.3", "0.0.0", "999999999999.0.1"])
def test_version(text):
    value = number(text)
    assert str(value) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "1.2.3.4.5.6",
        "1.2.x",
        "v1.2.3",
        "1.2.3a1",
        "1..2",
        "Setup",
        "setup ",
        " 1.2.3",
        "1.2.3\n",
    ]
    + ["-1.2.3", "1.2.-3", "1,2,3", "next", "\u0661.\u0662.\u0663"],
)
def test_not_a_version(text):
    assert number(text) is None


@pytest.mark.parametrize(
    ("short", "long"),
    [("0.4.0", "0.0.0.4.0"), ("9.9.6", "9.0.0.9.6"), ("14.0.1", "14.0.0.0.1"), ("01.2.3", "1.0.0.2.3")],
)
def test_three_parts_are_five(short, long):
    assert number(short) == number(long)
    assert hash(number(short)) == hash(number(long))
    assert number(short).canonical == number(long).canonical


def test_order_of_versions():
    texts = [
        "setup",
        "0.0.0",
        "0.4.0",
        "0.4.1",
        "0.10.0",
        "9.0.0.9.6",
        "9.0.1.2.3",
        "10.0.4",
        "10.0.0.1.2",
        "10.1.0.0.0",
    ]
    assert [str(item) for item in sorted(map(number, reversed(texts)))] == texts


def test_order_is_total():
    rng = random.Random(14)
    texts = ["setup"] + [
        ".".join(str(rng.randrange(12)) for _part in range(rng.choice((3, 5)))) for _text in range(400)
    ]
    values = [number(text) for text in texts]
    for _round in range(3000):
        one, two, three = rng.choices(values, k=3)
        assert (one < two) + (one == two) + (one > two) == 1
        assert (one <= two) == (not one > two)
        assert (one == two) == (one.canonical == two.canonical) == (hash(one) == hash(two) and one.key == two.key)
        if one < two and two < three:
            assert one < three
    shuffled = list(values)
    rng.shuffle(shuffled)
    assert [item.key for item in sorted(shuffled)] == [item.key for item in sorted(values)]
    assert sorted(values)[0] == number("setup")


# A file as marabunta has it


def test_a_real_file(files, yaml_parser):
    found = migration_file.read(str(files / "retail.yml"))
    texts = ["setup", "14.0.1", "14.0.2", "14.0.0.3.0", "14.0.1.1.0", "14.0.10.0.0"]
    assert [str(item.number) for item in found.versions] == texts
    assert found.modes == ("full", "sample")
    assert found.options.backup.ignore_if == 'test "${RUNNING_ENV}" != "prod"'
    assert found.options.backup.stop_on_failure is True
    by_text = {item.number.text: item for item in found.versions}
    assert by_text["14.0.1"].noop and not by_text["14.0.1"].backup
    assert by_text["14.0.2"].backup
    assert by_text["14.0.0.3.0"].override_translations
    (update,) = by_text["14.0.0.3.0"].steps_for(None)
    assert update.arguments == {"modules": ["shop_sale", "shop_stock"], "override_translations": True}
    warned = [str(item) for item in found.warnings]
    assert len(warned) == 2
    assert ":9: install_args is not used" in warned[0]
    assert ":37: -c /etc/odoo.cfg is ignored" in warned[1]


def test_steps_of_a_real_version(files):
    found = migration_file.read(str(files / "retail.yml"))
    setup = found.versions[0]
    done = [(step.phase, step.kind, step.mode, step.name) for step in setup.steps_for("sample")]
    assert done == [
        ("pre", "command", None, 'command sh -c psql -c "CREATE EXTENSION IF NOT EXISTS pg_trgm" "$DB_NAME"'),
        ("pre", "song", None, "songs.install.pre::base_vars"),
        ("update", "update", None, "update base, sale_management, stock, account, shop_sample"),
        ("post", "song", None, "songs.install.company::main"),
        ("post", "song", None, "songs.install.settings::main"),
        ("post", "song", "sample", "songs.install.data_sample::main"),
    ]
    assert setup.steps_for("full")[-2].arguments == {
        "argv": ["importer.sh", "songs.install.inventory::locations", "data/install/stock.location.csv"]
    }
    assert setup.steps_for(None) == setup.steps_for("")
    assert setup.modes == ("full", "sample")
    assert found.version(number("14.0.0.0.2")).steps_for(None)[0].arguments == {
        "argv": ["echo", "a list is", "one", "command"]
    }


def test_new_kinds(files):
    found = migration_file.read(str(files / "retail.yml")).versions[-1].steps_for(None)
    assert {step.id if step.given_id else step.kind: (step.kind, step.arguments, step.timeout) for step in found} == {
        "archive": ("sql", {"sql": "UPDATE product_template SET active = false WHERE list_price < 0"}, 600.0),
        "update": ("update", {"modules": ["shop_sale", "shop_loyalty"], "override_translations": False}, None),
        "rename": (
            "song",
            {
                "target": "songs.upgrade.v14_10::rename",
                "kwargs": {
                    "prefix": "SHOP/",
                    "since": "2024-01-31",
                    "dry": "no",
                    "limits": {"rows": 1000, "ratio": 0.5, "last": None, "both": [True, False]},
                },
            },
            1800.0,
        ),
        "install": ("install", {"modules": ["shop_loyalty"]}, None),
        "uninstall": ("uninstall", {"modules": ["shop_points", "shop_points_sale"]}, None),
        "config_parameter": (
            "config_parameter",
            {"values": {"shop.loyalty": "True", "shop.depth": "3", "shop.legacy": None, "shop.code": "007"}},
            None,
        ),
        "load_csv": (
            "load_csv",
            {"path": "data/prices.txt", "model": "product.pricelist.item", "delimiter": ";", "encoding": "cp1252"},
            None,
        ),
        "notify": ("command", {"argv": ["bin/notify", "--text", "two words", ""]}, 30.5),
    }
    assert found[5 + 1].arguments["model"] == "res.partner"


def test_everything_has_its_place(files):
    path = str(files / "retail.yml")
    for item in migration_file.read(path).versions:
        lines = (files / "retail.yml").read_text().splitlines()
        assert item.number.text in lines[item.where.line - 1]
        for step in item.steps:
            assert step.where.file == path
            for name, place in step.places.items():
                assert name in lines[place.line - 1]


# Words of a command


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ls", ["ls"]),
        ("  ls \t -l ", ["ls", "-l"]),
        ("echo 'a b' \"c d\"", ["echo", "a b", "c d"]),
        ("echo a' b'c", ["echo", "a bc"]),
        ("echo a\\ b", ["echo", "a b"]),
        ("echo 'a\\b' \"c\\d\"", ["echo", "a\\b", "c\\d"]),  # within quotes a backslash is one
        ("echo '' x", ["echo", "", "x"]),
        ("echo $HOME | cat", ["echo", "$HOME", "|", "cat"]),
        ("sh -c 'echo $HOME | cat'", ["sh", "-c", "echo $HOME | cat"]),
    ],
)
def test_split_command(text, words):
    assert migration_file.split_command(text) == words


@pytest.mark.parametrize("text", ["echo 'a", 'echo "a', "echo \\", "'"])
def test_split_command_refuses(text):
    with pytest.raises(ValueError):
        migration_file.split_command(text)


@pytest.mark.parametrize(
    "text", ["echo a | cat", "cd x && ls", "echo $HOME", "echo ${HOME}", "ls > x", "echo `ls`", "a; b"]
)
def test_a_command_that_wants_a_shell_is_told_so(text):
    found = version(f"operations: {{pre: [{text!r}]}}")
    assert [item.line for item in found.warnings] == [5]
    assert "without a shell" in found.warnings[0].message


@pytest.mark.parametrize("text", ["sh -c 'a | b && echo $X'", 'sh -c "a > b"', "echo 5$", "echo \\$HOME"])
def test_a_command_with_a_shell_is_not(text):
    assert version(f"operations:\n  pre:\n    - >-\n      {text}").warnings == ()


# anthem


@pytest.mark.parametrize(
    ("command", "arguments", "notes"),
    [
        ("anthem songs.a::b", {}, 0),
        ("anthem songs::b", {"target": "songs::b"}, 0),
        ("/opt/venv/bin/anthem songs.a::b", {}, 0),
        ("anthem -q songs.a::b", {"quiet": True}, 0),
        ("anthem --quiet songs.a::b", {"quiet": True}, 0),
        ("anthem -i songs.a::b", {}, 1),
        ("anthem --odoo-data-path /data songs.a::b", {"data_path": "/data"}, 0),
        ("anthem --odoo-data-path=/data -q songs.a::b", {"data_path": "/data", "quiet": True}, 0),
        ("anthem songs.a::b -c /etc/odoo.conf -d prod", {}, 1),
        ("anthem -i songs.a::b --log-level=debug", {}, 2),
    ],
)
def test_anthem_is_a_song(command, arguments, notes):
    (step,) = steps(f"operations: {{post: [{command}]}}")
    assert step.kind == "song"
    assert step.arguments == {"target": "songs.a::b", "kwargs": {}, **arguments}
    assert len(step.notes) == notes == len(version(f"operations: {{post: [{command}]}}").warnings)


@pytest.mark.parametrize(
    "command",
    [
        "anthem",
        "anthem --help",
        "anthem -x songs.a::b",
        "anthem -q",
        "anthem --odoo-data-path",
        "importer.sh songs.a::b x.csv",
    ]
    + ["sh -c 'anthem songs.a::b'", "env A=1 anthem songs.a::b", "anthem2 songs.a::b"],
)
def test_other_commands_stay_commands(command):
    (step,) = steps(f"operations:\n  post:\n    - {command}")
    assert (step.kind, step.arguments) == ("command", {"argv": migration_file.split_command(command)})


@pytest.mark.parametrize(
    "spelling", ["{song: songs.a::b}", "{command: anthem songs.a::b}", "{command: [anthem, 'songs.a::b']}"]
)
def test_a_song_is_the_same_however_it_is_written(spelling):
    (one,) = steps("operations: {post: ['anthem songs.a::b']}")
    (two,) = steps(f"operations: {{post: [{spelling}]}}")
    assert (one.kind, one.arguments, one.sha, one.id) == (two.kind, two.arguments, two.sha, two.id)


@pytest.mark.parametrize(
    "target", ["songs.a:b", "songs.a.b", "songs.a::b.c", "::b", "songs.a::", "songs..a::b", "songs/a::b", "a::1b"]
)
def test_a_song_that_is_none(target):
    assert "is not a song: give package.module::function" in problem(f"operations:\n  post:\n    - 'anthem {target}'")
    assert "is not a song: give package.module::function" in problem(f"operations:\n  post:\n    - song: '{target}'")


# Ids


def test_ids_tell_phase_place_and_content():
    found = steps(
        """
        operations: {pre: [ls, ls], post: [ls, {id: mine, command: ls}]}
        modes: {prod: {operations: {pre: [ls]}}}
        """,
        "prod",
    )
    sha = found[0].sha[:8]
    assert [step.id for step in found] == [f"pre/1/{sha}", f"pre/2/{sha}", f"pre/prod/1/{sha}", f"post/1/{sha}", "mine"]
    assert len({step.sha for step in found}) == 1


def test_sha_is_of_what_is_done_only():
    (one,) = steps("operations: {pre: [{song: a::b, kwargs: {x: 1, y: 2}}]}")
    (two,) = steps("operations: {post: [{id: z, song: a::b, kwargs: {y: 2, x: 1}, timeout: 5}]}")
    (three,) = steps("operations: {post: [{song: a::b, kwargs: {y: 2, x: '1'}}]}")
    assert one.sha == two.sha != three.sha


def test_the_order_of_modules_is_no_difference():
    (one,) = steps("addons: {upgrade: [a, b]}")
    (two,) = steps("addons: {upgrade: [b, a, b]}")
    assert (one.id, one.sha) == ("update", two.sha)
    (three,) = steps("addons: {upgrade: [b, a]}\noverride_translations: true")
    assert three.sha != one.sha


def test_a_mode_adds_to_the_one_update():
    body = "addons: {upgrade: [a, b]}\nmodes: {prod: {addons: {upgrade: [b, c]}}, test: {addons: {upgrade: [d]}}}"
    assert [step.arguments["modules"] for step in steps(body, "prod")] == [["a", "b", "c"]]
    assert [step.arguments["modules"] for step in steps(body)] == [["a", "b"]]
    assert [step.arguments["modules"] for step in steps("modes: {prod: {addons: {upgrade: [c]}}}", "prod")] == [["c"]]
    assert steps("modes: {prod: {addons: {upgrade: [c]}}}") == ()


@pytest.mark.parametrize(
    ("body", "noop", "backup"),
    [
        ("backup:", True, False),
        ("backup: true", True, True),
        ("operations: {pre: [ls]}", False, True),
        ("operations: {pre: [ls]}\nbackup: false", False, False),
        ("modes: {prod: {operations: {pre: [ls]}}}", False, True),  # something in any mode
        ("operations:\naddons:", True, False),
        ("operations: {pre: [], post: []}\naddons: {upgrade: []}\nmodes: {prod: {}}", True, False),
        ("addons:\n  upgrade:\n  remove:", True, False),
        ("override_translations: true", True, False),
    ],
)
def test_noop_and_backup(body, noop, backup):
    found = version(body).versions[0]
    assert (found.noop, found.backup) == (noop, backup)


# What is refused


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("operation: {}", "migration.yml:5: unknown key 'operation' in version setup; did you mean 'operations'?"),
        (
            "steps: []",
            "migration.yml:5: unknown key 'steps' in version setup; there is version, operations, addons, modes",
        ),
        (
            "operations: {per: []}",
            "migration.yml:5: unknown key 'per' in operations of version setup; did you mean 'pre'?",
        ),
        ("operations: []", "migration.yml:5: operations of version setup must be a mapping, not a list"),
        ("operations:\n  pre: ls", "migration.yml:6: 'pre' of version setup must be a list, not 'ls'"),
        ("operations:\n  pre:", "migration.yml:6: 'pre' of version setup must be a list, not nothing"),
        ("operations: {pre: [5]}", "must be text, not the number 5; write '5' in quotes"),
        ("operations: {pre: [true]}", "must be text, not the truth value true"),
        ("operations: {pre: [~]}", "must be text, not nothing"),
        ("operations: {pre: ['']}", "is empty"),
        ("operations: {pre: [\"''\"]}", "a command is empty"),
        ("operations: {pre: [[]]}", "a command is empty"),
        ("operations: {pre: [[a, 5]]}", "must be text, not the number 5"),
        ('operations: {pre: ["echo \'a"]}', "can't be split into words: a quote ' is never closed"),
        ("addons: {update: [a]}", "unknown key 'update' in addons of version setup"),
        ("addons: {upgrade: base}", "must be a list, not 'base'"),
        ("addons: {upgrade: [a b]}", "'a b' in addons.upgrade of version setup is not the name of a module"),
        ("addons: {upgrade: ['a,b']}", "is not the name of a module"),
        ("addons: {upgrade: [5]}", "must be text, not the number 5"),
        ("addons:\n  remove: [a]", "migration.yml:6: addons.remove: use a step instead: - uninstall: [names]"),
        ("modes: [prod]", "modes of version setup must be a mapping, not a list"),
        ("modes:", "modes of version setup must be a mapping, not nothing"),
        ("modes:\n  prod:", "mode prod of version setup must be a mapping, not nothing"),
        (
            "modes: {prod: {backup: true}}",
            "unknown key 'backup' in mode prod of version setup; there is operations, addons",
        ),
        ("modes: {a b: {}}", "'a b' is not a name for a mode"),
        ("modes: {a/b: {}}", "'a/b' is not a name for a mode"),
        ("backup: yes", "backup must be true or false, not 'yes'"),
        ("backup: 1", "backup must be true or false, not the number 1"),
        ("override_translations: 'no'", "override_translations must be true or false, not 'no'"),
        ("operations: {pre: [{}]}", "a step without anything to do; there is song, sql, command, install"),
        ("operations: {pre: [{id: x}]}", "a step without anything to do"),
        ("operations: {pre: [{snog: a::b}]}", "unknown step 'snog'; did you mean 'song'?"),
        ("operations: {pre: [{song: a::b, sql: x}]}", "a step does one thing, and this one has 'song', 'sql'"),
        (
            "operations: {pre: [{song: a::b, kwarg: {}}]}",
            "unknown key 'kwarg' in a step 'song'; did you mean 'kwargs'?",
        ),
        ("operations: {pre: [{sql: x, kwargs: {}}]}", "unknown key 'kwargs' in a step 'sql'; it belongs to 'song'"),
        ("operations: {pre: [{song: a::b, kwargs: [1]}]}", "kwargs must be a mapping, not a list"),
        ("operations: {pre: [{song: a::b, kwargs: {a b: 1}}]}", "'a b' is not the name of an argument"),
        ("operations: {pre: [{song: a::b, kwargs: {a: !x 1}}]}", "kwargs.a: tagged !x is not a value"),
        ("operations: {pre: [{song: 5}]}", "song must be text, not the number 5"),
        ("operations: {pre: [{sql: ''}]}", "sql is empty"),
        ("operations: {pre: [{sql: [a]}]}", "sql must be text, not a list"),
        ("operations: {pre: [{install: a}]}", "install must be a list, not 'a'"),
        ("operations: {pre: [{install: []}]}", "install names no module"),
        ("operations: {pre: [{uninstall: [base]}]}", "base can't be uninstalled"),
        ("operations: {pre: [{uninstall: [a/b]}]}", "'a/b' in uninstall is not the name of a module"),
        ("operations: {pre: [{config_parameter: x}]}", "config_parameter must be a mapping, not 'x'"),
        ("operations: {pre: [{config_parameter: {}}]}", "config_parameter names no parameter"),
        ("operations: {pre: [{config_parameter: {a: [1]}}]}", "parameter 'a' must be one value, not a list"),
        (
            "operations: {pre: [{load_csv: x.txt}]}",
            "which model 'x.txt' is for is not clear from its name; give model",
        ),
        ("operations: {pre: [{load_csv: Partners.csv}]}", "is not clear from its name"),
        ("operations: {pre: [{load_csv: x.csv, model: 'a b'}]}", "'a b' is not the name of a model"),
        ("operations: {pre: [{load_csv: x.csv, delimiter: ';;'}]}", "delimiter must be one character"),
        ("operations: {pre: [{load_csv: x.csv, encoding: utf9}]}", "there is no encoding 'utf9'"),
        ("operations: {pre: [{command: []}]}", "command is empty"),
        ("operations: {pre: [{command: {}}]}", "command must be text, not a mapping"),
        ("operations: {pre: [{command: [ls, 5]}]}", "an item of command must be text, not the number 5"),
        (
            "operations: {pre: [{command: ls, timeout: 0}]}",
            "timeout must be a number of seconds, more than 0, not the number 0",
        ),
        ("operations: {pre: [{command: ls, timeout: -1}]}", "not the number -1"),
        (
            "operations: {pre: [{command: ls, timeout: 5m}]}",
            "timeout must be a number of seconds, more than 0, not '5m'",
        ),
        ("operations: {pre: [{command: ls, timeout: true}]}", "timeout must be a number of seconds"),
        ("operations: {pre: [{command: ls, id: a b}]}", "'a b' is not an id: letters, digits"),
        ("operations: {pre: [{command: ls, id: pre/1}]}", "'pre/1' is not an id"),
        ("operations: {pre: [{command: ls, id: update}]}", "'update' is the id of the version's own update"),
        ("operations: {pre: [{command: ls, id: 5}]}", "id must be text, not the number 5"),
        (
            "operations: {pre: [ls]}\nbackup: true\nbackup: false",
            ":7: 'backup' is there twice in version setup, first in line 6",
        ),
        ("? [a]\n: 1", "a key of version setup must be a word, not a list"),
    ],
)
def test_wrong_version(yaml_parser, body, message):
    found = problem(body)
    assert message in found
    assert found.startswith("migration.yml:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "migration.yml:1: is empty; it must begin with 'migration:'"),
        ("# nothing", "migration.yml:1: is empty"),
        ("[]", "migration.yml:1: the file must be a mapping, not a list"),
        ("migrations: {}", "migration.yml:1: unknown key 'migrations' in the file; did you mean 'migration'?"),
        ("x-a: 1", "migration.yml:1: the key 'migration' is missing"),
        ("migration:", "migration.yml:1: 'migration' must be a mapping, not nothing"),
        ("migration: {}", "migration.yml:1: there are no versions"),
        ("migration: {versions: []}", "migration.yml:1: there are no versions"),
        ("migration: {versions: {}}", "migration.yml:1: 'versions' must be a list, not a mapping"),
        ("migration: {versions: [setup]}", "migration.yml:1: a version must be a mapping, not 'setup'"),
        ("migration: {versions: [{}]}", "migration.yml:1: a version without 'version', its number"),
        ("migration: {version: []}", "migration.yml:1: unknown key 'version' in 'migration'; did you mean 'versions'?"),
        (
            "migration: {versions: [{version: 1.2}]}",
            "'1.2' is not a version: give setup, a.b.c or a.b.c.d.e, all numbers",
        ),
        ("migration: {versions: [{version: 1.2.3.4}]}", "'1.2.3.4' is not a version"),
        (
            "migration: {versions: [{version: stup}]}",
            "'stup' is not a version: give setup, a.b.c or a.b.c.d.e, all numbers; did",
        ),
        ("migration: {versions: [{version: [1]}]}", "a version's number must be text, not a list"),
        ("migration:\n  versions:\n  - version: setup\n  a", "is not YAML: "),
        ("migration: {\n", "migration.yml:2: is not YAML: "),
        ("a: 1\n---\nb: 1", "migration.yml:2: is not YAML: expected a single document"),
        ("migration: *x", "migration.yml:1: is not YAML: found undefined alias"),
        ("a: b\n\nmigration: \x07", "is not YAML: "),
        ("x-a: &a [*a]\nmigration: {versions: [{version: setup}]}", "contains itself"),
        ("x-a: &a {<<: *a}\nmigration: {versions: [{version: setup}]}", "contains itself"),
    ],
)
def test_wrong_file(yaml_parser, text, message):
    (found,) = problems(text)
    assert message in found


@pytest.mark.parametrize("depth", [101, 300, 600])
def test_nested_too_deeply(yaml_parser, depth):
    (found,) = problems(f"x-a: {'[' * depth}{']' * depth}\nmigration: {{versions: [{{version: setup}}]}}")
    assert "is nested too deeply" in found


def test_small_file_that_would_be_huge():
    lines = ["x-0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (found,) = problems("\n".join([*lines, "migration: {versions: [{version: setup}]}"]))
    assert "more than 200000 nodes" in found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("instal_command: odoo", "unknown key 'instal_command' in 'options'; did you mean 'install_command'?"),
        ("install_command: [odoo]", "install_command must be text, not a list"),
        ("backup: {comand: x, command: y}", "unknown key 'comand' in 'backup'; did you mean 'command'?"),
        ("backup: {stop_on_failure: true}", "backup.command is missing"),
        ("backup: x", "'backup' must be a mapping, not 'x'"),
        ("backup: {command: 5}", "backup.command must be text"),
        ("backup: {command: x, ignore_if: 5}", "backup.ignore_if must be text"),
        ("backup: {command: x, stop_on_failure: maybe}", "backup.stop_on_failure must be true or false"),
        ("modes: prod", "options.modes must be a list, not 'prod'"),
        ("modes: [a/b]", "'a/b' in options.modes is not the name of a mode"),
    ],
)
def test_wrong_options(options, message):
    (found,) = problems(f"migration: {{options: {{{options}}}, versions: [{{version: setup}}]}}")
    assert message in found


def test_a_mode_that_is_not_declared():
    text = "migration:\n  options: {modes: [prod, sample]}\n  versions:\n  - version: setup\n    modes:\n      smaple: {}\n"
    assert problems(text) == ["migration.yml:6: mode 'smaple' is not in options.modes; did you mean 'sample'?"]
    assert parse(text.replace("smaple", "sample")).modes == ("prod", "sample")


def test_one_version_twice_however_it_is_spelled():
    text = "migration:\n  versions:\n  - version: setup\n  - version: 1.0.1\n  - version: 1.0.0.0.1\n"
    assert problems(text) == ["migration.yml:5: version 1.0.0.0.1 is there twice, first in line 4"]


def test_one_id_twice_in_a_version():
    text = """\
    migration:
      versions:
        - version: setup
          operations:
            pre: [{id: a, command: ls}]
          modes:
            prod: {operations: {post: [{id: a, sql: x}]}}
        - version: 1.0.1
          operations:
            pre: [{id: a, command: ls}]
    """
    assert problems(text) == ["migration.yml:7: id 'a' is there twice in version setup, first in migration.yml:5"]


def test_all_that_is_wrong_is_said_at_once():
    found = problems(
        """\
        migration:
          options: {instal_args: x}
          versions:
            - version: 1.0
              backup: yes
            - version: 1.0.0
              operations:
                pre: x
                post:
                  - {sogn: a}
                  - {song: b, id: a b}
              addons: {upgrade: [a/b, 5]}
        """
    )
    assert [line.split(":")[1] for line in found] == ["2", "4", "5", "8", "10", "11", "11", "12", "12"]


def test_merge_keys_and_aliases(yaml_parser):
    found = parse(
        """
        x-base: &base
          backup: false
          operations: {pre: [ls]}
        migration:
          versions:
            - {<<: *base, version: setup}
            - {<<: [*base, {backup: true, addons: {upgrade: [a]}}], version: 1.0.1, operations: {post: [ls]}}
        """
    )
    first, second = found.versions
    assert (first.backup, [step.phase for step in first.steps]) == (False, ["pre"])
    assert (second.backup, [step.phase for step in second.steps]) == (False, ["update", "post"])


def test_words_are_words(yaml_parser):
    # As YAML 1.2 has it, and marabunta: yes, no, on and dates are text, and so are 1:30 and 1_000.
    (step,) = steps(
        "operations: {pre: [{song: a::b, kwargs: {a: yes, b: off, c: 1:30, d: 1_000, e: 0x10, f: 010, g: 1e3, h: .5}}]}"
    )
    assert step.arguments["kwargs"] == {
        "a": "yes",
        "b": "off",
        "c": "1:30",
        "d": "1_000",
        "e": 16,
        "f": 10,
        "g": 1000.0,
        "h": 0.5,
    }
    assert version("modes: {on: {operations: {pre: [ls]}}}").modes == ("on",)


def test_the_first_version_should_be_setup():
    (warning,) = parse("migration: {versions: [{version: 1.0.1}, {version: setup}]}").warnings
    assert "should be 'setup'" in str(warning)


def test_version_sorted_whatever_the_file_says():
    found = parse(
        "migration: {versions: [{version: setup}, {version: 1.10.0}, {version: 1.9.0}, {version: 1.0.0.9.1}]}"
    )
    assert [str(item.number) for item in found.versions] == ["setup", "1.9.0", "1.0.0.9.1", "1.10.0"]


def test_without_yaml(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **more):
        if name == "yaml":
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "yaml")
    with pytest.raises(errors.ConfigError, match="install python3-yaml"):
        migration_file.parse("migration: {}")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "can't be read: No such file"), (b"migration:\n  a: \xff", ":2: is not UTF-8 text")],
)
def test_file_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "migration.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MigrationError, match=message):
        migration_file.read(str(path))


def test_byte_order_mark(tmp_path):
    path = tmp_path / "migration.yml"
    path.write_bytes(b"\xef\xbb\xbfmigration: {versions: [{version: setup}]}")
    assert migration_file.read(str(path)).versions[0].noop


# Folders


def test_folder(files):
    found = migration_file.read(str(files / "folder"))
    assert [str(item.number) for item in found.versions] == ["setup", "14.0.0.1.0", "14.0.0.2.0", "14.0.1.1.0"]
    setup, _old, nothing, prices = found.versions
    assert [(step.id.rpartition("/")[0], step.name) for step in setup.steps_for("sample")] == [
        ("pre/20-stock/1", "sql SELECT 1"),
        ("", "update base, sale, stock"),
        ("post/10-company/1", "songs.install.company::main"),
        ("post/20-stock/1", "songs.install.stock::main"),
        ("post/sample/20-stock/1", "songs.install.sample::main"),
    ]
    assert nothing.noop and not nothing.backup
    assert not prices.backup
    assert prices.override_translations
    names = [step.name for step in prices.steps_for(None)]
    assert names == ["songs.prices::round_up", "songs.labels::print_all", "update shop_sale, shop_labels"]
    assert prices.steps_for(None)[-1].arguments["override_translations"] is True
    (left_out,) = found.warnings
    assert left_out.file.endswith("next") and "no version number yet" in left_out.message


def test_folder_next_gets_its_number(files):
    found = migration_file.read(str(files / "folder"), "14.0.1.2.0")
    assert str(found.versions[-1].number) == "14.0.1.2.0"
    assert found.versions[-1].steps[0].name == "songs.later::main"
    assert found.warnings == ()


@pytest.fixture
def folder(files, tmp_path):
    return shutil.copytree(files / "folder", tmp_path / "folder")


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("14.0/a.yml", "", "folder/14.0: '14.0' is not a version: a.b.c, a.b.c.d.e, setup or next"),
        ("nxt/a.yml", "", "'nxt' is not a version: a.b.c, a.b.c.d.e, setup or next; did you mean 'next'?"),
        ("14.0.3/README.md", "", "folder/14.0.3: holds no .yml file"),
        ("loose.yml", "", "folder/loose.yml: belongs into the folder of a version"),
        ("migration.yaml", "", "migration.yml and migration.yaml are both there"),
        ("14.1.0/a.yml", "", "version 14.1.0 is there twice, first in "),
        ("14.2.0/a.yml", "", "version 14.2.0 is there twice, first in "),
        ("setup/30.yml", "version: setup", "folder/setup/30.yml:1: unknown key 'version' in a version's file"),
        ("setup/30.yml", "a: [", "folder/setup/30.yml:2: is not YAML"),
        ("setup/30.yml", "[]", "folder/setup/30.yml:1: a version's file must be a mapping, not a list"),
        ("14.0.1.1.0/z.yml", "\nbackup: true", "z.yml:2: backup is said otherwise in "),
        (
            "14.0.1.1.0/z.yml",
            "modes: {smple: {}}",
            "z.yml:1: mode 'smple' is not in options.modes; did you mean 'sample'?",
        ),
        ("next/z.yml", "operation: {}", "next/z.yml:1: unknown key 'operation' in a version's file"),  # though left out
    ],
)
def test_wrong_folder(folder, path, content, message):
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text(content)
    with pytest.raises(MigrationError) as caught:
        migration_file.read(str(folder))
    (one,) = caught.value.problems
    assert message in str(one)


def test_folder_without_anything(tmp_path):
    with pytest.raises(MigrationError, match="there are no versions"):
        migration_file.read(str(tmp_path))


def test_one_id_twice_in_two_files(folder):
    for name in ("a.yml", "b.yml"):
        (folder / "next" / name).write_text("operations: {pre: [{id: same, sql: x}]}")
    with pytest.raises(
        MigrationError, match=r"b\.yml:1: id 'same' is there twice in version 15\.0\.0, first in .*a\.yml:1"
    ):
        migration_file.read(str(folder), "15.0.0")


def test_next_that_is_no_version(folder):
    with pytest.raises(MigrationError, match="'soon' is not a version that 'next' could become"):
        migration_file.read(str(folder), "soon")


def test_files_of_others_change_no_id(folder):
    before = {step.name: step.id for step in migration_file.read(str(folder)).versions[-1].steps}
    (folder / "14.0.1.1.0" / "a-first.yml").write_text("operations: {pre: [ls]}")
    after = {step.name: step.id for step in migration_file.read(str(folder)).versions[-1].steps}
    assert before.items() <= after.items()


# Modules


def test_unknown_modules(files):
    path = str(files / "retail.yml")
    found = migration_file.read(path)
    known = ["base", "sale_management", "stock", "account", "shop_sale", "shop_stock", "shop_loyalty", "shop_sampel"]
    assert migration_file.unknown_modules(found, known) == []
    (one,) = migration_file.unknown_modules(found, known, "sample")
    assert str(one) == f"{path}:40: there is no module 'shop_sample'; did you mean 'shop_sampel'?"


# The reference


@pytest.fixture(scope="module")
def reference(collection_root):
    return (collection_root / "docs/migrations.md").read_text(encoding="utf-8")


def test_the_reference_has_every_key(reference):
    kinds = {*migration_file.KINDS, *(key for keys in migration_file.KINDS.values() for key in keys)}
    for key in {*kinds, *migration_file.COMMON_KEYS, *migration_file.VERSION_KEYS}:
        assert f"`{key}`" in reference, key
    for key in migration_file.OPTION_KEYS:
        assert f"`options.{key}`" in reference, key


def test_the_examples_of_the_reference_are_right(reference):
    blocks = [block for block in reference.split("\n\n") if block.startswith("    ")]
    (whole,) = [textwrap.dedent(block) for block in blocks if block.startswith("    migration:\n")]
    found = migration_file.parse(whole)
    assert [str(item.number) for item in found.versions] == ["setup", "19.0.1.1.0"]
    assert found.warnings == ()
    names = [step.name for step in found.versions[0].steps_for("sample")]
    assert names == [
        "songs.install.pre::main",
        "update base, sale, stock",
        "songs.install.company::main",
        "load_csv data/sample/res.partner.csv into res.partner",
    ]
    (part,) = [textwrap.dedent(block) for block in blocks if block.startswith("    post:\n")]
    assert len(steps("operations:\n" + textwrap.indent(part, "  "))) == 6
