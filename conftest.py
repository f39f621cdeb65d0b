"""Every code block of the README and the docs, and every docstring's example, is a test.

python : runs; a block of `>>>` is checked line by line.
toml : is read as the rules of a marketplace.
"""

from doctest import ELLIPSIS
from pathlib import Path
from tempfile import TemporaryDirectory

from sybil import Example, Sybil
from sybil.parsers.doctest import DocTestParser
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from p2pmatch.rules_file import read_rules, rules_for


def read_toml(example: Example) -> None:
    """Raise unless the block is a rules file that makes rules."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "rules.toml")
        path.write_text(example.parsed)
        rules_for(read_rules(path), path, grades=(), terms=())


pytest_collect_file = (
    Sybil(
        parsers=[
            PythonCodeBlockParser(doctest_optionflags=ELLIPSIS),
            CodeBlockParser(language="toml", evaluator=read_toml),
        ],
        patterns=["*.md"],
    )
    + Sybil(parsers=[DocTestParser()], patterns=["src/*/*.py", "src/*/*/*.py"])
).pytest()
