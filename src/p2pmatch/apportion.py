"""Split a whole number by weights so that the parts add up exactly: largest remainder."""

from collections.abc import Iterable, Sequence

from p2pmatch.checks import in_order, plain
from p2pmatch.errors import InvalidValue

__all__ = ["apportion"]


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights`, to the unit.

    Everybody gets the floor of the exact share; the units left over go one each to the largest
    remainders, ties to the earlier position. While `total` is at most the sum of the weights, no
    part is larger than its weight.

    Parameters
    ----------
    total : int, at least 0, any unit.
    weights : ints, at least 0, not all 0 unless `total` is 0.

    Returns
    -------
    list of ints, as long as `weights`, adding up to `total`.

    Raises
    ------
    InvalidValue : for negative numbers, what is no int, or nothing to split by.

    Notes
    -----
    O(n log n). The method of largest remainders, also called Hamilton's method (Balinski and Young,
    "Fair Representation", 1982).

    Examples
    --------
    >>> apportion(100, [1, 1, 1])
    [34, 33, 33]
    >>> apportion(401, [900, 200, 300, 400, 100])
    [190, 42, 63, 85, 21]
    """
    total, given = plain(total), in_order(weights)
    _check([total], "total", total, "an int of at least 0")
    # In a set equal weights would be one.
    if isinstance(weights, set | frozenset) or not isinstance(given, tuple):
        raise InvalidValue("wrong_type", "weights", weights, "ints of at least 0")
    _check(given, "weights", weights, "ints of at least 0")
    whole = sum(given)
    if whole == 0:
        if total:
            raise InvalidValue("zero", "weights", weights, "at least one weight above 0")
        return [0] * len(given)
    exact = [divmod(total * weight, whole) for weight in given]
    parts = [floor for floor, _ in exact]
    left_over = total - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda i: -exact[i][1])
    for i in by_remainder[:left_over]:
        parts[i] += 1
    return parts


def _check(numbers: Iterable[object], field: str, given: object, accepted: str) -> None:
    for number in numbers:
        if type(number) is not int:
            raise InvalidValue("wrong_type", field, given, accepted)
        if number < 0:
            raise InvalidValue("negative", field, given, accepted)
