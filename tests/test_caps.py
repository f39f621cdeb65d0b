"""Limits in force: one number for all until somebody has its own."""

import numpy as np

from p2pmatch import BorrowerLimits, Limits
from p2pmatch.caps import BorrowerCaps, LenderCaps
from p2pmatch.conditions import NO_CAP, NO_SHARE


def test_caps_are_one_number_until_somebody_has_its_own() -> None:
    caps = LenderCaps(Limits(per_loan=10))
    lenders = np.array([0, 2], dtype=np.int32)
    assert caps.in_force == ["per_loan"]
    assert caps.of("per_loan", lenders, 3) == 10
    caps.set(2, Limits(per_loan=7, total=99, max_share=5))
    assert np.asarray(caps.of("per_loan", lenders, 3)).tolist() == [10, 7]
    assert np.asarray(caps.of("total", lenders, 3)).tolist() == [NO_CAP, 99]
    assert np.asarray(caps.of("max_share", lenders, 3)).tolist() == [NO_SHARE, 5]
    assert caps.in_force == ["per_loan", "total", "max_share"]
    assert np.asarray(caps.of("per_loan", lenders, 3)).dtype == np.int64
    caps.set(2, Limits())
    assert caps.own == {}
    assert np.asarray(caps.of("max_share", lenders, 3)).tolist() == [NO_SHARE, NO_SHARE]
    assert np.asarray(caps.of("total", lenders, 3)).tolist() == [NO_CAP, NO_CAP]


def test_a_limit_per_loan_alone_is_known_as_such_while_all_have_the_same() -> None:
    caps = LenderCaps(Limits(per_loan=10, max_share=500_000))
    assert caps.only_per_loan == 10
    # Limits of its own that are everybody's change nothing.
    caps.set(0, Limits(per_loan=10))
    assert caps.only_per_loan == 10
    caps.set(1, Limits(per_loan=9))
    assert caps.only_per_loan is None
    assert LenderCaps(Limits(per_loan=10, total=50)).only_per_loan is None
    assert LenderCaps(Limits(total=50)).only_per_loan is None
    assert LenderCaps(Limits()).only_per_loan is None


def test_a_borrowers_own_cap_comes_before_the_default() -> None:
    caps = BorrowerCaps(BorrowerLimits(total=5))
    caps.set("bob", BorrowerLimits(total=9))
    assert (caps.total("bob"), caps.total("bea")) == (9, 5)
    caps.set("bob", BorrowerLimits())
    assert (caps.own, caps.total("bob")) == ({}, 5)


def test_what_is_restored_is_what_was() -> None:
    caps = LenderCaps(Limits(total=50))
    own = {1: Limits(per_loan=7), 3: Limits(total=9)}
    caps.restore(own, {"per_loan", "per_grade", "total"})
    assert set(caps.in_force) == {"per_loan", "per_grade", "total"}
    expected = {
        "per_loan": [NO_CAP, 7, NO_CAP, NO_CAP],
        "per_grade": [NO_CAP] * 4,
        "total": [50, 50, 50, 9],
    }
    for name, limits in expected.items():
        assert np.asarray(caps.of(name, np.arange(4), 4)).tolist() == limits
