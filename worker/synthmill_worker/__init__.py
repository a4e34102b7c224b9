"""The worker: file to seeds to generation requests.

# Layout
- `runner`      all queues, and what goes on beside them
- `lane`        one queue: decode → handle → settle, every delivery settled in one place
- `verdict`     what an answer or an error means for its message
- `handlers/`   one module a message: `job` plans a round, `export` writes a file, `dead_letter` parks what
                nobody could work on
- `followed`    looks after the rounds planned here until they end
- `metrics`     what is counted
- `upkeep`      reconciles beside the queues
- `seeding`     stores the seeds of a job's sources, each source under a deterministic id
- `contracts`   what a recipe demands of the columns it reads
- `extract/`    streaming readers, from a seekable file to rows
"""
