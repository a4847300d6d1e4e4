"""The charts of a report: Vega-Altair specifications over plain rows, rendered to SVG without a browser or network."""
