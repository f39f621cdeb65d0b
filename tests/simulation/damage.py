"""What can become of a file while no process has it open."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

# SQLite's write-ahead log: a header, and frames of a header and a page each.
_HEADER, _FRAME = 32, 24


def mark(path: Path) -> tuple[int, int]:
    """How long the log is, and when the file itself was last changed: to note when all is synced."""
    log = Path(f"{path}-wal")
    return log.stat().st_size if log.exists() else 0, path.stat().st_mtime_ns


def tear(path: Path, synced: tuple[int, int], dice: Random) -> bool:
    """Cut the log anywhere in what came after that mark, or spoil it from there on.

    As a power cut would. If the file itself was changed since, SQLite has synced the log before,
    and nothing is done.
    """
    log = Path(f"{path}-wal")
    (before, changed), (size, last) = synced, mark(path)
    if size <= before or last != changed:
        return False
    at = dice.randrange(before, size)
    if dice.random() < 0.5:
        os.truncate(log, at)
    else:
        spoilt = bytes(size - at) if dice.random() < 0.5 else dice.randbytes(size - at)
        with log.open("r+b") as file:
            file.seek(at)
            file.write(spoilt)
    return True


def unfinished(path: Path) -> bool:
    """Whether the log ends in the middle of a write: frames after the last that commits."""
    log = Path(f"{path}-wal")
    content = log.read_bytes() if log.exists() else b""
    if len(content) < _HEADER:
        return bool(content)
    page = int.from_bytes(content[8:12], "big")
    open_frames = False
    for at in range(_HEADER, len(content), _FRAME + page):
        frame = content[at : at + _FRAME]
        if len(content) - at < _FRAME + page:
            return True
        if frame[8:16] != content[16:24]:
            break
        open_frames = not any(frame[4:8])
    return open_frames


def lose_snapshot(path: Path, dice: Random) -> tuple[str, int] | None:
    """Take the newest snapshot away, or spoil it; what was done, and to which."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        (seq,) = file.execute("SELECT max(seq) FROM snapshot").fetchone()
        what = dice.choice(["lost", "spoilt"])
        change = {"lost": "DELETE FROM snapshot", "spoilt": "UPDATE snapshot SET data = x'00'"}
        file.execute(f"{change[what]} WHERE seq = ?", (seq,))
        return None if seq is None else (what, seq)
