"""How the docs are built: `sphinx-build -W docs docs/_build`."""

import p2pmatch

project = "p2pmatch"
copyright = "the p2pmatch authors"
version = release = p2pmatch.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"p2pmatch {version}"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
suppress_warnings = ["myst.xref_missing"]
