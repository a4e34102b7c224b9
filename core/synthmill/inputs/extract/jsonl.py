"""JSON lines: one object a line; a bad line is a bad row, the others are not touched."""

import json
from typing import BinaryIO

from synthmill.errors import InputUnusable
from synthmill.inputs.encoding import Encoding
from synthmill.inputs.extract.json_values import json_kind
from synthmill.inputs.extract.lines import Line, decoded, pieces, unreadable
from synthmill.inputs.extract.rows import MAX_DEPTH, BadRow, Limits, Row, Rows, UnstorableValue, cut, json_size
from synthmill_schemas.base import JsonObject


def read_jsonl(file: BinaryIO, encoding: Encoding, limits: Limits) -> Rows:
    """A row for every line that is not blank; raises `InputUnusable` when there is none."""
    number = 0
    with decoded(file, encoding, newline="\n") as text:
        for line in pieces(text, limits.row_bytes):
            if line.starts and not line.text.isspace():
                number += 1
                yield _row(number, line, encoding, limits)
    if number == 0:
        raise InputUnusable("every line is blank")


def _row(number: int, line: Line, encoding: Encoding, limits: Limits) -> Row | BadRow:
    try:
        data = _parse(line, encoding, limits)
        return Row(number, data, json_size(data), line.number)
    except UnstorableValue as error:
        return BadRow(number, str(error), cut(line.text), line.number)


def _parse(line: Line, encoding: Encoding, limits: Limits) -> JsonObject:
    if not line.ends and len(line.text) >= limits.row_bytes:
        raise UnstorableValue(f"longer than {limits.row_bytes} bytes")
    fault = unreadable(line.text, encoding)
    if fault is not None:
        raise UnstorableValue(fault)
    return parse_object(line.text)


def parse_object(text: str) -> JsonObject:
    """A JSON object, or `UnstorableValue` saying what stands there instead."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise UnstorableValue(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise UnstorableValue(f"nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise UnstorableValue(str(error)) from error  # a NaN, or an integer of more than 4,300 digits
    if not isinstance(value, dict):
        raise UnstorableValue(f"{json_kind(value)} where an object is expected")
    return value


def _refuse(name: str) -> object:
    raise UnstorableValue(f"{name}, which is not JSON")
