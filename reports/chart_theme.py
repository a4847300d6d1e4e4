"""Colours and sizes of the charts: light and dark, desktop and phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Scheme = Literal["light", "dark"]
Layout = Literal["wide", "narrow"]

PALETTE: dict[Scheme, tuple[str, ...]] = {
    "light": ("#0072b2", "#d55e00", "#00805f", "#b0528c", "#946200", "#6d4fc4", "#5f6672"),
    "dark": ("#5ab4f0", "#f2884b", "#36c59b", "#e59ac9", "#e8b33d", "#b5a4ff", "#b3bac6"),
}
"""Okabe and Ito's colour-blind-safe hues, darkened or lightened to stand 3:1 against the page."""

DASHES: tuple[tuple[int, ...], ...] = ((1, 0), (5, 3), (2, 2))
"""Line patterns: once the hues are used up, the pattern tells targets apart."""


@dataclass(frozen=True, slots=True)
class Theme:
    """One rendering of a chart. Sizes are CSS pixels at the width the layout is made for."""

    scheme: Scheme
    layout: Layout

    @property
    def ink(self) -> str:
        """Text."""
        return "#1b2027" if self.scheme == "light" else "#e9edf3"

    @property
    def muted_ink(self) -> str:
        """Axis labels and notes; at least 4.5:1 against the page."""
        return "#566070" if self.scheme == "light" else "#a9b3c1"

    @property
    def page(self) -> str:
        """What the chart stands on: outlines dots so that they stay apart from a bar."""
        return "#ffffff" if self.scheme == "light" else "#171c23"

    @property
    def grid(self) -> str:
        """Grid lines."""
        return "#e4e8ee" if self.scheme == "light" else "#2c343f"

    @property
    def plot_width_px(self) -> int:
        """Width of the plotting area; the phone gets its own drawing, so that text keeps its size there."""
        return 486 if self.layout == "wide" else 326

    @property
    def font_px(self) -> float:
        """Size of all text."""
        return 12.5

    def colour(self, place: int) -> str:
        """The hue of the target at ``place`` in the report, the same in every chart."""
        hues = PALETTE[self.scheme]
        return hues[place % len(hues)]

    @staticmethod
    def dash(place: int) -> list[int]:
        """The line pattern of the target at ``place``."""
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
