"""Prefect around a job: decides when, watches, reports; the work itself does not need Prefect to be up.

# Layout
- `generate`     the flow `generate_dataset`
- `refresh`      the flow `refresh_dataset`: a recurring run, new and changed seeds only
- `quote`        the flow `quote_recipe`: what a dataset would take
- `replay`       the flow `replay_rejects`: another round for slots that were given up
- `importing`    the flow `import_sources`: the files of a place as sources
- `sweeping`     the flow `sweep`: repairs and deletes
- `standing`     what every flow does whose run stands for a job
- `parameters`   what a run is given
- `bringing`     its steps in their order
- `tasks`        the steps, each a few lines over `synthmill.jobs`
- `ordering`     from parameters to a job's order
- `identity`     which job a flow run stands for
- `again`        why a run begins, and what a person's Retry does
- `wishes`       cancelled or suspended in Prefect: the job is told
- `leaving`      another process has the run by now, or nobody until it is resumed
- `hooks`        what Prefect calls when a run was cancelled or died
- `claim`        one run acts on a job, others watch
- `current`      the services that the tasks of a run share
- `progress`     artifact and events while it runs
- `gating`       the gate's judgement and the release; `gate/` is the gate itself
- `events`, `announcing`   what Prefect's event feed is told, and when
- `patience`     tasks that wait out what is away
- `pace`, `looking`   how often facts are counted, and how sparingly
- `stalling`     says what is stuck
- `report`       table, report and picture at the end
- `plot`         the picture
- `events`       what Prefect's event feed is told
- `ending`       the final state, and the exit code that belongs to it
- `display`      calls to Prefect that may fail
- `blocks/`      Prefect blocks for the servers
- `pool/`        deployments, automations, and the Prefect worker as a service
- `__main__`     one run as a process, with a temporary server when none is set
- `process`      the threads of such a process, and how it is stopped
- `environment`  Prefect's settings for such a process
- `server`       the temporary server: a thread, so that no kill can leave it behind
- `database`     its SQLite file, migrated once per machine
- `patient_sqlite`   that file under many requests at once
- `prepare`      does that as a part of the installation

This package imports nothing by itself: Prefect takes seconds to import and reads its settings at that moment.
"""
