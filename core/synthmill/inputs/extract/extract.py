"""Opens a source with the reader of its kind."""

from dataclasses import dataclass
from typing import BinaryIO

from synthmill.errors import InputUnusable
from synthmill.inputs.detect import SourceKind, detect
from synthmill.inputs.encoding import Encoding, find_encoding
from synthmill.inputs.extract.blocks import TextBlocks
from synthmill.inputs.extract.chunks import Chunk, chunks
from synthmill.inputs.extract.delimited import read_delimited, read_header, sniff
from synthmill.inputs.extract.jsonl import read_jsonl
from synthmill.inputs.extract.lines import decoded, legible, pieces, unreadable
from synthmill.inputs.extract.markdown import MarkdownBlocks
from synthmill.inputs.extract.rows import BadRow, Limits, Row, Rows, cut
from synthmill.inputs.extract.survey import Survey
from synthmill_schemas.recipe import Chunking

TEXT_COLUMNS = ("text", "headings")
"""The fields of a text chunk's row."""

_PIECE_CHARACTERS = 4_096  # of a line that does not end: small beside a chunk's working space, large beside a line
_BLOCK_SIZES = 4  # a block of more chunk sizes than this comes in parts


@dataclass(frozen=True, slots=True)
class Extraction:
    """An opened source. `columns`: those that every row has; None where each row may have others."""

    kind: SourceKind
    columns: tuple[str, ...] | None
    rows: Rows


def extract(file: BinaryIO, name: str, survey: Survey, limits: Limits, chunking: Chunking) -> Extraction:
    """Opens a seekable file; `name` is the source's name, `survey` what one pass over its bytes found.

    Raises `InputUnusable`, here or while the rows are read, for a source that cannot serve at all. The file must stay
    open, and in nobody else's hands, while the rows are read.
    """
    kind = detect(file, name)
    if kind is SourceKind.PARQUET:
        from synthmill.inputs.extract.columnar import parquet_columns, read_parquet

        return Extraction(kind, tuple(parquet_columns(file)), read_parquet(file, limits))
    encoding = find_encoding(file, survey.utf8_fault)
    match kind:
        case SourceKind.CSV | SourceKind.TSV:
            dialect = sniff(file, encoding, prefer_tab=kind is SourceKind.TSV)
            header = read_header(file, encoding, dialect, limits)
            return Extraction(kind, tuple(header), read_delimited(file, encoding, dialect, header, limits))
        case SourceKind.JSONL:
            return Extraction(kind, None, read_jsonl(file, encoding, limits))
        case SourceKind.JSON:
            from synthmill.inputs.extract.documents import read_document

            return Extraction(kind, None, read_document(file, encoding, limits))
        case SourceKind.TEXT | SourceKind.MARKDOWN:
            return Extraction(kind, TEXT_COLUMNS, _read_text(file, encoding, kind, chunking))


def _read_text(file: BinaryIO, encoding: Encoding, kind: SourceKind, chunking: Chunking) -> Rows:
    most = _BLOCK_SIZES * chunking.size
    blocks = MarkdownBlocks(most) if kind is SourceKind.MARKDOWN else TextBlocks(most)
    number = 0
    with decoded(file, encoding) as text:
        lines = pieces(text, min(_PIECE_CHARACTERS, chunking.size))
        for number, chunk in enumerate(chunks(blocks.read(lines), chunking), start=1):
            yield _chunk_row(number, chunk, encoding)
    if number == 0:
        raise InputUnusable("only white space: there is no text in it")


def _chunk_row(number: int, chunk: Chunk, encoding: Encoding) -> Row | BadRow:
    fault = unreadable(chunk.text, encoding)
    if fault is not None:
        return BadRow(number, f"{fault}, in the chunk that begins in line {chunk.line}", cut(chunk.text), chunk.line)
    # only the chunk that a broken heading stands in is bad, not all those below it
    headings = tuple(map(legible, chunk.headings))
    data = {"text": chunk.text, "headings": list(headings)}
    return Row(number, data, len(chunk.text), chunk.line, (chunk.start, chunk.end), headings)
