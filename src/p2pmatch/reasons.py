"""Why money was not found, or an offer gave no more: stable codes, and what each means."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["REASONS"]

#: What `Result.reason`, `Quote.reason` and `RequestUnfunded.reason` can be; what turns money away
#: in a call auction (`Uncrossed.unfunded`); what a `Shortfall` is charged to; and why a line of an
#: `Explanation` gives no more.
REASONS: Mapping[str, str] = MappingProxyType(
    {
        # The request
        "borrower_limit": "the borrower's limit leaves no more",
        "below_min_amount": "less could be placed than the borrower accepts",
        "below_posted_rate": "the borrower accepts less than the posted rate",
        "resting": "the request rests, and more may come",
        "expired": "its time ran out",
        "withdrawn": "the borrower took the request back",
        "declined": "the borrower said no to the loan",
        "lapsed": "the borrower did not say yes in time",
        # The book
        "empty_book": "no more stands in the book for this grade and term",
        "no_eligible_offer": "no offer takes this request at its rate",
        "not_enough_room": "no further offer has room under its limits",
        "no_posted_rate": "no rate is posted for this grade and term",
        "below_min_note": "what is left is below the smallest note",
        "no_loan": "no loan was made",
        # What keeps an offer away
        "rate": "asks more than the borrower accepts",
        "posted_rate": "asks more than the posted rate",
        "tags": "tag conditions do not fit",
        "same_party": "belongs to the borrower or its group",
        # Caps and limits
        "max_share": "the cap of one lender's share of a loan",
        "offer_max_per_loan": "an offer's own cap per loan",
        "offer_max_share": "an offer's own cap as a share of the loan",
        "per_loan": "a lender's limit per loan",
        "per_borrower": "a lender's limit per borrower",
        "per_grade": "a lender's limit per grade",
        "total": "a lender's limit in total",
        # What an offer gave, and why not more
        "budget": "gave all it had left",
        "need_met": "the loan needed no more",
        "spared": "gave money back so that the last note is large enough",
        "shared": "the allocation rule gave it this part of the last rate",
    }
)
