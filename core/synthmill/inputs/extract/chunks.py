"""Blocks to chunks: at most `size` characters, blocks kept whole where they fit, offsets exact, sections not mixed.

`text[start:end] == chunk` holds for the decoded text, and the chunks leave out nothing but white space.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from synthmill.inputs.extract.blocks import Block, BlockKind, count_lines
from synthmill_schemas.recipe import Chunking

# Behind . ! ? and … with closing quotes or brackets; or behind the full-width marks, which no space follows.
_SENTENCE = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019\u00bb)\]]*\s+|(?<=[\u3002\uff01\uff1f])")
_LINE = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")
_WORD = re.compile(r"(?<=\s)(?=\S)")

_FINENESS = 16  # sentences or words of less than this part of a chunk are not looked at singly: there may be millions

_PROSE_CUTS = (_SENTENCE, _LINE, _WORD)
_LINE_CUTS = (_LINE, _SENTENCE, _WORD)


@dataclass(frozen=True, slots=True)
class Chunk:
    """`text` from character `start` and line `line` on, under `headings`."""

    start: int
    line: int
    text: str
    headings: tuple[str, ...]

    @property
    def end(self) -> int:
        """Where it ends; exclusive."""
        return self.start + len(self.text)


def chunks(blocks: Iterable[Block], chunking: Chunking) -> Iterator[Chunk]:
    """Packs blocks, in order, into chunks; a heading begins a new one."""
    packer = _Packer(chunking.size, min(chunking.overlap, chunking.size // 2))
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            yield from packer.begin_section()
        for unit in _units(block, packer.room(block.kind)):
            yield from packer.add(unit)
    yield from packer.close()


def _units(block: Block, size: int) -> Iterator[Block]:
    """The block itself if it fits, else its sentences, lines or words."""
    start, line = block.start, block.line
    cuts = _PROSE_CUTS if block.kind is BlockKind.PROSE else _LINE_CUTS
    for text in _split(block.text, size, cuts):
        yield Block(block.kind, start, line, text, block.headings)
        start, line = start + len(text), line + count_lines(text)


def _split(text: str, size: int, cuts: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    if len(text.strip()) <= size:
        yield text
    elif cuts:
        for part in _parts(text, cuts[0], size // _FINENESS):
            yield from _split(part, size, cuts[1:])
    else:
        yield from (text[at : at + size] for at in range(0, len(text), size))


def _parts(text: str, cut: re.Pattern[str], least: int) -> Iterator[str]:
    """The text cut where `cut` ends a match, in parts of `least` characters or more."""
    start = 0
    for found in cut.finditer(text):
        if found.end() - start >= max(least, 1):
            yield text[start : found.end()]
            start = found.end()
    if start < len(text):
        yield text[start:]


@dataclass(slots=True)
class _Packer:
    """The chunk in hand: its text from `start` on. `fresh`: it holds more than the overlap with the chunk before."""

    size: int
    overlap: int
    start: int = 0
    line: int = 1
    texts: list[str] = field(default_factory=list)
    length: int = 0
    fresh: bool = False
    only_headings: bool = True
    headings: tuple[str, ...] = ()

    def room(self, kind: BlockKind) -> int:
        """How long a block may be to be taken whole: prose and lists are rather cut than parted from their heading."""
        alone = self.only_headings and kind in (BlockKind.PROSE, BlockKind.LIST)
        return max(self.size - self.length, self.size // 2) if alone else self.size

    def begin_section(self) -> Iterator[Chunk]:
        """Ends the chunk, unless it holds headings only: those belong to what follows."""
        if not self.only_headings:
            yield from self.close()

    def add(self, unit: Block) -> Iterator[Chunk]:
        """Takes a unit; gives out the chunk before when the two do not fit together."""
        if not self._fits(unit):
            yield from self._close_and_carry()
        if not self._fits(unit):
            self._forget()
        self._append(unit)

    def close(self) -> Iterator[Chunk]:
        """Gives out the chunk in hand, if there is one."""
        if self.fresh:
            yield Chunk(self.start, self.line, "".join(self.texts).rstrip(), self.headings)
        self._forget()

    def _fits(self, unit: Block) -> bool:
        return not self.texts or self.length + len(unit.text.rstrip()) <= self.size

    def _append(self, unit: Block) -> None:
        text = unit.text if self.texts else unit.text.lstrip()
        if not text:
            return
        if not self.texts:
            skipped = unit.text[: len(unit.text) - len(text)]
            self.start, self.line = unit.start + len(skipped), unit.line + count_lines(skipped)
        self.texts.append(text)
        self.length += len(text)
        self.fresh = self.fresh or not text.isspace()
        self.only_headings = self.only_headings and unit.kind is BlockKind.HEADING
        self.headings = unit.headings

    def _close_and_carry(self) -> Iterator[Chunk]:
        text, start, line = "".join(self.texts), self.start, self.line
        yield from self.close()
        at = self._overlap_start(text.rstrip())
        if at is not None:
            self.start, self.line = start + at, line + count_lines(text[:at])
            self.texts, self.length, self.only_headings = [text[at:]], len(text) - at, False

    def _overlap_start(self, body: str) -> int | None:
        """The first word that begins in the last `overlap` characters; None when that would be all of them."""
        at = len(body) - self.overlap
        if self.overlap == 0 or at <= 0:
            return None
        word = _WORD.search(body, at)
        return word.start() if word else at

    def _forget(self) -> None:
        self.texts, self.length, self.fresh, self.only_headings = [], 0, False, True
