"""Invented persons: the only module that names faker.

A person is fixed by its seed and locale; dates of birth are counted from a fixed day, so that a recipe gives the
same people next year. A new faker release may change its lists of names: the lock file pins it.
"""

import pkgutil
import random
import re
import unicodedata
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import JsonValue

from synthmill.planning.draws import below
from synthmill_schemas.recipe import PersonSampler

if TYPE_CHECKING:
    from faker import Faker

REFERENCE_DAY = date(2025, 1, 1)
"""Ages are as of this day."""

_MAIL_HOSTS = ("example.com", "example.net", "example.org")
"""Reserved for examples: no real mailbox can be hit."""

_UNFIT = frozenset({"en_PH", "fr_QC"})
"""faker has no phone numbers for the first and calls the second an old name of fr_CA."""

_FAMILY_FIRST = {"hu": " ", "ja": " ", "vi": " ", "ko": "", "zh": ""}
"""Languages that put the family name first, and what stands between the two."""


def locales() -> list[str]:
    """The locales that have people; those of English without names of their own use American ones."""
    from faker.config import AVAILABLE_LOCALES
    from faker.providers import person as names

    own = {module.name for module in pkgutil.iter_modules(names.__path__)}
    usable = (locale for locale in AVAILABLE_LOCALES if locale in own or locale.startswith("en_"))
    return sorted(locale for locale in usable if re.fullmatch(r"[a-z]{2,3}_[A-Z]{2}", locale) and locale not in _UNFIT)


@lru_cache(maxsize=64)
def _faker(locale: str) -> "Faker":
    from faker import Faker

    return Faker(locale)


def person(sampler: PersonSampler, bits: int) -> dict[str, JsonValue]:
    """The person that 128 random bits stand for; its keys are those of `record_schema.PERSON`."""
    fake = _faker(sampler.locale)
    fake.seed_instance(bits)
    chance = random.Random(bits ^ 1)  # noqa: S311 - invented people need no secrecy
    sex = sampler.sex or ("female", "male")[bits & 1]
    female = sex == "female"
    first = fake.first_name_female() if female else fake.first_name_male()
    last = fake.last_name_female() if female else fake.last_name_male()
    return {
        "name": _full_name(first, last, sampler.locale.split("_")[0]),
        "first_name": first,
        "last_name": last,
        "sex": sex,
        "birth_date": _birth_date(sampler, bits).isoformat(),
        "email": _email(first, last, chance),
        "phone": fake.phone_number(),
        "street": fake.street_address(),
        "city": fake.city(),
        "postcode": fake.postcode(),
        "country": sampler.locale[-2:],
        "job": fake.job(),
    }


def _full_name(first: str, last: str, language: str) -> str:
    between = _FAMILY_FIRST.get(language)
    return f"{first} {last}" if between is None else f"{last}{between}{first}"


def _birth_date(sampler: PersonSampler, bits: int) -> date:
    """A day on which someone was born who is min_age to max_age years old on the reference day."""
    earliest = _years_before(sampler.max_age + 1) + timedelta(days=1)
    latest = _years_before(sampler.min_age)
    return earliest + timedelta(days=below(bits, (latest - earliest).days + 1))


def _years_before(years: int) -> date:
    return REFERENCE_DAY.replace(year=REFERENCE_DAY.year - years)


def _email(first: str, last: str, chance: random.Random) -> str:
    name = ".".join(filter(None, (_ascii(first), _ascii(last)))) or "person"
    return f"{name}{chance.randrange(10, 100)}@{_MAIL_HOSTS[chance.randrange(len(_MAIL_HOSTS))]}"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "", plain)
