"""What an audit found."""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["BREACHES", "Breach", "Findings", "Report"]

#: Every kind of breach, and what it means.
BREACHES: Mapping[str, str] = MappingProxyType(
    {
        # Files
        "file_missing": "a file of the run is missing",
        "file_unreadable": "a file of the run cannot be read, or is cut off",
        "file_changed": "a file is not what the run wrote",
        "duplicate_offer": "two offers with one id",
        "duplicate_request": "two requests with one id",
        "unknown_cell": "a grade or a term that the rules do not have",
        "result_order": "results do not stand in the order in which the requests were processed",
        "summary": "the summary does not agree with the other files",
        "unknown_request": "a result for a request that was not made",
        "missing_result": "a request that was neither funded nor left unfunded in full",
        # Arithmetic
        "principal": "the notes do not add up to the principal",
        "unfunded": "principal and unfunded money do not add up to the amount",
        "reason": "the reason for unfunded money is not the one that applies",
        "blended_rate": "the rate is not the principal-weighted mean of the notes",
        "marginal_rate": "the marginal rate is not the highest of the notes",
        "note_count": "the number of notes is wrong",
        "lender_count": "the number of lenders is wrong",
        # Notes
        "unknown_offer": "an offer that does not stand in the book",
        "duplicate_note": "two notes of one offer in one loan",
        "wrong_lender": "a note whose lender is not the offer's",
        "overdrawn": "an offer lent more than it had",
        "rate": "a note's rate is not what its offer and the rules say",
        "not_multiple": "a note is not a multiple of the increment",
        "below_min_note": "a note is smaller than the smallest note",
        "order": "the notes do not stand in rank order",
        # Eligibility
        "wrong_cell": "an offer that does not stand for this grade and term",
        "above_max_rate": "an offer or note above the borrower's highest rate",
        "expired": "an offer that had expired",
        "tags": "an offer whose tag conditions do not fit",
        "same_party": "an offer of the borrower or its group",
        # Limits
        "offer_max_per_loan": "an offer's cap per loan is exceeded",
        "offer_max_share": "an offer's share of the loan is exceeded",
        "per_loan": "a lender's limit per loan is exceeded",
        "per_borrower": "a lender's limit per borrower is exceeded",
        "per_grade": "a lender's limit per grade is exceeded",
        "total": "a lender's limit in total is exceeded",
        "max_share": "a lender's share of the loan is exceeded",
        "borrower_total": "a borrower's limit in total is exceeded",
        "below_min_amount": "a loan below what the borrower accepts",
        # Priority
        "priority": "better-ranked room is left unused and nothing says why",
        "size": "another size of loan is what the book and the limits give",
        # Time and life of offers
        "time_backwards": "an event before the one before it",
        "expiry": "an offer that expires before its time, or stands after it",
        "unknown_event": "an event of a kind that the audit does not know",
        "released": "money given back is not what was left of the offer",
        "overdue": "a request or a loan that waits past its time",
        "not_as_promised": "a loan that is not what was committed to its request",
        "not_as_held": "a loan that is not the one that waited, or was made too late",
        "clearing": "the loans of a call auction do not agree with its rate and volume",
        "repaid": "more is paid back than is outstanding",
    }
)


# So many breaches are shown.
_SHOWN = 20


@attrs.frozen
class Breach:
    """One rule that does not hold: `code` is a key of `BREACHES`, `where` names the place."""

    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.code}: {self.message}"


@attrs.frozen
class Report:
    """What was checked, and every breach in the order it was met."""

    breaches: tuple[Breach, ...]
    checked: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether there is no breach."""
        return not self.breaches

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {what}" for what, count in self.checked.items())
        if self.ok:
            return f"no breach: {counts}"
        lines = [str(breach) for breach in self.breaches[:_SHOWN]]
        more = len(self.breaches) - len(lines)
        return "\n".join([*lines, (f"and {more} more; " if more else "") + f"checked {counts}"])


class Findings:
    """Breaches as they are met."""

    def __init__(self) -> None:
        self.breaches: list[Breach] = []

    def add(self, code: str, where: str, message: str = "") -> None:
        """Note a breach."""
        self.breaches.append(Breach(code, where, message or BREACHES[code]))
