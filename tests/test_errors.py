"""The refusals: stable codes, and messages that say what would be accepted."""

import copy
import pickle

import pytest

from p2pmatch.errors import (
    CODES,
    InvalidValue,
    P2PMatchError,
    Refused,
    StoreFailed,
    UnknownName,
    refusal,
)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_one_kind_of_error(code: str) -> None:
    error = refusal(code, "field", "value", "something else")
    assert isinstance(error, InvalidValue | UnknownName | Refused | StoreFailed)
    assert isinstance(error, ValueError | LookupError | OSError)
    assert CODES[code] in str(error)
    assert "accepted: something else" in str(error)


def test_kinds_are_catchable_as_builtin_errors() -> None:
    assert isinstance(refusal("unknown_offer", "offer_id", "x", "y"), LookupError)
    assert isinstance(refusal("duplicate_id", "offer_id", "x", "y"), ValueError)
    assert isinstance(refusal("zero", "amount", 0, "y"), ValueError)
    assert isinstance(refusal("store_locked", "store", "x", "y"), OSError)


def test_long_and_huge_values_are_shortened_in_the_message() -> None:
    assert len(str(Refused("duplicate_id", "offer_id", "x" * 10_000, "y"))) < 200
    assert "a huge number" in str(InvalidValue("too_large", "amount", 10**10_000, "y"))


def test_errors_survive_copying_and_pickling() -> None:
    error = Refused("duplicate_id", "offer_id", "o1", "an id not used before")
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own bytes
        assert type(twin) is Refused
        assert (twin.code, twin.field, twin.value, twin.accepted) == (
            error.code,
            error.field,
            error.value,
            error.accepted,
        )
        assert isinstance(twin, P2PMatchError)
