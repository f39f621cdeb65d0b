"""The ways a request meets the book: one mechanism, one file."""

from p2pmatch.mechanisms.immediate import match_now

__all__ = ["match_now"]
