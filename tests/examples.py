"""How many examples a test that wants other than a hundred takes."""

from hypothesis import settings

__all__ = ["of_hundred"]


def of_hundred(examples: int) -> int:
    """So many where the others take a hundred; and fewer, by as much, where they take fewer."""
    return max(settings.default.max_examples * examples // 100, 1)
