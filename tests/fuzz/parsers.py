"""Everything that reads what people write, each as: text in, how it was refused out."""

import re
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from p2pmatch import P2PMatchError, amount, rate
from p2pmatch.cli import run
from p2pmatch.wire import COMMANDS

OFFERS = "offer_id,lender_id,amount,min_rate,grades,terms\no1,ann,100.00,5%,A,36\n"
REQUESTS = "request_id,borrower_id,amount,max_rate,grade,term\nr1,bob,60.00,9%,A,36\n"


def by_code(read: Callable[[str], object]) -> Callable[[str], str | None]:
    """A reader whose refusals have codes; None: it took the text."""

    def refused(text: str) -> str | None:
        try:
            read(text)
        except P2PMatchError as refusal:
            return refusal.code
        return None

    return refused


def command(text: str) -> object:
    return COMMANDS.decode(text.encode("utf-8", "surrogatepass"), 1)


def by_message(name: str) -> Callable[[str], str | None]:
    """A file handed to `p2pmatch match`: where the first line of the message points; None: taken."""

    def refused(text: str) -> str | None:
        with tempfile.TemporaryDirectory() as folder:
            paths = {key: Path(folder, key) for key in ("offers", "requests", "rules", "out")}
            contents = {"offers": OFFERS, "requests": REQUESTS, "rules": "", name: text}
            for key, content in contents.items():
                paths[key].write_bytes(content.encode("utf-8", "surrogatepass"))
            said, results = StringIO(), StringIO()
            with redirect_stderr(said), redirect_stdout(results):
                code = run(
                    [
                        "match",
                        *(part for key, path in paths.items() for part in (f"--{key}", str(path))),
                    ]
                )
            if code == 0:
                return None
            assert code == 2
            assert results.getvalue() == ""
            assert not paths["out"].exists()
            message = said.getvalue()
            assert "Traceback" not in message
            assert "accepted" in message, message
            first = message.splitlines()[0].removeprefix("p2pmatch: ").replace(f"{folder}/", "")
            where = re.match(r"(\w+(?::\d+)?): (?:(?:column|key) '?)?([\w.\[\]]*)", first)
            assert where is not None, first
            return f"{where[1]}: {where[2]}"

    return refused


PARSERS: dict[str, Callable[[str], str | None]] = {
    "amount": by_code(amount),
    "rate": by_code(rate),
    "command": by_code(command),
    "offers": by_message("offers"),
    "requests": by_message("requests"),
    "rules": by_message("rules"),
}
