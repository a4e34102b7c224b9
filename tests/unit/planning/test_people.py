"""Invented persons: whole, of the age and sex asked for, the same for ever."""

from datetime import date

import pytest

from synthmill.planning.people import REFERENCE_DAY, locales, person
from synthmill.recipes.record_schema import PERSON
from synthmill_schemas.recipe import PersonSampler


def people(count: int = 200, **settings: object) -> list[dict[str, str]]:
    sampler = PersonSampler.model_validate({"type": "person", **settings})
    return [person(sampler, bits * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)) for bits in range(count)]  # type: ignore[misc]  # all values are text


def age(born: str) -> int:
    day = date.fromisoformat(born)
    had_birthday = (REFERENCE_DAY.month, REFERENCE_DAY.day) >= (day.month, day.day)
    return REFERENCE_DAY.year - day.year - (0 if had_birthday else 1)


def test_a_person_has_the_fields_that_the_schema_names() -> None:
    assert list(people(1)[0]) == list(PERSON["properties"]) == PERSON["required"]


def test_ages_lie_in_their_range_and_reach_both_ends() -> None:
    ages = {age(someone["birth_date"]) for someone in people(2000, min_age=30, max_age=33)}

    assert ages == {30, 31, 32, 33}


def test_a_single_age_is_possible() -> None:
    assert {age(someone["birth_date"]) for someone in people(400, min_age=0, max_age=0)} == {0}


def test_both_sexes_occur_unless_one_is_asked_for() -> None:
    assert {someone["sex"] for someone in people(50)} == {"female", "male"}
    assert {someone["sex"] for someone in people(50, sex="female")} == {"female"}


def test_mail_goes_to_reserved_hosts_and_is_ascii() -> None:
    for someone in people(50, locale="ja_JP") + people(50, locale="de_DE"):
        assert someone["email"].isascii()
        assert someone["email"].split("@")[1] in {"example.com", "example.net", "example.org"}


@pytest.mark.parametrize("locale", locales())
def test_every_locale_has_whole_persons(locale: str) -> None:
    someone = people(1, locale=locale)[0]

    assert all(isinstance(value, str) and value for value in someone.values()), someone
    assert someone["country"] == locale[-2:]


def test_the_family_name_comes_first_where_it_does() -> None:
    someone = people(1, locale="hu_HU")[0]

    assert someone["name"] == f"{someone['last_name']} {someone['first_name']}"
