# Copyright (c) 2026, odoo_cloud.platform contributors
# Simplified BSD License (see https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause
"""The command line of wkhtmltopdf and wkhtmltoimage, as far as Odoo and its modules use it. No I/O."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

# Paper sizes of Qt that Odoo offers: width and height in mm
PAPER: dict[str, tuple[float, float]] = {
    **{f"A{number}": size for number, size in enumerate([
        (841, 1189), (594, 841), (420, 594), (297, 420), (210, 297), (148, 210), (105, 148), (74, 105), (52, 74), (37, 52),
    ])},
    **{f"B{number}": size for number, size in enumerate([
        (1000, 1414), (707, 1000), (500, 707), (353, 500), (250, 353), (176, 250), (125, 176), (88, 125), (62, 88), (44, 62),
        (31, 44),
    ])},
    "C5E": (163, 229),
    "Comm10E": (105, 241),
    "DLE": (110, 220),
    "Executive": (190.5, 254),
    "Folio": (210, 330),
    "Ledger": (431.8, 279.4),
    "Legal": (215.9, 355.6),
    "Letter": (215.9, 279.4),
    "Tabloid": (279.4, 431.8),
}  # fmt: skip
_PAPER = {name.lower(): size for name, size in PAPER.items()}
_MM = {
    "": 1.0,
    "mm": 1.0,
    "cm": 10.0,
    "m": 1000.0,
    "in": 25.4,
    "inch": 25.4,
    "pt": 25.4 / 72,
    "pc": 25.4 / 6,
    "px": 25.4 / 96,
}
_LENGTH = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\Z", re.IGNORECASE)

SHORT = {
    "-q": "--quiet", "-O": "--orientation", "-s": "--page-size", "-T": "--margin-top", "-B": "--margin-bottom",
    "-L": "--margin-left", "-R": "--margin-right", "-d": "--dpi", "-f": "--format", "-n": "--disable-javascript",
    "-g": "--grayscale", "-l": "--lowquality",
}  # fmt: skip
LENGTHS = {
    "--margin-top": "top", "--margin-bottom": "bottom", "--margin-left": "left", "--margin-right": "right",
    "--page-width": "width", "--page-height": "height", "--header-spacing": "header_spacing", "--footer-spacing": "footer_spacing",
}  # fmt: skip
# Options without an effect here: the browser waits for pages and fonts by itself, can't read files, and
# prints backgrounds, links and images anyway.
IDLE = frozenset((
    "--quiet", "--disable-local-file-access", "--enable-local-file-access", "--enable-javascript", "--no-stop-slow-scripts",
    "--stop-slow-scripts", "--no-debug-javascript", "--debug-javascript", "--background", "--images", "--lowquality",
    "--enable-external-links", "--enable-internal-links", "--enable-plugins", "--disable-plugins", "--no-pdf-compression",
    "--outline", "--no-outline", "--collate", "--no-collate", "--disable-forms", "--keep-relative-links",
    "--resolve-relative-links", "--enable-smart-shrinking", "--enable-smart-width", "--disable-smart-width",
    "--no-print-media-type", "--exclude-from-outline", "--include-in-outline", "--no-header-line", "--no-footer-line",
))  # fmt: skip
IDLE_WITH_VALUE = frozenset((
    "--javascript-delay", "--image-quality", "--image-dpi", "--encoding", "--outline-depth", "--log-level",
    "--load-error-handling", "--load-media-error-handling", "--window-status", "--cache-dir", "--viewport-size",
))  # fmt: skip
FORMATS = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png"}


class OptionError(ValueError):
    """A command line that this program does not take; the message is one line for the person who prints."""


@dataclasses.dataclass
class Job:
    """One print. Lengths are in millimetres, names of files without their folders.

    - `kind`: `pdf` or `image`. `bodies`, `header`, `footer`: names of files.
    - `width`, `height`: the paper's, as it lies in landscape. Of an image: pixels, 0 for as high as its content.
    - `zoom`: what content is enlarged by. `shrink`: whether it is made smaller as wkhtmltopdf's "smart
      shrinking" does. `print_media`: whether styles for print count instead of those for a screen.
    - `script`: whether scripts of bodies are run.
    - `format`, `quality`: of an image, `png` or `jpeg`.
    """

    kind: str = "pdf"
    bodies: list[str] = dataclasses.field(default_factory=list)
    header: str = ""
    footer: str = ""
    width: float = 210
    height: float = 297
    top: float = 10
    bottom: float = 10
    left: float = 10
    right: float = 10
    header_spacing: float = 0
    footer_spacing: float = 0
    header_line: bool = False
    footer_line: bool = False
    zoom: float = 1
    shrink: bool = True
    print_media: bool = False
    script: bool = True
    title: str = ""
    format: str = ""
    quality: int = 94

    def to_dict(self) -> dict[str, Any]:
        """The job as JSON can hold it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Job:
        """The job that `to_dict` described. Raises `OptionError` for keys and kinds of values that are not its."""
        types = {one.name: type(getattr(cls(), one.name)) for one in dataclasses.fields(cls)}
        for name, value in values.items():
            wanted = (int, float) if types.get(name) is float or types.get(name) is int else types.get(name)
            if wanted is None or not isinstance(value, wanted):
                raise OptionError(f"a print with {name}={str(value)[:40]!r}")
        return cls(**values)


@dataclasses.dataclass
class CommandLine:
    """A parsed command line: the job, the paths of its files by their names, and what stays with the client."""

    job: Job
    files: dict[str, str]
    output: str
    cookies: list[tuple[str, str]]
    cookie_jar: str


def length(text: str, option: str) -> float:
    """A length in mm; without a unit it is in mm. Raises `OptionError`."""
    match = _LENGTH.match(text.strip())
    if not match or match.group(2).lower() not in _MM:
        raise OptionError(f"{option} {text[:40]!r}: give a length such as 40 or 40mm")
    return float(match.group(1)) * _MM[match.group(2).lower()]


def number(text: str, option: str) -> float:
    """A number above 0. Raises `OptionError`."""
    try:
        found = float(text)
    except ValueError:
        found = 0
    if not 0 < found < 100000:
        raise OptionError(f"{option} {text[:40]!r}: give a number above 0")
    return found


def parse(arguments: Sequence[str], kind: str = "pdf") -> CommandLine:
    """The command line after the program's name. `kind`: `pdf` or `image`.

    Raises `OptionError` for an option that would change the result and can't be followed.
    """
    job = Job(kind=kind)
    if kind == "image":
        job.width, job.height = 1024, 0
    found = CommandLine(job, {}, "", [], "")
    paper, landscape, positions = "", False, []
    rest = list(arguments)

    def value(option: str) -> str:
        if not rest:
            raise OptionError(f"{option}: its value is missing")
        return rest.pop(0)

    def file(path: str) -> str:
        name = path.replace("\\", "/").rsplit("/", 1)[-1]
        if path == "-" or found.files.get(name, path) != path:
            raise OptionError(f"{path[:80]!r}: give files with names of their own")
        found.files[name] = path
        return name

    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            positions.append(word)
            continue
        option = SHORT.get(word, word)
        if kind == "image" and option in ("--width", "--height"):
            setattr(job, option[2:], int(number(value(option), option)))
        elif option in IDLE:
            continue
        elif option in IDLE_WITH_VALUE:
            value(option)
        elif kind == "pdf" and option in LENGTHS:
            setattr(job, LENGTHS[option], length(value(option), option))
        elif option == "--cookie":
            found.cookies.append((value(option), value(option)))
        elif option == "--cookie-jar":
            found.cookie_jar = value(option)
        elif option == "--page-size":
            paper = value(option)
        elif option == "--orientation":
            landscape = value(option).lower() == "landscape"
        elif option == "--dpi":
            number(value(option), option)  # Odoo says the same again with --zoom
        elif option == "--zoom":
            job.zoom = number(value(option), option)
        elif option == "--header-html":
            job.header = file(value(option))
        elif option == "--footer-html":
            job.footer = file(value(option))
        elif option in ("--header-line", "--footer-line"):
            setattr(job, option[2:].replace("-", "_"), True)
        elif option == "--disable-smart-shrinking":
            job.shrink = False
        elif option == "--print-media-type":
            job.print_media = True
        elif option == "--disable-javascript":
            job.script = False
        elif option == "--title":
            job.title = value(option)
        elif kind == "image" and option == "--format":
            job.format = value(option)
        elif kind == "image" and option == "--quality":
            job.quality = min(int(number(value(option), option)), 100)
        else:
            raise OptionError(f"the option {word[:40]} is not supported")
    if len(positions) < 2 or (kind == "image" and len(positions) != 2):
        raise OptionError("give at least one file with HTML, and the file to write")
    found.output = positions.pop()
    job.bodies = [file(path) for path in positions]
    if kind == "image":
        ending = job.format or found.output.rsplit(".", 1)[-1]
        job.format = FORMATS.get(ending.lower(), "")
        if not job.format:
            raise OptionError(f"--format {ending[:40]!r}: give jpg or png")
        return found
    _lay_paper(job, paper, landscape, [*map(SHORT.get, arguments, arguments)])
    return found


def _lay_paper(job: Job, paper: str, landscape: bool, words: Sequence[str | None]) -> None:
    """Sets the paper's width and height. Own sizes win over names; both are turned in landscape."""
    if not ("--page-width" in words and "--page-height" in words):
        try:
            job.width, job.height = _PAPER[(paper or "A4").lower()]
        except KeyError:
            raise OptionError(f"--page-size {paper[:40]!r}: give one of {', '.join(PAPER)}") from None
    if landscape:
        job.width, job.height = job.height, job.width
    if job.left + job.right >= job.width or job.top + job.bottom >= job.height:
        raise OptionError("the margins leave no room on the paper; make them smaller in the paper format")
