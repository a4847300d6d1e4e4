"""How Sphinx builds the pages and the API reference: ``make docs``.

The source folder is the repository, so that a link works alike on a code host and on the site.
"""

import pkgutil
from importlib import import_module
from importlib.metadata import version as installed_version
from typing import Any

project = "chipassay"
version = release = installed_version("chipassay")
extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "docs/site"
include_patterns = ["*.md", "docs/*.md", "docs/plugin/*.md", "docs/*.png"]
exclude_patterns = [".*", "build"]
html_theme = "furo"
html_title = "chipassay"
myst_heading_anchors = 3
autodoc_default_options = {"members": True, "undoc-members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
nitpicky = True
nitpick_ignore = [("py:meth", "str.format"), ("py:meth", "Backend.accelerator")]  # no module that they are named in
suppress_warnings = ["ref.python"]  # two classes of one name in a signature: either link will do


def find_elsewhere(app: Any, env: Any, node: Any, text: Any) -> Any:
    """Show a reference to what these pages do not document as text, if it exists; None makes Sphinx complain."""
    if node.get("refdomain") != "py":
        return None
    if "refwarn" not in node:  # a type of a signature: Python has read it already
        return text
    target, module = node["reftarget"], node.get("py:module")
    try:
        pkgutil.resolve_name(target)
        return text
    except (ImportError, AttributeError, ValueError):
        pass
    try:
        found: Any = import_module(module) if module else None
        for name in target.split("."):
            found = getattr(found, name)
    except AttributeError:
        return None
    return text


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("missing-reference", find_elsewhere)
