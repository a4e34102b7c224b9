"""The formats of files: their names, their media types, and who encodes them."""

from dataclasses import dataclass

from synthmill.jobs.export.encoders import CsvEncoder, Encoder, JsonlEncoder, LineageEncoder
from synthmill.recipes.compiled import CompiledRecipe
from synthmill_schemas.file_export import Compression, ExportFormat

_SUFFIXES = {
    ExportFormat.JSONL: "jsonl",
    ExportFormat.CSV: "csv",
    ExportFormat.PARQUET: "parquet",
    ExportFormat.LINEAGE: "lineage.jsonl",
}
_MEDIA_TYPES = {
    ExportFormat.JSONL: "application/x-ndjson",
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.LINEAGE: "application/x-ndjson",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A format and how the file is packed."""

    format: ExportFormat
    compression: Compression = Compression.NONE

    def file_name(self, dataset: str) -> str:
        """E.g. products.csv.gz."""
        packed = ".gz" if self.compression is Compression.GZIP else ""
        return f"{dataset}.{_SUFFIXES[self.format]}{packed}"

    @property
    def media_type(self) -> str:
        """Of the file as it is; a packed one is gzip, whatever is in it."""
        return "application/gzip" if self.compression is Compression.GZIP else _MEDIA_TYPES[self.format]

    def encoder(self, compiled: CompiledRecipe) -> Encoder:
        """A new encoder, for one file."""
        match self.format:
            case ExportFormat.JSONL:
                return JsonlEncoder(compiled)
            case ExportFormat.CSV:
                return CsvEncoder(compiled)
            case ExportFormat.LINEAGE:
                return LineageEncoder(compiled)
            case ExportFormat.PARQUET:
                from synthmill.jobs.export.parquet import ParquetEncoder  # pyarrow, which few processes need

                return ParquetEncoder(compiled)
