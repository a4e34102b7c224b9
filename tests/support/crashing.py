"""A record store that dies at a chosen write: what was written before it stays, and nothing comes after."""

from collections.abc import Callable
from typing import Any

from synthmill.ports.records import RecordStore

_WRITES = frozenset({"bulk", "patch", "promote", "delete"})


class Died(BaseException):
    """The process is gone; not an error that somebody could handle."""


class Crashing:
    """Everything goes to `store`; the write number `at`, counted from 0, does not take place."""

    def __init__(self, store: RecordStore, at: int) -> None:
        self._store = store
        self._left = at

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  any method of the store
        method: Callable[..., Any] = getattr(self._store, name)
        if name not in _WRITES:
            return method

        async def write(*arguments: object, **named: object) -> object:
            if self._left == 0:
                raise Died(name)
            self._left -= 1
            return await method(*arguments, **named)

        return write
