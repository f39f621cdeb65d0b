"""Every Python block of the README and the docs, and every docstring's example, is a test."""

from doctest import ELLIPSIS

from sybil import Sybil
from sybil.parsers.doctest import DocTestParser
from sybil.parsers.markdown import PythonCodeBlockParser

pytest_collect_file = (
    Sybil(parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)], patterns=["*.md"])
    + Sybil(parsers=[DocTestParser()], patterns=["src/**/*.py"])
).pytest()
