"""What a platform tests its own integration with; needs hypothesis.

`StoreConformance` runs on any store; `check_allocation` and `check_pricing` on what any rule
answers; the strategies make offers, requests, rules and whole histories; `MarketplaceMachine` lives
through them.
"""

from p2pmatch.testing.machine import MarketplaceMachine, tell
from p2pmatch.testing.rules import check_allocation, check_pricing
from p2pmatch.testing.stores import StoreConformance
from p2pmatch.testing.strategies import (
    borrower_limits,
    commands,
    histories,
    limits,
    offers,
    requests,
    rules,
)

__all__ = [
    "MarketplaceMachine",
    "StoreConformance",
    "borrower_limits",
    "check_allocation",
    "check_pricing",
    "commands",
    "histories",
    "limits",
    "offers",
    "requests",
    "rules",
    "tell",
]
