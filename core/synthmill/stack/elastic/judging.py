"""What the answer to one action of a bulk means; a bulk answers 200 whatever became of its parts."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from synthmill.errors import StorageFull, StoreUnavailable, SynthmillError, UserError
from synthmill.ports.records import WriteMode, WriteResult, WriteStatus
from synthmill.stack.elastic.client import is_full, reason_of

_LATER = {408, 429, 500, 502, 503, 504}
_NEVER = {400, 413}


class Again(Enum):
    """No verdict yet."""

    LATER = auto()


def judge(id_: str, mode: WriteMode, answer: Mapping[str, Any]) -> WriteResult | Again:
    """The verdict on one write; raises when the answer concerns the store rather than the document."""
    status = answer["status"]
    if 200 <= status < 300:
        return WriteResult(id_, WriteStatus.STORED)
    reason = reason_of(answer)
    if status == 409:
        # only a create or a rank can be outrun; two puts at once are both done, one after the other
        return Again.LATER if mode is WriteMode.PUT else WriteResult(id_, WriteStatus.ALREADY)
    if is_full(status, reason):
        raise StorageFull(f"the record store's disk is full: {reason}; free space, then resume")
    if status in _LATER:
        return Again.LATER
    if status in _NEVER:
        return WriteResult(id_, WriteStatus.REFUSED, reason)
    raise _fault(id_, status, reason)


def _fault(id_: str, status: int, reason: str) -> SynthmillError:
    if status in {401, 403} and "cluster_block_exception" not in reason:
        return UserError(f"the record store refuses to write {id_}: {reason}")
    return StoreUnavailable(f"the record store cannot take {id_} now ({status}): {reason}")
