"""What can become of a file while no process has it open."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

# SQLite's write-ahead log: a header, and frames of a header and a page each.
_HEADER, _FRAME = 32, 24


def tear(path: Path, mark: tuple[int, int], dice: Random) -> bool:
    """Cut the log anywhere in what was not yet synced, or spoil it from there on.

    As a power cut would: `mark` says how long the log was when all was synced, and when the file
    itself was changed. If it was changed since, SQLite has synced the log, and nothing is done.
    """
    log = Path(f"{path}-wal")
    synced, changed = mark
    size = log.stat().st_size if log.exists() else 0
    if size <= synced or path.stat().st_mtime_ns != changed:
        return False
    at = dice.randrange(synced, size)
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


def lose_snapshot(path: Path, dice: Random) -> int | None:
    """Take the newest snapshot away, or spoil it; which was spoilt."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        (seq,) = file.execute("SELECT max(seq) FROM snapshot").fetchone()
        if dice.random() < 0.5:
            file.execute("DELETE FROM snapshot WHERE seq = ?", (seq,))
            return None
        file.execute("UPDATE snapshot SET data = x'00' WHERE seq = ?", (seq,))
        return seq if seq is None else int(seq)


def forget_snapshot(path: Path, seq: int) -> None:
    """Take one away: what cannot be read cannot be verified either."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("DELETE FROM snapshot WHERE seq = ?", (seq,))
