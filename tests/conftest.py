"""How hypothesis runs: the same examples everywhere, without a deadline."""

from hypothesis import Phase, settings

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
