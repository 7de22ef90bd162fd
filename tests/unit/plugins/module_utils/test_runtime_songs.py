# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import inspect
import sys
import textwrap

import pytest

from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import file as migration_file
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration import songs
from ansible_collections.odoo_cloud.platform.plugins.module_utils._runtime.migration.songs import SongError

FILES = {
    "one/songs/__init__.py": "",
    "one/songs/install/__init__.py": """
        from .company import main as company, settings
        from . import stock
        from .base import *
        from os.path import join
        from anthem.lyrics.records import create_or_update
        from .gone import lost
        import json
        """,
    "one/songs/install/company.py": '''
        import anthem
        from anthem import log
        from tools import traced

        @anthem.log
        def main(ctx):
            """Sets the company up.

            And more.
            """

        @log(name="Settings")
        def settings(ctx, currency, *, rate=1.0, decimals):
            pass

        @traced
        def wrapped(ctx):
            pass

        async def later(ctx):
            pass

        def positional(ctx, a, /, b=1):
            pass

        def anything(*args, **kwargs):
            pass

        def nothing():
            pass

        def only_context(ctx):
            pass

        class Song:
            pass

        alias = main
        made = traced(main)
        short = lambda ctx, x=1: None
        NUMBER = 5
        first, second = main, settings

        if NUMBER:
            def conditional(ctx):
                pass
        try:
            import lxml
        except ImportError:
            def fallback(ctx):
                pass
        try:
            from lxml import either
        except ImportError:
            def either(ctx, x):
                pass
        if NUMBER:
            settled = None
        def settled(ctx):
            pass
        def removed(ctx):
            pass
        del removed
        ''',
    "one/songs/install/base.py": "def shared(ctx):\n    pass\n",
    "one/songs/install/stock.py": "def locations(ctx):\n    pass\n",
    "one/songs/install/broken.py": "def x(:\n",
    "one/songs/install/latin.py": "# -*- coding: latin-1 -*-\nNAME = '\xe9'\ndef main(ctx):\n    pass\n",
    "one/songs/install/round_a.py": "from .round_b import x\n",
    "one/songs/install/round_b.py": "from .round_a import x\n",
    "one/songs/install/made.py": "for n in range(9):\n    globals()[f's{n}'] = lambda ctx: None\n",
    "one/songs/install/dynamic.py": "def __getattr__(name):\n    pass\n",
    "one/songs/install/star.py": "from elsewhere import *\n",
    "one/songs/native.cpython-311-x86_64-linux-gnu.so": "",
    "one/spread/part_a.py": "def a(ctx):\n    pass\n",
    "two/spread/part_b.py": "def b(ctx):\n    pass\n",
    "one/old/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
    "one/old/a.py": "def a(ctx):\n    pass\n",
    "two/old/b.py": "def b(ctx):\n    pass\n",
    "two/songs/install/hidden.py": "def main(ctx):\n    pass\n",  # behind the package in `one`
    "two/runtime.py": "import posixpath as path\n",
    "two/odd/__init__.py": "import sys\nsys.modules['odd.other'] = sys\n",
    "two/top.py": "def main(ctx, x):\n    pass\n",
    "addons/shop/__init__.py": "",
    "addons/shop/songs.py": "def main(ctx):\n    pass\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("songs")
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content), encoding="latin-1" if "latin" in name else "utf-8")
    return root


@pytest.fixture
def finder(root):
    return songs.Songs([str(root / "one"), str(root / "two"), str(root / "no-such-folder")], [str(root / "addons")])


@pytest.mark.parametrize(
    ("target", "file", "title"),
    [
        ("songs.install.company::main", "one/songs/install/company.py", "Sets the company up."),
        ("songs.install.company::conditional", "one/songs/install/company.py", ""),
        ("songs.install.company::fallback", "one/songs/install/company.py", ""),
        ("songs.install.company::settled", "one/songs/install/company.py", ""),
        ("songs.install.company::alias", "one/songs/install/company.py", "Sets the company up."),
        ("songs.install.company::short", "one/songs/install/company.py", ""),
        ("songs.install.company::anything", "one/songs/install/company.py", ""),
        ("songs.install::company", "one/songs/install/company.py", "Sets the company up."),  # imported under a name
        ("songs.install::shared", "one/songs/install/base.py", ""),  # from .base import *
        ("songs.install.latin::main", "one/songs/install/latin.py", ""),
        ("spread.part_a::a", "one/spread/part_a.py", ""),
        ("spread.part_b::b", "two/spread/part_b.py", ""),
        ("old.a::a", "one/old/a.py", ""),
        ("old.b::b", "two/old/b.py", ""),
        ("odoo.addons.shop.songs::main", "addons/shop/songs.py", ""),
    ],
)
def test_found(finder, root, target, file, title):
    found = finder.find(target)
    assert (found.file, found.title, found.unchecked) == (str(root / file), title, "")
    assert found.line > 0


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("songs.install.company::wrapped", "decorator traced may change its arguments"),
        ("songs.install.company::made", "it is defined at run time"),
        ("songs.install.company::second", "it is defined at run time"),
        ("songs.install.company::Song", "it is a class"),
        ("songs.install.company::either", "or in more than one way"),
        ("runtime.path::join", "module runtime.path is created at run time"),
        ("odd.other::main", "module odd.other may be created at run time"),
        ("songs.install::create_or_update", "create_or_update comes from anthem.lyrics.records, which is elsewhere"),
        ("songs.install::join", "join comes from os.path, which is elsewhere"),
        ("songs.install.dynamic::main", "songs.install.dynamic may have main: it defines names at run time"),
        ("songs.install.made::s3", "songs.install.made may have s3: it defines names at run time"),
        ("songs.install.star::main", "it imports all of elsewhere, which is elsewhere"),
        ("songs.install.round_a::x", "x is imported in a circle"),
        ("songs.native::main", "module songs.native is there without its source"),
        ("odoo.tools.misc::main", "odoo.tools.misc is Odoo's own"),
    ],
)
def test_what_the_source_does_not_tell(finder, target, why):
    assert why in finder.find(target).unchecked


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("song.install.company::main", "; did you mean 'songs'?"),
        ("nothing.like.it::main", "module nothing is not there, in "),
        ("songs.instal.company::main", "module songs.instal is not there, in package songs; did you mean 'install'?"),
        (
            "songs.install.compny::main",
            "module songs.install.compny is not there, in package songs.install; did you mean 'company'?",
        ),
        ("songs.install.company.more::main", "songs.install.company is no package"),
        ("songs.install.hidden::main", "module songs.install.hidden is not there"),
        ("songs.install.company::mian", "songs.install.company has no function mian; did you mean 'main'? ("),
        ("songs.install.company::removed", "has no function removed"),
        ("songs.install.company::NUMBER", "songs.install.company::NUMBER is not a function"),
        ("songs.install.company::later", "is an async function"),
        ("songs.install.company::nothing", "takes no context: its first argument must be ctx"),
        ("songs.install.broken::x", "broken.py:1: is not Python: "),
        ("songs.install::stock", "stock in songs.install is a module, not a function"),
        ("songs.install::json", "json in songs.install is a module, not a function"),
        ("songs.install::broken", "broken in songs.install is a module, not a function"),
        ("songs.install::lost", "module songs.install.gone is not there"),
        ("spread::a", "spread has no function a"),
        (
            "odoo.addons.shp.songs::main",
            "module odoo.addons.shp is not there, in package odoo.addons; did you mean 'shop'?",
        ),
    ],
)
def test_missing(finder, target, message):
    with pytest.raises(SongError) as caught:
        finder.find(target)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("main", {}, ""),
        ("only_context", {"x": 1}, "takes no argument x; it takes none but ctx"),
        ("settings", {"currency": "EUR", "decimals": 2}, ""),
        ("settings", {"currency": "EUR", "decimals": 2, "rate": 3}, ""),
        ("settings", {}, "needs currency, decimals: give kwargs"),
        ("settings", {"currency": "EUR"}, "needs decimals: give kwargs"),
        ("settings", {"curency": "EUR", "decimals": 2}, "takes no argument curency; did you mean 'currency'?"),
        (
            "settings",
            {"zzz": 1, "currency": "EUR", "decimals": 2},
            "takes no argument zzz; it takes currency, rate, decimals",
        ),
        ("settings", {"ctx": 1}, "ctx is the context, which is given to every song"),
        ("positional", {"a": 1}, "takes a by its place only, not by name"),
        ("positional", {}, "needs a: give kwargs"),
        ("anything", {"a": 1, "b": 2}, ""),
        ("short", {"x": 2}, ""),
        ("short", {"y": 2}, "takes no argument y; it takes x"),
        ("wrapped", {"whatever": 1}, ""),  # unchecked
    ],
)
def test_arguments(finder, name, kwargs, message):
    if not message:
        finder.find(f"songs.install.company::{name}", kwargs)
        return
    with pytest.raises(SongError) as caught:
        finder.find(f"songs.install.company::{name}", kwargs)
    assert message in str(caught.value)


SIGNATURES = [
    "ctx",
    "ctx, a",
    "ctx, a=1",
    "ctx, a, b=1",
    "ctx, *, a",
    "ctx, *, a=1, b",
    "ctx, *args, a",
    "ctx, **more",
    "*args",
    "*args, a",
    "ctx, a, /, b",
    "ctx, /, a, *, b=2",
    "ctx=None",
    "ctx=None, a=1",
    "**more",
    "",
]


@pytest.mark.parametrize("signature", SIGNATURES)
def test_arguments_as_python_takes_them(tmp_path, signature):
    (tmp_path / "mine.py").write_text(f"def song({signature}):\n    pass\n")
    scope: dict = {}
    exec(f"def song({signature}):\n    pass\n", scope)
    for names in ((), ("a",), ("b",), ("a", "b"), ("ctx",), ("c",)):
        kwargs = dict.fromkeys(names, 1)
        try:
            inspect.signature(scope["song"]).bind(object(), **kwargs)
            takes = True
        except TypeError:
            takes = False
        try:
            songs.Songs([str(tmp_path)]).find("mine::song", kwargs)
            found = True
        except SongError:
            found = False
        assert found is takes, (signature, names)


def test_nothing_is_imported(finder):
    before = set(sys.modules)
    finder.find("songs.install::company")
    assert {name for name in set(sys.modules) - before if name.startswith(("songs", "old", "spread"))} == set()


def test_check_of_a_file(finder):
    found = migration_file.parse(
        textwrap.dedent(
            """\
            migration:
              versions:
                - version: setup
                  operations:
                    post:
                      - anthem songs.install.company::main
                      - anthem songs.install.company::mian
                      - song: songs.install.company::settings
                        kwargs: {currency: EUR}
                      - anthem songs.install.company::made
                  modes:
                    prod: {operations: {post: [anthem songs.prod::main]}}
            """
        )
    )
    problems, unchecked = songs.check(found, finder)
    assert [str(item).split(" (")[0] for item in problems] == [
        "migration.yml:7: songs.install.company has no function mian; did you mean 'main'?",
        "migration.yml:8: songs.install.company::settings needs decimals: give kwargs",
    ]
    assert [str(item) for item in unchecked] == [
        "migration.yml:10: songs.install.company::made is not checked: it is defined at run time, or in more than one way"
    ]
    assert len(songs.check(found, finder, "prod")[0]) == 3
