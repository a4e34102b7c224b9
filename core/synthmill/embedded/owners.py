"""Who holds leases and still lives: an owner keeps an `flock` for its life, which the kernel frees when it dies."""

import fcntl
import uuid
from pathlib import Path
from typing import BinaryIO


class Owner:
    """A live owner: its id, and the lock file that proves its life."""

    def __init__(self, folder: Path) -> None:
        self.id = uuid.uuid4().hex
        self._path = _lock_path(folder, self.id)
        folder.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = self._path.open("xb")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def end(self) -> None:
        """Gives the lock back; call it when no lease carries the id any more."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def is_dead(folder: Path, owner: str) -> bool:
    """Whether the owner of this id has died without `end`; also right within one process, as files hold the lock."""
    try:
        file = _lock_path(folder, owner).open("rb")
    except FileNotFoundError:
        return True
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def forget(folder: Path, owner: str) -> None:
    """Removes a dead owner's lock file."""
    _lock_path(folder, owner).unlink(missing_ok=True)


def _lock_path(folder: Path, owner: str) -> Path:
    return folder / f"{owner}.lock"
