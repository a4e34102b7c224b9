"""One string by what its schema says first: a format, then a pattern, then the property's name, then its length."""

import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from synthmill_gateway.offline.hints import text_hint
from synthmill_gateway.offline.patterns import matching
from synthmill_gateway.offline.schema import Unanswerable
from synthmill_gateway.offline.writer import Writer

Schema = Mapping[str, Any]

_TRIES = 60
_TITLE_LENGTH = 90  # texts that may not grow longer are written as one line


def string(node: Schema, name: str, writer: Writer, rng: Random) -> str:
    """A string for the property `name`. Raises Unanswerable."""
    shortest, longest = int(node.get("minLength", 0)), int(node.get("maxLength", sys.maxsize))
    if shortest > longest:
        raise Unanswerable(f"minLength {shortest} is more than maxLength {longest}")
    form = _FORMATS.get(str(node.get("format", "")))
    if form is not None:
        return _of_length(lambda: form(writer), shortest, longest, f"format {node['format']!r}")
    if "pattern" in node:
        return matching(str(node["pattern"]), rng, shortest, longest)
    return writer.fitted(_text(name, longest, writer), shortest, longest)


def _text(name: str, longest: int, writer: Writer) -> str:
    hint = text_hint(name)
    if hint is not None:
        return hint(writer)
    return writer.title() if longest <= _TITLE_LENGTH else writer.sentence()


def _of_length(make: Callable[[], str], shortest: int, longest: int, what: str) -> str:
    for _ in range(_TRIES):
        text = make()
        if shortest <= len(text) <= longest:
            return text
    raise Unanswerable(f"no text of {what} has {shortest} to {longest} characters")


def _path(writer: Writer) -> str:
    return "/" + "/".join(writer.word().lower() for _ in range(2))


_FORMATS: Mapping[str, Callable[[Writer], str]] = {
    "date": lambda writer: writer.fake.day().isoformat(),
    "date-time": lambda writer: writer.fake.moment().isoformat().replace("+00:00", "Z"),
    "time": lambda writer: writer.fake.moment().strftime("%H:%M:%SZ"),
    "duration": lambda writer: writer.fake.moment().strftime("PT%HH%MM%SS"),
    "email": lambda writer: writer.fake.call("email"),
    "idn-email": lambda writer: writer.fake.call("email"),
    "hostname": lambda writer: writer.fake.call("hostname"),
    "idn-hostname": lambda writer: writer.fake.call("hostname"),
    "ipv4": lambda writer: writer.fake.call("ipv4"),
    "ipv6": lambda writer: writer.fake.call("ipv6"),
    "uri": lambda writer: writer.fake.call("url"),
    "url": lambda writer: writer.fake.call("url"),
    "iri": lambda writer: writer.fake.call("url"),
    "uri-reference": _path,
    "iri-reference": _path,
    "uuid": lambda writer: writer.fake.uuid(),
    "json-pointer": _path,
    "regex": lambda writer: f"^{writer.word()}$",
    "byte": lambda writer: b64encode(writer.sentence().encode()).decode(),
}
