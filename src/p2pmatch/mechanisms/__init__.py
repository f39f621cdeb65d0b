"""The ways requests meet the book: one mechanism, one file.

A call auction, `p2pmatch.mechanisms.call`, is imported when the first cell is uncrossed.
"""

from p2pmatch.mechanisms.bulk import may_run, submit_run
from p2pmatch.mechanisms.immediate import match, match_now
from p2pmatch.mechanisms.resting import close, commitment_notes, lapse, meet, withdraw

__all__ = [
    "close",
    "commitment_notes",
    "lapse",
    "match",
    "match_now",
    "may_run",
    "meet",
    "submit_run",
    "withdraw",
]
