"""Altair charts as inline SVG: no script, no request, an accessible name, and ids that do not clash on one page."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from reports.document.charts.theme import css_variables

if TYPE_CHECKING:
    import altair as alt

_SIZE = re.compile(r'<svg[^>]*?width="([\d.]+)" height="([\d.]+)"[^>]*>')
_TAG = re.compile(r"<[^>]+>")
_ROLES = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')
"""Vega's roles of single marks: the drawing as a whole is one image with one description."""
_COLOUR = re.compile(r'(fill|stroke)="(#[0-9a-f]{6})"')
_IDS = re.compile(r'(id="|url\(#|href="#)([A-Za-z_][\w-]*)')


def trusted() -> AbstractContextManager[None]:
    """While it lasts, Altair does not check charts against Vega-Lite's schema: that takes longer than drawing them.

    The tests of the charts check them.
    """
    from altair.utils.schemapi import debug_mode

    manager: AbstractContextManager[None] = debug_mode(False)
    return manager


def inline_svg(chart: alt.LayerChart | alt.Chart, name: str, description: str, css_class: str) -> Markup:
    """Render ``chart`` to an ``<svg>`` that scales with its container.

    Args:
        chart: Any Altair chart whose data are inline.
        name: Unique on the page; prefixes every id in the drawing.
        description: What a screen reader says instead of the drawing.
        css_class: Class of the ``<svg>``, by which the page shows one of several renderings.

    The theme's colours become the page's variables, so that one drawing serves light, dark and paper.
    """
    import vl_convert

    drawing = vl_convert.vegalite_to_svg(chart.to_dict(validate=_checking()), allowed_base_urls=[])
    opening = _SIZE.search(drawing)
    if opening is None:
        raise ValueError("vl-convert returned no <svg> with a size")
    width, height = opening.groups()
    body = drawing[opening.end() :]
    body = _TAG.sub(lambda tag: _at_home(_IDS.sub(lambda found: f"{found[1]}{name}-{found[2]}", tag[0])), body)
    return Markup(  # noqa: S704 - Vega escaped the text of the drawing, and the rest is escaped here
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart {escape(css_class)}" role="img" '
        f'aria-label="{escape(description)}" viewBox="0 0 {width} {height}" preserveAspectRatio="xMidYMin meet">'
        f"<title>{escape(description)}</title>{body}"
    )


def _checking() -> bool:
    from altair.utils import schemapi

    return bool(schemapi.DEBUG_MODE)


def _at_home(tag: str) -> str:
    """Return the tag without roles, and with every colour of the theme as a variable of the page."""
    known = css_variables()
    bare = _ROLES.sub("", tag)
    return _COLOUR.sub(lambda found: f'{found[1]}="var({known[found[2]]})"' if found[2] in known else found[0], bare)
