"""The formats of files: their names, their media types, which records they hold, and who encodes them."""

import hashlib
from dataclasses import dataclass

from synthmill.jobs.export.chat import CHAT_FORMATS, chat_columns, example_maker
from synthmill.jobs.export.encoders import ChatEncoder, CsvEncoder, Encoder, JsonlEncoder, LineageEncoder
from synthmill.ports.records import Document
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.records.fields import Fields
from synthmill_schemas.base import JsonObject
from synthmill_schemas.file_export import ChatColumns, Compression, ExportFormat, FormFields, Part

_JSON_LINES = "application/x-ndjson"

_SUFFIXES = {
    ExportFormat.JSONL: "jsonl",
    ExportFormat.CSV: "csv",
    ExportFormat.PARQUET: "parquet",
    ExportFormat.ARROW: "arrows",
}
_MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.ARROW: "application/vnd.apache.arrow.stream",
}
_PACKED = {Compression.GZIP: (".gz", "application/gzip"), Compression.ZSTD: (".zst", "application/zstd")}

_SHARES = 1 << 64


@dataclass(frozen=True, slots=True)
class Form:
    """A format, how the file is packed, and which of the records it holds."""

    format: ExportFormat
    compression: Compression = Compression.NONE
    chat: ChatColumns | None = None
    part: Part | None = None
    test_share: float = 0.1
    filters: tuple[str, ...] = ()

    @classmethod
    def of(cls, format_: ExportFormat, fields: FormFields) -> "Form":
        """As an export's document or an order says."""
        filters = tuple(fields.filters)
        return cls(format_, fields.compression, fields.chat, fields.part, fields.test_share, filters)

    @property
    def fields(self) -> JsonObject:
        """Everything but the format, as `FormFields` has it."""
        return {
            "compression": self.compression,
            "chat": self.chat,
            "part": self.part,
            "test_share": self.test_share,
            "filters": list(self.filters),
        }

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells it from other forms; of a plain one format and compression alone."""
        more = (
            self.chat and self.chat.model_dump_json(),
            self.part and f"{self.part} {self.test_share}",
            *self.filters,
        )
        return (self.format, self.compression, *(each for each in more if each))

    def file_name(self, dataset: str) -> str:
        """E.g. products.train.csv.gz."""
        part = f".{self.part}" if self.part else ""
        packed = _PACKED[self.compression][0] if self.compression in _PACKED else ""
        return f"{dataset}{part}.{_SUFFIXES.get(self.format, f'{self.format}.jsonl')}{packed}"

    @property
    def media_type(self) -> str:
        """Of the file as it is; a packed one is gzip or zstd, whatever is in it."""
        plain = _MEDIA_TYPES.get(self.format, _JSON_LINES)
        return _PACKED[self.compression][1] if self.compression in _PACKED else plain

    def check(self, record_schema: JsonObject) -> None:
        """Refuses what cannot be made of such records: `ColumnsMissing`, `FieldUnknown`, `FilterUnusable`."""
        Fields(record_schema).where(self.filters)
        if self.format in CHAT_FORMATS:
            chat_columns(self.format, self.chat, record_schema)

    def holds(self, slot: Document) -> bool:
        """Whether a record belongs to the part; that hangs on its seed alone, so it is the same in every version."""
        if self.part is None:
            return True
        key = slot["seed_id"] or slot["record_id"]
        drawn = int.from_bytes(hashlib.sha256(f"part\n{key}".encode()).digest()[:8], "big")
        return (drawn < self.test_share * _SHARES) == (self.part is Part.TEST)

    def encoder(self, compiled: CompiledRecipe, *, continued: bool = False) -> Encoder:
        """A new encoder, for one file; a `continued` one has no header, where lines can go behind others."""
        match self.format:
            case ExportFormat.JSONL:
                return JsonlEncoder(compiled)
            case ExportFormat.CSV:
                return CsvEncoder(compiled, header=not continued)
            case ExportFormat.LINEAGE:
                return LineageEncoder(compiled)
            case ExportFormat.PARQUET | ExportFormat.ARROW:
                from synthmill.jobs.export import columnar  # pyarrow, which few processes need

                parquet = self.format is ExportFormat.PARQUET
                return columnar.ParquetEncoder(compiled) if parquet else columnar.ArrowEncoder(compiled)
            case _:
                columns = chat_columns(self.format, self.chat, compiled.record_schema)
                return ChatEncoder(compiled, example_maker(self.format, columns))
