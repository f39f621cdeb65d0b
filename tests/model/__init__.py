"""The naive twin: the whole engine once more, in plain Python, straight from the rules.

It shares no code with the package. It reads the attributes of the records it is handed (`Offer`,
`Request`, `Limits`, `Rules`) and answers in plain tuples and dicts. Nothing in it is fast.
"""

from tests.model.engine import Model, Outcome, Refusal

__all__ = ["Model", "Outcome", "Refusal"]
