"""`python -m p2pmatch`, and the command `p2pmatch`."""

import gc
import sys
from importlib.util import find_spec

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say what it needs."""
    missing = [name for name in ("cyclopts", "rich") if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"p2pmatch: the command line needs {' and '.join(missing)}: "
            "pip install 'p2pmatch[cli]'\n"
        )
        sys.exit(2)
    from p2pmatch.cli import run

    # A run reads millions of cells and makes no cycles of them; looking for some would take a
    # quarter of its time.
    gc.disable()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
