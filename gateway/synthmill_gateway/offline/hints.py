"""What a property's name tells about its value: `customer_email` wants an address, `age` a number from 18 to 90."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from synthmill_gateway.offline.numbers import Span
from synthmill_gateway.offline.writer import Writer

Maker = Callable[[Writer], str]
Hint = TypeVar("Hint")

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WRAPPERS = frozenset({"name", "text", "value", "title", "number", "id", "code"})


def text_hint(name: str) -> Maker | None:
    """How to write a text for a property of this name; None when the name says nothing."""
    return _look_up(name, _TEXTS)


def number_hint(name: str) -> Span | None:
    """The usual range of a number of this name; None when the name says nothing."""
    return _look_up(name, _NUMBERS)


def _faked(method: str) -> Maker:
    return lambda writer: writer.fake.call(method)


def _coded(shape: str) -> Maker:
    return lambda writer: writer.fake.code(shape)


def _look_up(name: str, table: Mapping[str, Hint]) -> Hint | None:
    for key in _keys(name):
        if key in table:
            return table[key]
    return None


@lru_cache(maxsize=1_024)
def _keys(name: str) -> tuple[str, ...]:
    """Names to try, the most telling first: `company_name` is a company before it is a name."""
    parts = [part.lower() for part in _PART.findall(name)]
    tail = list(reversed(parts))
    if len(tail) > 1 and tail[0] in _WRAPPERS:
        tail = [*tail[1:], tail[0]]
    return tuple(dict.fromkeys(["_".join(parts), *tail]))


def _table(rows: Mapping[str, Hint]) -> dict[str, Hint]:
    return {name: hint for names, hint in rows.items() for name in names.split()}


_TEXTS: Mapping[str, Maker] = _table(
    {
        "name full_name fullname person customer user author contact agent recipient sender": lambda writer: (
            writer.fake.person()
        ),
        "first_name firstname given_name forename": _faked("first_name"),
        "last_name lastname surname family_name": _faked("last_name"),
        "username user_name login handle nickname": _faked("user_name"),
        "email mail email_address": _faked("email"),
        "phone telephone mobile fax phone_number": _faked("phone_number"),
        "company organization organisation employer supplier vendor manufacturer brand firm": _faked("company"),
        "city town place location": _faked("city"),
        "country": _faked("country"),
        "state province region": _faked("state"),
        "street street_address": _faked("street_address"),
        "address": lambda writer: writer.fake.call("address").replace("\n", ", "),
        "zip zipcode postcode postal": _faked("postcode"),
        "url uri link website homepage": _faked("url"),
        "domain": _faked("domain_name"),
        "job role occupation profession position": _faked("job"),
        "slogan tagline motto product": _faked("catch_phrase"),
        "color colour": _faked("color_name"),
        "language": _faked("language_name"),
        "currency": _faked("currency_code"),
        "isbn": _faked("isbn13"),
        "iban": _faked("iban"),
        "ip": _faked("ipv4"),
        "birthday birthdate dob date_of_birth birth": lambda writer: writer.fake.birthday().isoformat(),
        "date day deadline due": lambda writer: writer.fake.day().isoformat(),
        "timestamp datetime at": lambda writer: writer.fake.moment().isoformat().replace("+00:00", "Z"),
        "time": lambda writer: writer.fake.moment().strftime("%H:%M:%S"),
        "uuid guid id identifier": lambda writer: writer.fake.uuid(),
        "sku reference ref code serial number": _coded("??-####-??##"),
        "tag tags keyword keywords topic category label labels theme word term": Writer.word,
        "title subject headline heading caption": Writer.title,
        "question query instruction task problem": Writer.question,
        "answer response reply explanation reason reasoning rationale solution output": Writer.answer,
        "summary abstract overview sentence": Writer.sentence,
        "quote evidence excerpt citation span passage": Writer.quotation,
        "body description content message text comment review details note notes story bio feedback paragraph "
        "complaint report article post letter": Writer.paragraph,
    }
)
_NUMBERS: Mapping[str, Span] = _table(
    {
        "age": (18, 90),
        "year": (1990, 2026),
        "month": (1, 12),
        "rating stars score grade": (1, 5),
        "confidence probability likelihood ratio share": (0, 1),
        "percent percentage": (0, 100),
        "quantity qty count": (1, 40),
        "price amount cost total salary fee": (1, 2_500),
        "latitude lat": (-90, 90),
        "longitude lon lng": (-180, 180),
        "minutes duration": (1, 240),
    }
)
