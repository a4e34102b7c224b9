"""The work pool: what Prefect runs of synthmill, and how it gets onto a Prefect server.

# Layout
- `files`        where prefect.yaml and the automations lie
- `apply`        puts all of it onto a server; twice is once
- `switches`     what operators switched on or off stays so
- `templates`    the pool's job template
- `automations`  the file of automations, put onto a server by name

Importing this package imports nothing: Prefect reads its settings when it is imported.
"""
