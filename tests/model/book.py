"""What the twin remembers: offers in parts, loans with what is left of them."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Part:
    """Money of an offer with one arrival number; `moved` has the cells where it went back later."""

    amount: int
    remaining: int
    arrival: int
    committed: int = 0
    moved: dict[tuple[str, int], int] = field(default_factory=dict)


@dataclass
class Standing:
    """An offer as it is now. `terms_of` is the latest Offer record."""

    record: Any
    parts: list[Part]
    state: str = "standing"
    cancelled: int = 0

    def rate(self, grade: str) -> int:
        rate = self.record.min_rate
        return rate if isinstance(rate, int) else rate[grade]

    def remaining(self) -> int:
        return sum(part.remaining for part in self.parts)

    def committed(self) -> int:
        return sum(part.committed for part in self.parts)

    def amount(self) -> int:
        return sum(part.amount for part in self.parts)


@dataclass
class Owed:
    """One note of a loan, and what of it is still outstanding."""

    offer_id: str
    lender_id: str
    amount: int
    rate: int
    left: int


@dataclass
class Debt:
    """A loan: who owes it, in which grade, and its notes."""

    borrower_id: str
    grade: str
    notes: list[Owed]

    def left(self) -> int:
        return sum(note.left for note in self.notes)


@dataclass
class Commitment:
    """Money of one place that is promised to a request; `rank` is what it was when it promised."""

    offer_id: str
    part: int
    lender_id: str
    rank: tuple[int, int]
    amount: int


@dataclass
class Resting:
    """A request that rests. `kind` is "listing", "auction" or "call"."""

    request: Any
    kind: str
    deadline: int | None
    hold_for: int | None
    arrival: int
    held: list[Commitment] = field(default_factory=list)

    def total(self) -> int:
        return sum(commitment.amount for commitment in self.held)

    def rank(self) -> tuple[int, int]:
        return -self.request.max_rate, self.arrival


@dataclass
class Held:
    """A loan that waits for a yes, with the commitments it is made of; `rates` by commitment."""

    request: Any
    until: int
    arrival: int
    held: list[Commitment]
    rates: list[int]

    def rank(self) -> tuple[int, int]:
        return -self.request.max_rate, self.arrival
