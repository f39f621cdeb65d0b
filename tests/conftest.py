"""How hypothesis runs: the same examples everywhere, without a deadline."""

from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")
