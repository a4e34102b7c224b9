"""Markdown to blocks: headings, paragraphs, lists, tables and fenced code, as far as cutting needs to know.

It follows CommonMark where that moves a boundary or a heading; it renders nothing. Patterns are such that no line,
however made, takes more than linear time.
"""

import re

from synthmill.inputs.extract.blocks import BlockKind, Draft, TextBlocks

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_INDENTED = re.compile(r"\t| {2,}\S")
_RULE_CHARACTERS = frozenset("|:- \t")
_HEADING_LINES = 3  # a paragraph of more lines is no heading, whatever underlines it


class MarkdownBlocks(TextBlocks):
    """Reads Markdown; `headings` is the path of headings above the block in hand."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._path: list[tuple[int, str]] = []
        self._closer: re.Pattern[str] | None = None  # what closes the fence we are in

    def parts(self, draft: Draft, line: str) -> bool:
        """Whether `line` begins a new block."""
        if self._closer is not None or line.isspace():
            return False
        text = line.rstrip("\r\n")
        if draft.kind is BlockKind.LIST:
            return self._parts_list(draft, text)
        return draft.ended or _opens(text) or bool(_ITEM.match(text) and not _UNDERLINE.match(text))

    def shape(self, draft: Draft, line: str) -> None:
        """Notes what `line`, just added, makes of the block: where a fence ends, what is a heading."""
        text = line.rstrip("\r\n")
        if self._closer is not None:
            self._close_fence(draft, text)
        elif line.isspace():
            draft.ended = True
        elif len(draft.texts) == 1 or (draft.ended and draft.kind is BlockKind.PROSE):
            self._begin(draft, text)
        else:
            self._continue(draft, text)

    def _parts_list(self, draft: Draft, text: str) -> bool:
        if _INDENTED.match(text) or _ITEM.match(text):
            return False
        return draft.ended or _opens(text)

    def _close_fence(self, draft: Draft, text: str) -> None:
        if self._closer is not None and self._closer.match(text):
            self._closer, draft.ended = None, True

    def _begin(self, draft: Draft, text: str) -> None:
        draft.kind, draft.ended = BlockKind.PROSE, False
        if fence := _FENCE.match(text):
            draft.kind = BlockKind.FENCE
            self._closer = re.compile(rf" {{0,3}}{re.escape(fence[1])}{re.escape(fence[1][0])}*[ \t]*$")
        elif heading := _ATX.match(text):
            self._heading(draft, len(heading[1]), _title(text[heading.end() :]))
        elif _ITEM.match(text):
            draft.kind = BlockKind.LIST

    def _continue(self, draft: Draft, text: str) -> None:
        draft.ended = False
        if draft.kind is not BlockKind.PROSE:
            return
        if _is_table_rule(text):
            draft.kind = BlockKind.TABLE
        elif (underline := _UNDERLINE.match(text)) and _may_be_heading(draft):
            title = " ".join(line.strip() for line in draft.texts[:-1]).strip()
            self._heading(draft, 1 if underline[1][0] == "=" else 2, title)

    def _heading(self, draft: Draft, level: int, title: str) -> None:
        draft.kind, draft.ended = BlockKind.HEADING, True
        self._path = [above for above in self._path if above[0] < level] + [(level, title.strip())]
        self.headings = tuple(title for _, title in self._path)


def _opens(text: str) -> bool:
    """Whether this line begins a heading or a fence wherever it stands."""
    return bool(_ATX.match(text) or _FENCE.match(text))


def _title(text: str) -> str:
    """What stands behind the # signs, without those that may close the line."""
    title = text.strip(" \t")
    unclosed = title.rstrip("#")
    return unclosed.rstrip(" \t") if not unclosed or unclosed[-1] in " \t" else title


def _is_table_rule(text: str) -> bool:
    return "|" in text and "-" in text and set(text) <= _RULE_CHARACTERS


def _may_be_heading(draft: Draft) -> bool:
    lines = [line for line in draft.texts[:-1] if not line.isspace()]
    front_matter = lines[0].startswith("---")
    return len(lines) <= _HEADING_LINES and not front_matter
