"""The release gate: a Great Expectations suite made from the recipe, run over a job's finished records.

# Layout
- `run`      the way in: `run_gate`, from a job to its stored report
- `suite`    all checks of a job, in the order of the report
- `columns`  what the record's schema says of each column; `samplers` what its sampler adds; `declared` the gate section
- `shares`   how far a share may be off
- `checks`   what a check is: plain data, no library
- `layout`   how records lie in a table: a column for each leaf
- `staging`  streams the records into a SQLite file
- `engine`   the only module that names great_expectations
- `findings` its answers as findings, and the verdict
- `show`     rows and words for people

Only `engine` imports great_expectations, in the thread that runs it: 4 to 7 s of CPU and 270 MB.
"""
