"""Trace context, as the W3C recommendation has it: one trace id from the request for a job to its last LLM call.

Each hop (a message, a call) has a span id of its own. Those of messages follow from what they are for, not from
chance, because a message that is published again after a crash is the same message.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from synthmill import logs

HEADER = "traceparent"
"""Of messages and of HTTP requests alike."""

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED = "01"


@dataclass(frozen=True, slots=True)
class Trace:
    """Where we are in a trace; as text it is the header's value."""

    trace_id: str
    span_id: str
    flags: str = _SAMPLED

    def child(self, name: str | None = None) -> "Trace":
        """The next hop: the same one each time for a `name`, else a new one."""
        if name is None:
            return replace(self, span_id=_new_span())
        return replace(self, span_id=_digest(f"{self.trace_id}-{self.span_id}-{name}")[:16])

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def parse(text: str | None) -> Trace | None:
    """The header's value; None when there is none that can be followed. Later versions may say more behind it."""
    form = _FORM.fullmatch(text.strip()) if text else None
    if form is None:
        return None
    version, trace_id, span_id, flags, more = form.groups()
    if version == "ff" or (version == "00" and more) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return Trace(trace_id, span_id, flags)


def new() -> Trace:
    """A trace that begins here."""
    return Trace(secrets.token_hex(16), _new_span())


def of_job(tenant: str, job_id: str) -> Trace:
    """The trace of a job that nobody gave one: whoever submits it, and however often, it is the same."""
    digest = _digest(f"{tenant}/{job_id}")
    return Trace(digest[:32], digest[32:48])


def current() -> Trace | None:
    """The trace that our caller follows."""
    return _current.get()


@contextmanager
def following(trace: Trace | None) -> Iterator[None]:
    """What is done and logged within belongs to this trace."""
    token = _current.set(trace)
    try:
        with logs.bound(trace_id=trace.trace_id if trace else None):
            yield
    finally:
        _current.reset(token)


def _new_span() -> str:
    return secrets.token_hex(8)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
