"""Where the real data and the published results lie, if they are there."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("P2PMATCH_SHARED", ROOT.parent / "shared"))


def shared(*parts: str) -> Path:
    """A path in the folder of real data; skips the test where that is missing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no real data at {path}: set P2PMATCH_SHARED to its folder")
    return path
