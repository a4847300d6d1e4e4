"""Documents as HTML, Markdown, terminal text, JSON and CSV."""
