"""Which encoding a file is in."""
# ruff: noqa: RUF001

import hashlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.errors import InputUnusable
from synthmill.inputs.encoding import SAMPLE_BYTES, Encoding, find_encoding
from synthmill.inputs.extract.survey import Surveyor, survey

TEXTS = {
    "French": "id;nom;ville\n1;Hélène;Besançon\n2;François;Orléans\n3;Noël;Nîmes\n",
    "German": "name,city\nJürgen,München\nGöran,Köln\nStraße 5,Düsseldorf\n",
    "one accent": "a,b\n1,café\n",
    "typographic": "remark,price\nas good as new,5 €\nsold “as is”,7 €\n",
}


def found(data: bytes) -> Encoding:
    """The encoding of these bytes."""
    file = io.BytesIO(data)
    return find_encoding(file, survey(file).utf8_fault)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_western_text_that_is_not_utf8_is_windows_1252(text: str) -> None:
    assert found(text.encode("cp1252")) == Encoding("cp1252")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("imię,miasto\nŁukasz,Łódź\nŚwiętosława,Kraków\nZażółć gęślą jaźń,x\n", "cp1250"),
        ("имя,город\nИван,Москва\nПётр,Санкт-Петербург\n", "cp1251"),
        ("имя,город\nИван,Москва\nПётр,Санкт-Петербург\n", "koi8_r"),
        ("όνομα,πόλη\nΓιώργος,Αθήνα\n", "cp1253"),
        ("名前,都市\n田中さん,東京\nカタカナ,大阪です\n", "shift_jis"),
        ("姓名,城市\n张伟,北京\n王芳,上海,这是一个测试\n", "gb18030"),
    ],
)
def test_other_alphabets_are_read_as_they_were_written(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert data.decode(found(data).name) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_marks_and_patterns_of_unicode_are_seen(encoding: str) -> None:
    text = "name,city\nJürgen,München\n"
    data = text.encode(encoding)
    seen = found(data)
    assert data[seen.mark :].decode(seen.name) == text


def test_a_file_that_is_mostly_utf8_stays_utf8() -> None:
    data = ("naïve café, " * 50).encode() + b"\xff\xfe" + ("Ångström " * 50).encode()
    assert found(data) == Encoding("utf-8")


def test_a_fault_far_behind_the_sample_of_the_beginning_is_seen() -> None:
    data = b"plain ascii\n" * (SAMPLE_BYTES // 6) + "Hélène à Besançon, déjà vu\n".encode("cp1252") * 20
    assert found(data) == Encoding("cp1252")


def test_what_is_text_in_no_encoding_is_refused() -> None:
    with pytest.raises(InputUnusable, match="save it as UTF-8"):
        found(bytes(range(0x80, 0x100)) * 40 + os.urandom(20_000))


@given(st.binary(max_size=300))
def test_the_survey_finds_the_first_fault_size_and_checksum(data: bytes) -> None:
    try:
        data.decode()
        fault = None
    except UnicodeDecodeError as error:
        fault = error.start
    seen = survey(io.BytesIO(data))
    assert (seen.size, seen.sha256, seen.utf8_fault) == (len(data), hashlib.sha256(data).hexdigest(), fault)


def test_a_character_parted_by_a_block_is_no_fault() -> None:
    data = b"x" * ((1 << 20) - 1) + "é".encode() + b"y" * 100 + b"\xff"
    surveyor = Surveyor(io.BytesIO(data))
    while (seen := surveyor.step()) is None:
        pass
    assert seen.utf8_fault == len(data) - 1
