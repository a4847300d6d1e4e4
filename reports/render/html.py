"""``report.html``: one file that opens anywhere, offline; charts are inline SVG, and the page runs no script.

``templates/`` places the blocks of a :class:`reports.document.model.Document`, one macro a block, and asks nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from reports.document.charts.theme import DASHES, PALETTE, palette_css
from reports.document.language import ENGLISH, Words
from reports.document.model import MOST_CARDS, MOST_LISTED, Part
from reports.document.sections.catalogue import document
from reports.judge.comparison.comparison import Group
from reports.judge.judgement import Judgement

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["MOST_CARDS", "MOST_HELD", "MOST_LISTED", "render_html"]

TEMPLATES = Path(__file__).with_name("templates")
MOST_HELD = 600
"""Rows, targets or machines that the page holds at most, so that it opens; it says how many more the data have."""

_WORD = re.compile(r"[\w@:.-]*\w", re.ASCII)
"""What a target's id looks like: one among ten thousand is found by looking the word up."""


def render_html(judgement: Judgement, say: Words = ENGLISH) -> str:
    """Return the whole page, in the language of ``say``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(
        say=say, swatch=_swatch, line_style=_line_style, whole=_keep_names_whole, most_listed=MOST_LISTED,
        most_held=MOST_HELD,
    )  # fmt: skip
    return environment.get_template("report.html.j2").render(
        document=document(judgement, say),
        palettes={scheme: palette_css(scheme) for scheme in PALETTE},
    )


def _swatch(place: int) -> str:
    """Return the CSS custom property with the colour of the target at ``place``."""
    return f"--c:var(--t{place % len(PALETTE['light'])})"


def _line_style(place: int) -> str:
    """Return the CSS border style that stands for the line pattern of the target at ``place``."""
    dash = DASHES[place // len(PALETTE["light"]) % len(DASHES)]
    return {1: "solid", 5: "dashed", 2: "dotted"}[dash[0]]


def _keep_names_whole(text: str, named: Group | Part) -> Markup:
    """``text`` escaped; every target's id in a span, so that the page does not break it at its hyphens."""
    from markupsafe import Markup

    whole = Markup('<span class="id">{}</span>')
    parts, end = [], 0
    for word in _WORD.finditer(text):
        if word[0] in named.ids:
            parts += [_with_symbols(text[end : word.start()]), whole.format(word[0])]
            end = word.end()
    return Markup("").join([*parts, _with_symbols(text[end:])])


def _with_symbols(text: str) -> Markup:
    """``text`` escaped, intervals kept on one line, D_T and D_E set as symbols that lead to their explanation."""
    from markupsafe import Markup, escape

    symbol = Markup('<a class="term" href="#term-d{}">D<sub>{}</sub></a>')
    unbroken = re.sub(r"(?<=\d)–(?=\d)", "\u2060–\u2060", text)
    parts = re.split(r"D_([TE])", unbroken)
    return Markup("").join(
        symbol.format(part.lower(), part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )
