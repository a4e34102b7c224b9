"""Streaming readers: from a seekable binary file to rows with lineage, in memory that does not grow with the file.

# Layout
- `rows`       what readers yield, and their limits
- `survey`     one pass over the bytes: size, checksum, is it UTF-8
- `lines`      text lines of bounded length, with undecodable bytes marked
- `delimited`  CSV and TSV
- `documents`  JSON, as a stream
- `jsonl`      one JSON object a line
- `columnar`   Parquet
- `blocks`     text and Markdown to blocks: paragraphs, lists, fences, tables, headings
- `chunks`     blocks to chunks of bounded size with exact character offsets
- `extract`    the kind's reader, opened
"""
