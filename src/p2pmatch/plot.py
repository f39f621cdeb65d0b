"""Pictures, through matplotlib (the extra `plot`)."""

from typing import Final

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from p2pmatch.orders import Request
from p2pmatch.units import format_amount, format_rate
from p2pmatch.views import RateLadder

__all__ = ["plot_ladder"]

_PERCENT: Final = 10_000  # ppm
_MAJOR: Final = 100  # minor units
# How many times its loan a request sees of the book.
_ZOOM: Final = 3
_BOOK, _LOAN, _LIMIT = "#4c78a8", "#e4572e", "#777777"


def plot_ladder(ladder: RateLadder, ax: Axes | None = None) -> Axes:
    """Draw the money a cell offers at or below each rate.

    A quote's ladder shows besides what its request's loan would cost on average at each size, the
    loan itself, and the highest rate that the borrower accepts. Money above that rate is pale.

    Parameters
    ----------
    ladder : what to draw.
    ax : the axes to draw on; None: those of a new figure.

    Returns
    -------
    The axes: rates in percent, money in major units.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
    request = ladder.request
    place = "" if request is None else f", grade {request.grade}, {request.term} months"
    ax.set(xlabel="rate, % a year", ylabel="money", title=f"Money at or below each rate{place}")
    ax.yaxis.set_major_formatter(
        FuncFormatter(lambda money, _: f"{money:,.2f}".removesuffix(".00"))
    )
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", alpha=0.25)
    if not len(ladder):
        ax.text(0.5, 0.5, "nothing stands here", ha="center", transform=ax.transAxes)
        return ax
    _draw_book(ladder, ax)
    if request is not None:
        _zoom(ladder, ax)
        _draw_request(ladder, request, ax)
        ax.legend(loc="upper left", frameon=False)
    ax.set_ylim(bottom=0)
    return ax


def _zoom(ladder: RateLadder, ax: Axes) -> None:
    """Show what matters to the request: some times its loan, and the rates up to there."""
    cost = ladder.cost
    if cost is None or not len(cost):
        return
    top = min(_ZOOM * int(cost.amounts[-1]), int(ladder.available[-1]))
    reached = int(ladder.rates[ladder.available.searchsorted(top)])
    dearest = max(reached, int(cost.rates.max()))
    first = int(ladder.rates[0])
    margin = max(dearest - first, _PERCENT) * 0.05
    ax.set_xlim(_percent(first - margin), _percent(dearest + margin))
    ax.set_ylim(top=top / _MAJOR * 1.05)


def _draw_book(ladder: RateLadder, ax: Axes) -> None:
    """The steps of the ladder, money the request cannot reach pale."""
    rates = [_percent(rate) for rate in ladder.rates.tolist()]
    money = [available / _MAJOR for available in ladder.available.tolist()]
    # From nothing at the best rate, and a little beyond the dearest.
    margin = max(rates[-1] - rates[0], 1.0) * 0.04
    rates, money = [rates[0], *rates, rates[-1] + margin], [0.0, *money, money[-1]]
    ax.fill_between(rates, money, step="post", color=_BOOK, alpha=0.15, linewidth=0)
    ax.step(rates, money, where="post", color=_BOOK, linewidth=1.5, label="offered in all")
    ax.set_xlim(rates[0] - margin, rates[-1])


def _draw_request(ladder: RateLadder, request: Request, ax: Axes) -> None:
    """The cost curve, where it ends, and the highest rate accepted."""
    left, right = ax.get_xlim()
    limit = _percent(request.max_rate)
    if limit < right:
        ax.axvspan(max(limit, left), right, color="white", alpha=0.65, linewidth=0)
    shown = f"accepted at most: {format_rate(request.max_rate)}"
    ax.axvline(limit, color=_LIMIT, linestyle="--", linewidth=1, label=shown)
    ax.set_xlim(left, right)
    cost = ladder.cost
    if cost is None or not len(cost):
        return
    rates = [_percent(rate) for rate in cost.rates.tolist()]
    money = [amount / _MAJOR for amount in cost.amounts.tolist()]
    ax.plot(rates, money, color=_LOAN, linewidth=2, label="this loan's average rate, by size")
    ax.plot(rates[-1], money[-1], "o", color=_LOAN)
    ax.annotate(
        f"{format_amount(int(cost.amounts[-1]))} at {format_rate(int(cost.rates[-1]))}",
        (rates[-1], money[-1]),
        textcoords="offset points",
        xytext=(8, -4) if 2 * rates[-1] < left + right else (-8, 8),
        ha="left" if 2 * rates[-1] < left + right else "right",
        color=_LOAN,
    )


def _percent(rate: float) -> float:
    return rate / _PERCENT
