"""How the tests run: hypothesis with the same examples everywhere; what takes longest first."""

import pytest
from hypothesis import Phase, settings

# Each takes half a minute or more; begun last, it would be waited for.
_LONGEST = ("test_prosper", "test_twin", "test_machine", "test_simulation")

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
# To measure what is covered takes three times as long, and needs no hundred examples.
settings.register_profile("covered", settings.get_profile("house"), max_examples=25)
# One failure is enough to notice a mutant, however large; and thousands of them have to be tried.
settings.register_profile(
    "mutation",
    settings.get_profile("house"),
    phases=[Phase.explicit, Phase.generate],
    max_examples=20,
)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest. The others stay in their order."""
    items.sort(key=lambda item: item.path.stem not in _LONGEST)
