"""From the rows of a job's sources to its seeds, by whoever plans it.

# Layout
- `store`        stores the seeds of a job's sources, each source under a deterministic id
- `demands`      what a recipe needs of a source's columns, and the id of the seeds that follow from it
- `contracts`    what a recipe demands of the columns it reads, row by row; `coercion` reads values as declared types
- `harvest`      rows to seed and reject documents, a chunk at a time
- `occurrences`  how often each key was seen
- `threads`      work in a thread that is let end
"""
