"""How Sphinx builds the site; `make docs` calls it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes

import skviz

sys.path.insert(0, str(Path(__file__).resolve().parent / "_extensions"))
# What the configuration files of whoever builds the site say is no part of it.
os.environ["SKVIZ_NO_CONFIG"] = "1"

project = "skviz"
author = "the skviz authors"
copyright = author
version = release = skviz.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "skviz_commands",
    "sphinx_gallery.gen_gallery",
]
root_doc = "index"
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery", "examples/*.ipynb", "**/.ipynb_checkpoints"]

# Single backticks in docstrings are code, and links where they name a class of skviz.
default_role = "code-or-link"
add_module_names = False
autosummary_generate = True
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# Notebooks are kept without outputs: they run when the site is built.
nb_execution_mode = "auto"
nb_execution_timeout = 180
nb_execution_raise_on_error = True
nb_merge_streams = True
# What a progress bar or a warning of another library says on stderr is no part of a tutorial.
nb_output_stderr = "remove"
# "--units" is an option, no dash.
smartquotes = False
# Blocks of a terminal hold more than Python.
highlight_language = "none"

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": r"\.py$",
    "image_scrapers": ("skviz_gallery.figures",),
    "reset_modules": ("skviz_gallery.forget",),
    "capture_repr": ("_repr_html_", "__repr__"),
    "within_subsection_order": "FileNameSortKey",
    "min_reported_time": 1000,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
}


def code_or_link(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, *rest: Any, **options: Any
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Read single backticks: classes and dotted names are links, all else is code.

    Columns and arguments are no links: many of them are named like a method.
    """
    if re.match(r"skviz\.\w|[A-Z][a-z]\w*$", text):
        role = inliner.document.settings.env.get_domain("py").role("obj")
        return role("py:obj", rawtext, text, lineno, inliner)
    return [nodes.literal(rawtext, text)], []


def short_arrays(
    app: object, what: str, name: str, thing: object, options: object, signature: str, result: str
) -> tuple[str | None, str | None]:
    """Write an array's type as "ndarray"; its shape is in the text."""
    return _short_arrays(signature), _short_arrays(result)


def _short_arrays(text: str | None) -> str | None:
    long = r"(~?(?:numpy\.)?ndarray)\[tuple\[[^\]]*\], ~?(?:numpy\.)?dtype\[[^\]]*\]\]"
    return text and re.sub(long, r"\1", text)


def plain_stars(app: object, ctx: object, lines: list[str]) -> None:
    """Keep stars and underscores of a command's help: "3_*" is neither emphasis nor a link."""
    # The extension's own bold word stays.
    lines[:] = [re.sub(r"(\*\*Required\*\*)|\*|_(?!\w)", _plain, line) for line in lines]


def _plain(found: re.Match[str]) -> str:
    return found[0] if found[1] else f"\\{found[0]}"


def setup(app: Any) -> None:
    """Connect what the extensions leave to the site."""
    app.add_role("code-or-link", code_or_link)
    app.connect("autodoc-process-signature", short_arrays)
    for part in ("description", "options", "arguments"):
        app.connect(f"sphinx-click-process-{part}", plain_stars)


html_theme = "pydata_sphinx_theme"
html_title = "skviz"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "skviz"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "search_as_you_type": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "back_to_top_button": False,
}
