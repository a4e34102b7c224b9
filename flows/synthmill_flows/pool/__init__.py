"""The work pool: what Prefect runs of synthmill, and the Prefect worker that runs it as a service.

# Layout
- `files`        where prefect.yaml and the automations lie
- `apply`        puts all of it onto a server; twice is once
- `switches`     what operators switched on or off stays so
- `templates`    the pool's job template
- `automations`  the file of automations, put onto a server by name
- `__main__`     the Prefect worker as a service
- `service`      its life: server, deployments, worker, hand-over
- `handover`     runs whose process is gone go on as the same runs

Importing this package imports nothing: Prefect reads its settings when it is imported.
"""
