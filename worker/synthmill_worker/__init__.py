"""The worker: serves the queues of jobs and exports; what it does for them is core's, so that others can do it too.

# Layout
- `runner`      all queues, and what goes on beside them
- `lane`        one queue: decode → handle → settle, every delivery settled in one place
- `verdict`     what an answer or an error means for its message
- `handlers/`   one module a message: `job` plans a round, `export` writes a file, `dead_letter` parks what
                nobody could work on
- `followed`    looks after the rounds planned here until they end
- `metrics`     what is counted
- `upkeep`      reconciles beside the queues
"""
