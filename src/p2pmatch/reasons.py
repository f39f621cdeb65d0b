"""Why money was not found: stable codes, and what each means."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["UNFUNDED_BECAUSE"]

#: What `Result.reason`, `Quote.reason` and `RequestUnfunded.reason` can be; and, after the first
#: twelve, what turns money away in a call auction (`Uncrossed.unfunded`).
UNFUNDED_BECAUSE: Mapping[str, str] = MappingProxyType(
    {
        "borrower_limit": "the borrower's limit leaves no more",
        "empty_book": "no offer stands for this grade and term",
        "no_eligible_offer": "no offer takes this request at its rate",
        "below_min_amount": "less could be placed than the borrower accepts",
        "not_enough_room": "no further offer has room under its limits",
        "no_posted_rate": "no rate is posted for this grade and term",
        "below_posted_rate": "the borrower accepts less than the posted rate",
        "resting": "the request rests, and more may come",
        "expired": "the request's time ran out",
        "withdrawn": "the borrower took the request back",
        "declined": "the borrower said no to the loan",
        "lapsed": "the borrower did not say yes in time",
        "per_loan": "lenders' limits per loan",
        "per_borrower": "lenders' limits per borrower",
        "per_grade": "lenders' limits per grade",
        "total": "lenders' limits in total",
        "max_share": "the cap of one lender's share of a loan",
        "offer_max_per_loan": "offers' caps per loan",
        "offer_max_share": "offers' caps as a share of the loan",
        "tags": "offers' tag conditions",
        "same_party": "the matched money is of the borrower or its group",
        "below_min_note": "what is left is below the smallest note",
    }
)
