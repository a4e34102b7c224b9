"""Prefect around a job: decides when, watches, reports; the work itself does not need Prefect to be up.

# Layout
- `generate`     the flow `generate_dataset`
- `tasks`        its steps, each a few lines over `synthmill.jobs`
- `identity`     which job a flow run stands for
- `claim`        one run acts on a job, others watch
- `current`      the services that the tasks of a run share
- `progress`     artifact and events while it runs
- `report`       table and report at the end
- `events`       what Prefect's event feed is told
- `ending`       the final state, and the exit code that belongs to it
- `display`      calls to Prefect that may fail
- `__main__`     one run as a process, with a temporary server when none is set
- `process`      the threads of such a process, and how it is stopped
- `environment`  Prefect's settings for such a process
- `server`       the temporary server: a thread, so that no kill can leave it behind
- `database`     its SQLite file, migrated once per machine
- `prepare`      does that as a part of the installation

This package imports nothing by itself: Prefect takes seconds to import and reads its settings at that moment.
"""
