"""How many examples, or seeds, a test takes that wants other than a hundred."""

from hypothesis import settings

__all__ = ["of_hundred"]


def of_hundred(examples: int) -> int:
    """So many where the others take a hundred; and fewer, by as much, where they take fewer."""
    return max(settings.default.max_examples * examples // 100, 1)
