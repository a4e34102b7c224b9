"""The contracts: every message and document that crosses a process or rests in a store.

# Layout
- `base`        the base model and the shared field types
- `ids`         how ids, ranks and call seeds are made (design laws 1, 6, 8 and 10)
- `recipe`      the declaration of a dataset, as a user writes it
- `job`         the message on the `jobs` queue and the job document
- `seed`        one extracted unit of a source with its lineage
- `generation`  the message for one LLM call
- `slot`        the one document per slot, and the record inside it
- `ledger`      rejects, calls and claims
- `event`       logs, monitoring and progress
- `dead_letter` messages that nobody could work on
- `file_export` files of records that somebody asked for
- `stdio`       the lines that `synthmill-consumer --stdio` reads and writes
- `export`      writes or checks `schemas/json` (`python -m synthmill_schemas.export --check`)

Producers forbid unknown fields; the Rust reader ignores them, so Python can ship first.
"""
