"""The ways requests meet the book: one mechanism, one file."""

from p2pmatch.mechanisms.call import uncross
from p2pmatch.mechanisms.immediate import match, match_now
from p2pmatch.mechanisms.resting import close, commitment_notes, lapse, meet, withdraw

__all__ = [
    "close",
    "commitment_notes",
    "lapse",
    "match",
    "match_now",
    "meet",
    "uncross",
    "withdraw",
]
