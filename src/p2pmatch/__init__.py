"""Order-book matching of loan requests with lenders' offers: every loan split over many lenders.

The names here are all that a user needs; `p2pmatch.errors`, `p2pmatch.events`, `p2pmatch.commands`
and `p2pmatch.finance` hold the rest.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from p2pmatch.allocation import (
    ALLOCATION_RULES,
    AllocationRule,
    Level,
    Lottery,
    Split,
    Step,
    Steps,
)
from p2pmatch.apportion import apportion
from p2pmatch.errors import (
    CODES,
    InvalidValue,
    InvariantError,
    P2PMatchError,
    Refused,
    UnknownName,
)
from p2pmatch.fees import Fees
from p2pmatch.limits import BorrowerLimits, Limits
from p2pmatch.loans import Loan, Note, Notes
from p2pmatch.marketplace import Marketplace, Result
from p2pmatch.orders import Offer, Request
from p2pmatch.pricing import PRICING_RULES, Accepted, Posted, Priced, PricingRule
from p2pmatch.rules import Rules
from p2pmatch.time_in_force import Auction, Immediate, Listing
from p2pmatch.units import amount, format_amount, format_rate, rate

# What the first request can be matched without is imported when somebody asks for it.
if TYPE_CHECKING:
    from p2pmatch import finance as finance
    from p2pmatch.comparison import Comparison
    from p2pmatch.cost import Cost
    from p2pmatch.explain import Explanation
    from p2pmatch.position import Position
    from p2pmatch.quote import Quote
    from p2pmatch.shortfall import Shortfall
    from p2pmatch.views import (
        CostCurve,
        OfferStatus,
        Outstanding,
        QueueEntry,
        RateLadder,
        RequestStatus,
        Uncrossed,
    )
    from p2pmatch.what_if import Change, WhatIf
else:
    # Each name and its module; a module may be asked for as well.
    _LATER = MappingProxyType(
        {
            "Change": "what_if",
            "Comparison": "comparison",
            "Cost": "cost",
            "CostCurve": "views",
            "Explanation": "explain",
            "OfferStatus": "views",
            "Outstanding": "views",
            "Position": "position",
            "QueueEntry": "views",
            "Quote": "quote",
            "RateLadder": "views",
            "RequestStatus": "views",
            "Shortfall": "shortfall",
            "Uncrossed": "views",
            "WhatIf": "what_if",
            "finance": "finance",
        }
    )

    def __getattr__(name: str) -> object:
        home = _LATER.get(name, name)
        if home not in _LATER.values():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"p2pmatch.{home}")
        return module if home == name else getattr(module, name)

    def __dir__() -> list[str]:
        return [*__all__, "commands", "errors", "events", "finance"]


__version__ = "0.1.0"

__all__ = [
    "ALLOCATION_RULES",
    "CODES",
    "PRICING_RULES",
    "Accepted",
    "AllocationRule",
    "Auction",
    "BorrowerLimits",
    "Change",
    "Comparison",
    "Cost",
    "CostCurve",
    "Explanation",
    "Fees",
    "Immediate",
    "InvalidValue",
    "InvariantError",
    "Level",
    "Limits",
    "Listing",
    "Loan",
    "Lottery",
    "Marketplace",
    "Note",
    "Notes",
    "Offer",
    "OfferStatus",
    "Outstanding",
    "P2PMatchError",
    "Position",
    "Posted",
    "Priced",
    "PricingRule",
    "QueueEntry",
    "Quote",
    "RateLadder",
    "Refused",
    "Request",
    "RequestStatus",
    "Result",
    "Rules",
    "Shortfall",
    "Split",
    "Step",
    "Steps",
    "Uncrossed",
    "UnknownName",
    "WhatIf",
    "__version__",
    "amount",
    "apportion",
    "format_amount",
    "format_rate",
    "rate",
]
