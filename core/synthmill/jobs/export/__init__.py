"""Writes a job's accepted records as JSONL, Parquet and CSV, and where each came from.

All files hold the records in slot order with the same last column `_record_id`; `<dataset>.lineage.jsonl` has for each
record its seed, source row, attributes, model, prompt hash, tokens and cost.
"""

from synthmill.jobs.export.run import export

__all__ = ["export"]
