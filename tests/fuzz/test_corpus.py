"""Bad input of every kind is refused, each in the way the corpus says; nobody ever sees a traceback.

corpus.jsonl has one line for each input: the parser, the text, and how it is refused: a code, or,
for files, the file with its line and the column or key that the message names.
"""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2pmatch import CODES
from tests.examples import of_hundred
from tests.fuzz.parsers import OFFERS, PARSERS, REQUESTS

CORPUS = [
    json.loads(line)
    for line in Path(__file__).with_name("corpus.jsonl").read_text(encoding="utf-8").splitlines()
]
#: One sound input of each parser, to be spoilt.
SOUND = {
    "amount": "1,234.50",
    "rate": "5.25%",
    "command": '{"kind":"repay","v":1,"seq":1,"data":{"request_id":"r1","amount":5,"now":1}}',
    "offers": OFFERS,
    "requests": REQUESTS,
    "rules": 'increment = "1.00"\nallocation = "pro_rata"\n[lender_limits]\ntotal = "50"\n',
}


@pytest.mark.parametrize("name", PARSERS)
def test_the_corpus_is_refused_as_it_says(name: str) -> None:
    cases = [case for case in CORPUS if case["parser"] == name]
    got = [(case["input"], PARSERS[name](case["input"])) for case in cases]
    assert got == [(case["input"], case["refused"]) for case in cases]


def test_the_corpus_is_large_and_of_all_kinds() -> None:
    counts = Counter(case["parser"] for case in CORPUS)
    assert counts.keys() == PARSERS.keys()
    assert counts.total() >= 300
    assert min(counts.values()) >= 40
    assert len({(case["parser"], case["input"]) for case in CORPUS}) == counts.total()
    by_code = {
        case["refused"] for case in CORPUS if case["parser"] in {"amount", "rate", "command"}
    }
    assert by_code <= set(CODES)


def test_what_is_sound_is_taken() -> None:
    assert {name: PARSERS[name](text) for name, text in SOUND.items()} == dict.fromkeys(SOUND)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=of_hundred(60), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_edit_of_a_sound_text_ends_in_anything_but_an_answer(
    name: str, data: st.DataObject
) -> None:
    """Cut, put in, doubled or swapped anywhere: taken, or refused; the parsers let nothing else by."""
    text = SOUND[name]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        to = data.draw(st.integers(at, min(at + 12, len(text))))
        put = data.draw(
            st.sampled_from(["", "\x00", '"', ",", "\n", "-", "9" * 25, "é", text[at:to] * 2])
        )
        text = text[:at] + put + text[to:]
    PARSERS[name](text)
