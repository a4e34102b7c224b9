"""The Prefect flow run of a job, seen from services that do not import Prefect: ordered, cancelled, continued.

A job never waits for it: what Prefect is to be told is noted in the record store first, told at once if its server
answers, and told by reconcile else (design law 11).

# Layout
- `prefect`   Prefect's REST API
- `wishes`    what Prefect is still to be told about a job
- `telling`   tells it
- `awaiting`  waits until the run of a job at rest has done its part
- `uploads`   tells of new files, for runs that begin with them
- `recurring` one tenant's refreshes: a run now, schedules, how runs stand
- `lost`      runs that died, and runs that were cancelled while nobody listened
"""
