"""Everything that is done piece by piece, in pieces so small that a short history has many."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest

from p2pmatch import (
    chunk,
    coded,
    exposure,
    fill,
    ladder,
    lines,
    name_index,
    pool,
    rooms,
    state,
    taken,
)
from p2pmatch.conditions import NO_CAP
from p2pmatch.mechanisms import bulk, loaded

__all__ = ["cut_small"]

#: By module, what its constants are to be. The larger ones are a matter of speed alone.
SIZES: Mapping[object, Mapping[str, object]] = MappingProxyType(
    {
        chunk: {
            "CHUNK": 8,
            "_LOOSE": 2,
            "_NO_TAGS": np.zeros(8, dtype=np.int32),
            "_NO_CAPS": np.full(8, NO_CAP),
        },
        coded: {"_ROWS": 2, "_SAMPLE": 2, "_DIFFERENT": 1},
        ladder: {
            "CHUNK": 8,
            "_FILL": 6,
            "_SCATTERED": 2,
            "PIECE": 4,
            "_JOINED": 6,
            "_SPARSE": 3,
            "_READS": 2,
            "_DEAD_ROWS": 1,
            "_PATTERNS": 2,
        },
        lines: {"_FEW": 2, "_ENOUGH": 5, "_USES": 2, "_MOST": 8, "_DEAD_ROWS": 2, "_KEPT": 3},
        name_index: {"_FEW": 2},
        taken: {"_FEW": 1},
        state: {"PIECE": 4, "_VACANCIES": 4, "_TAG_SETS": 2},
        rooms: {"PIECE": 4},
        pool: {"PIECE": 4},
        exposure: {"_MANY": 2},
        fill: {"_FEWEST": 2, "_MOST": 4},
        bulk: {"_FEW": 2, "_LONG": 2, "_SINGLY": 2, "_NOTES_EACH": 1, "_NOTES": 4},
        loaded: {"CHUNK": 8, "_ROWS": 8, "_SEGMENTS": 1, "_REQUESTS_A_CHUNK": 1, "_CHUNKS": 2},
    }
)


def cut_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is made from now on be cut so small."""
    for module, sizes in SIZES.items():
        for name, size in sizes.items():
            assert hasattr(module, name)
            monkeypatch.setattr(module, name, size)
