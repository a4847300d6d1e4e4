"""Colours and sizes of the charts: desktop and phone. One drawing serves light, dark and paper.

Drawings use the light colours; :mod:`reports.document.charts.svg` replaces them with the page's variables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Scheme = Literal["light", "dark"]
Layout = Literal["wide", "narrow"]

PALETTE: dict[Scheme, tuple[str, ...]] = {
    "light": ("#0072b2", "#d55e00", "#00805f", "#b0528c", "#946200", "#6d4fc4", "#5f6672"),
    "dark": ("#5ab4f0", "#f2884b", "#36c59b", "#e59ac9", "#e8b33d", "#b5a4ff", "#b3bac6"),
}
"""Okabe and Ito's colour-blind-safe hues, darkened or lightened to stand 3:1 against the page."""

_WIDE_LETTER_EM, _WIDE_BOLD_LETTER_EM = 0.6, 0.68
"""Mean width of a letter in the widest common sans serif (DejaVu, Verdana), in em."""

DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (5, 3), (2, 2))
"""Line patterns: once the hues are used up, the pattern distinguishes targets."""


@dataclass(frozen=True)
class Theme:
    """One rendering of a chart. Sizes are CSS pixels at the width the layout is made for."""

    layout: Layout

    ink: ClassVar[str] = "#1b2027"
    """Text."""
    muted_ink: ClassVar[str] = "#566070"
    """Axis labels and notes; at least 4.5:1 against the page."""
    page: ClassVar[str] = "#ffffff"
    """What the chart stands on: outlines dots so that they stay apart from a bar."""
    grid: ClassVar[str] = "#e4e8ee"
    """Grid lines."""

    @property
    def plot_width_px(self) -> int:
        """Width of the plotting area; the phone gets its own drawing, so that text keeps its size there."""
        return 486 if self.layout == "wide" else 326

    @property
    def font_px(self) -> float:
        """Size of all text."""
        return 12.5

    def shorten(self, name: str, beside: str) -> str:
        """``name`` cut so that it does not run into ``beside`` on the same line, whatever font the page finds."""
        room = self.plot_width_px - len(beside) * self.font_px * _WIDE_LETTER_EM - 12
        letters = int(room / (self.font_px * _WIDE_BOLD_LETTER_EM))
        return name if len(name) <= letters else f"{name[: letters - 1].rstrip()}…"

    def colour(self, place: int) -> str:
        """Return the hue of the target at ``place`` in the report, the same in every chart."""
        hues = PALETTE["light"]
        return hues[place % len(hues)]

    @staticmethod
    def dash(place: int) -> list[int]:
        """Return the line pattern of the target at ``place``."""
        return list(DASHES[place // len(PALETTE["light"]) % len(DASHES)])

    def config(self) -> dict[str, Any]:
        """Vega-Lite's ``config``: quiet axes, no frame, no background."""
        axis = {
            "labelFontSize": self.font_px, "titleFontSize": self.font_px, "titleFontWeight": "normal",
            "labelColor": self.muted_ink, "titleColor": self.muted_ink, "gridColor": self.grid,
            "domain": False, "ticks": False, "labelPadding": 6, "titlePadding": 8, "labelFlush": True,
        }  # fmt: skip
        return {
            "aria": False,
            "background": "transparent",
            "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
            "padding": {"left": 4, "right": 8, "top": 4, "bottom": 2},
            "view": {"stroke": None},
            "axis": axis,
            "text": {"fontSize": self.font_px, "color": self.ink},
            "legend": {"labelFontSize": self.font_px, "labelColor": self.ink, "title": None, "labelLimit": 300},
        }


def css_variables() -> dict[str, str]:
    """Return each colour of a drawing -> the page's variable that takes its place."""
    own = {Theme.ink: "--ink", Theme.muted_ink: "--muted", Theme.page: "--surface", Theme.grid: "--line"}
    return {**own, **{hue: f"--t{at}" for at, hue in enumerate(PALETTE["light"])}}


def palette_css(scheme: Scheme) -> str:
    """Return the targets' hues as custom properties."""
    return " ".join(f"--t{at}: {hue};" for at, hue in enumerate(PALETTE[scheme]))
