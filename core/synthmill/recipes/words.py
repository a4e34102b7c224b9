"""Which words of the template language a template uses: filters, tests, calls, macros and tags.

minijinja looks these up only when it renders, so a misspelt filter in a seldom taken branch would
show up in the middle of a paid job. The text must have passed minijinja's own syntax check.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_OPEN = re.compile(r"\{([{%#])")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\}", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")
    | (?P<name>[^\W\d]\w*)
    | (?P<number>\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][-+]?\d+)?\w*)
    | (?P<op>\S)
    )""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset(
    {"in", "not", "and", "or", "if", "elif", "else", "is", "for", "set", "with", "call", "do", "recursive", "filter"}
)
_NAME_TAKING = {"map": "filter", "select": "test", "reject": "test"}
"""Filters whose first argument, when it is text, names another filter or test."""

Token = tuple[str, str]


@dataclass(slots=True)
class Words:
    """What is used, by kind; `calls` are plain names, `methods` what is called on a value."""

    filters: set[str] = field(default_factory=set)
    tests: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    macros: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)


def words_of(template: str) -> Words:
    """Reads the tags and expressions of a template."""
    words = Words()
    for mark, tokens in sections(template):
        if mark == "%":
            _read_tag(tokens, words)
        _read_expression(tokens, words)
    return words


def sections(template: str) -> Iterator[tuple[str, list[Token]]]:
    """The tokens inside each {{ }} and {% %}; comments and raw blocks are passed over."""
    position = 0
    while (opening := _OPEN.search(template, position)) is not None:
        raw = _RAW.match(template, opening.start())
        if raw is not None:
            position = raw.end()
        elif opening[1] == "#":
            end = template.find("#}", opening.end())
            position = len(template) if end < 0 else end + 2
        else:
            tokens, position = _tokens(template, opening.end(), "}}" if opening[1] == "{" else "%}")
            yield opening[1], tokens


def _tokens(template: str, position: int, close: str) -> tuple[list[Token], int]:
    tokens: list[Token] = []
    depth = 0
    while (match := _TOKEN.match(template, position)) is not None:
        kind, text = str(match.lastgroup), match[str(match.lastgroup)]
        start = match.end() - len(text)
        if depth == 0 and template.startswith(close, start):
            return tokens, start + 2
        depth += (text in "([{") - (text in ")]}") if kind == "op" else 0
        tokens.append((kind, text))
        position = match.end()
    return tokens, len(template)


def _read_tag(tokens: list[Token], words: Words) -> None:
    names = [text for kind, text in tokens if kind == "name"]
    if not names:
        return
    words.tags.add(names[0])
    if names[0] == "filter" and len(names) > 1:
        words.filters.add(names[1])
    if names[0] == "macro" and len(names) > 1:
        words.macros.add(names[1])


def _read_expression(tokens: list[Token], words: Words) -> None:
    for position, (kind, text) in enumerate(tokens):
        before = tokens[position - 1] if position else ("", "")
        if kind == "name" and before == ("op", "|"):
            words.filters.add(text)
            _read_named_argument(text, tokens[position + 1 :], words)
        elif kind == "name" and _is_test(tokens, position):
            words.tests.add(text)
        elif text == "(" and kind == "op":
            _read_call(tokens, position, words)


def _read_named_argument(name: str, rest: list[Token], words: Words) -> None:
    kind = _NAME_TAKING.get(name)
    if kind is None or len(rest) < 2 or rest[0] != ("op", "(") or rest[1][0] != "string":
        return
    if rest[2:3] not in ([("op", ")")], [("op", ",")]):
        return
    (words.filters if kind == "filter" else words.tests).add(rest[1][1][1:-1])


def _is_test(tokens: list[Token], position: int) -> bool:
    if tokens[position][1] in ("not", "in"):
        return False
    back = position - 1
    if back >= 1 and tokens[back] == ("name", "not"):
        back -= 1
    is_word = back >= 0 and tokens[back] == ("name", "is")
    return is_word and (back == 0 or tokens[back - 1] != ("op", "."))


def _read_call(tokens: list[Token], position: int, words: Words) -> None:
    if position == 0:
        return
    kind, text = tokens[position - 1]
    before = tokens[position - 2] if position > 1 else ("", "")
    if kind == "name":
        if before == ("op", "."):
            owner = tokens[position - 3][1] if position > 2 else ""
            words.methods.add(f"{owner}.{text}")
        elif before != ("op", "|") and text not in _KEYWORDS and not _is_test(tokens, position - 1):
            words.calls.add(text)
    elif kind == "string" or text in (")", "]", "}"):
        words.methods.add("a value")
