"""Plain text to blocks: paragraphs, each with the blank lines that follow it.

Blocks part the decoded text without gaps, so that their offsets are exact. They are found line by line; a block that
is far too long comes in parts, so memory does not depend on the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from synthmill.inputs.extract.lines import Line

_LINE_END = re.compile(r"\r\n|\r|\n")
_LAST_SENTENCE = re.compile(r".*[.!?\u2026][\"'\u201d\u2019\u00bb)\]]*\s+|.*[\u3002\uff01\uff1f]", re.DOTALL)
_LAST_SPACE = re.compile(r".*\s", re.DOTALL)


class BlockKind(StrEnum):
    """What a block is; it decides where one that is too long may be cut."""

    PROSE = "prose"
    LIST = "list"
    TABLE = "table"
    FENCE = "fence"
    HEADING = "heading"


@dataclass(frozen=True, slots=True)
class Block:
    """`text` from character `start` and line `line` on, under `headings` (its own included), outermost first."""

    kind: BlockKind
    start: int
    line: int
    text: str
    headings: tuple[str, ...] = ()


@dataclass(slots=True)
class Draft:
    """The block in hand. `ended`: what comes next is not simply its continuation; `blank`: only white space yet."""

    kind: BlockKind
    start: int
    line: int
    texts: list[str] = field(default_factory=list)
    length: int = 0
    ended: bool = False
    blank: bool = True

    def add(self, text: str) -> None:
        """Puts text at its end."""
        self.texts.append(text)
        self.length += len(text)
        self.blank = self.blank and text.isspace()


class TextBlocks:
    """Reads paragraphs; a block longer than `most` characters is given out in parts."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._draft = Draft(BlockKind.PROSE, 0, 1)
        self.headings: tuple[str, ...] = ()

    def read(self, lines: Iterator[Line]) -> Iterator[Block]:
        """The blocks of the text whose lines, or pieces of lines, these are."""
        for line in lines:
            if line.starts and not self._draft.blank and self.parts(self._draft, line.text):
                yield self._give_out(self._draft.length)
            self._draft.add(line.text)
            if line.starts:
                self.shape(self._draft, line.text)
            if self._draft.length > self._most:
                yield self._give_out(self._cut(line))
        if self._draft.length:
            yield self._give_out(self._draft.length)

    def parts(self, draft: Draft, line: str) -> bool:
        """Whether `line` begins a new block."""
        return draft.ended and not line.isspace()

    def shape(self, draft: Draft, line: str) -> None:
        """Notes what `line`, just added, makes of the block."""
        draft.ended = line.isspace()

    def _cut(self, line: Line) -> int:
        """Where to part a block that is too long: prose behind a sentence, else before the last line, or at a space."""
        text = "".join(self._draft.texts)
        if self._draft.kind is BlockKind.PROSE and (sentence := _LAST_SENTENCE.match(text)):
            return sentence.end()
        before = len(text) - len(line.text)
        if line.starts and before:
            return before
        space = _LAST_SPACE.match(text)
        return space.end() if space else len(text)

    def _give_out(self, length: int) -> Block:
        draft, text = self._draft, "".join(self._draft.texts)
        done, rest = text[:length], text[length:]
        self._draft = Draft(draft.kind, draft.start + length, draft.line + count_lines(done))
        if rest:
            self._draft.add(rest)
            self._draft.ended = draft.ended
        return Block(draft.kind, draft.start, draft.line, done, self.headings)


def count_lines(text: str) -> int:
    """How many line ends the text holds."""
    return len(_LINE_END.findall(text))
