"""Where a place ranks, as one number."""

import numpy as np

from p2pmatch.keys import (
    arrivals_of,
    key_bound,
    key_bounds,
    place_key,
    place_keys,
    rate_of,
    rates_of,
)


def test_keys_sort_by_rate_then_arrival() -> None:
    assert place_key(5, 9) < place_key(6, 0) < place_key(6, 1)
    assert place_key(6, 2**39 - 1) < key_bound(6) <= place_key(7, 0)
    both = place_keys(np.array([5, 6]), np.array([1, 2]))
    assert both.tolist() == [place_key(5, 1), place_key(6, 2)]


def test_rate_and_arrival_can_be_had_back() -> None:
    both = np.array([place_key(5, 1), place_key(6, 2)])
    assert (rates_of(both).tolist(), arrivals_of(both).tolist()) == ([5, 6], [1, 2])
    assert rate_of(place_key(6, 2**39 - 1)) == 6


def test_bounds_for_many_are_those_for_each() -> None:
    assert key_bounds(np.array([5, 6])).tolist() == [key_bound(5), key_bound(6)]
    assert key_bound(5) == place_key(6, 0)
