"""Which encoding a text is in: a byte order mark decides, then UTF-8, then a guess from a sample.

A file that is mostly UTF-8 stays UTF-8: its broken rows become rejects, instead of the whole file being misread.
"""

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO

from synthmill.errors import InputUnusable

SAMPLE_BYTES = 1 << 18

# UTF-32's mark begins with UTF-16's, so it stands first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# What spreadsheets and databases really write. More candidates make the guess worse, not better.
_WESTERN = "cp1252"
_SINGLE_BYTE = (_WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "iso8859_2", "koi8_r")
_MULTI_BYTE = ("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr")

# Text without a recognized language and with fewer than this share of non-ASCII bytes is taken as Western.
_FEW = 0.1

_MULTI_BYTE_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec, and how many bytes of byte order mark to skip before the text."""

    name: str
    mark: int = 0


UTF_8 = Encoding("utf-8")


def marked_encoding(head: bytes) -> Encoding | None:
    """What the byte order mark says, or the NUL pattern of UTF-16 without one."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, len(mark))
    return _utf16_by_pattern(head)


def find_encoding(file: BinaryIO, utf8_fault: int | None) -> Encoding:
    """The encoding of the whole file; `utf8_fault` is what the survey found. Raises `InputUnusable` for no text."""
    file.seek(0)
    marked = marked_encoding(file.read(4_096))
    if marked is not None:
        return marked
    if utf8_fault is None:
        return UTF_8
    file.seek(max(0, utf8_fault - SAMPLE_BYTES // 4))
    sample = file.read(SAMPLE_BYTES)
    return UTF_8 if is_damaged_utf8(sample) else Encoding(_guess(sample))


def _utf16_by_pattern(head: bytes) -> Encoding | None:
    """Western text in UTF-16 has a NUL in every other byte and nowhere else."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > 0.4 * half and even < 0.05 * half:
        return Encoding("utf-16-le")
    if half and even > 0.4 * half and odd < 0.05 * half:
        return Encoding("utf-16-be")
    return None


def is_damaged_utf8(sample: bytes) -> bool:
    """Whether whole multi-byte characters outnumber the broken bytes; other encodings hardly ever form one."""
    whole = len(_MULTI_BYTE_CHARACTER.findall(sample))
    broken = sample.decode("utf-8", "replace").count("\ufffd")
    return whole > broken


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes  # 40 ms, and few files need it

    matches = from_bytes(sample, cp_isolation=[*_SINGLE_BYTE, *_MULTI_BYTE])
    best = matches.best()
    if best is None:
        raise InputUnusable("not text in any encoding that is known here; save it as UTF-8")
    ties = [m for m in matches if m.chaos == best.chaos and m.coherence == best.coherence]
    if any(_WESTERN in m.could_be_from_charset for m in ties):
        return _WESTERN
    if best.encoding in _SINGLE_BYTE and best.coherence == 0 and _is_western(sample):
        return _WESTERN
    return best.encoding


def _is_western(sample: bytes) -> bool:
    high = sum(byte >= 0x80 for byte in sample)
    if high > _FEW * len(sample):
        return False
    try:
        sample.decode(_WESTERN)
    except UnicodeDecodeError:
        return False
    return True
