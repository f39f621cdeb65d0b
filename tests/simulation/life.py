"""Months in the life of a marketplace, drawn step by step; a unit of time is a day.

Offers expire, auctions close, loans that wait lapse, after days or weeks; and time passes in its
own way: it stands still while many commands come, goes on from day to day, or makes leaps.
"""

from random import Random

from tests.machines.test_twin import History
from tests.simulation.client import Client
from tests.simulation.flight import Drawn, sent

#: By how many days the clock goes on between two steps.
PACES = {"still": [0], "days": [0, 0, 0, 1, 1, 2], "weeks": [0, 0, 3, 7, 30]}


class Life(History):
    """One marketplace's months on a file that fails."""

    client: Client

    def __init__(self, random: Random, *, large: bool = False) -> None:
        super().__init__(random, large=large)
        self.pace = "days"
        #: How many steps were taken at each pace.
        self.steps = dict.fromkeys(PACES, 0)

    def step(self) -> None:
        if self.draw.chance(6):
            self.pace = self.random.choice(list(PACES))
        self.steps[self.pace] += 1
        self.clock()
        if self.draw.chance(10):
            self.burst()
        else:
            self.act()

    def clock(self) -> int:
        """The time at which the next command comes."""
        self.now = max(self.now, self.pair.model.now or 0) + self.random.choice(PACES[self.pace])
        return self.now

    def burst(self) -> None:
        """Several commands at once, drawn from what is known before the first."""
        pair, now = self.pair, self.now
        drawn = Drawn(pair)
        self.pair = drawn  # type: ignore[assignment]
        for _ in range(self.random.randrange(2, 9)):
            self.act()
        self.pair, self.now = pair, max(now, self.now)
        flight = [sent(pair, self.client.new_id(), *one) for one in drawn.kept]
        if flight:
            self.client.burst(flight, self.clock)
