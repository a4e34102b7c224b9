"""The life of one job, shared by API, flow, worker and command line.

# Layout
- `documents`  read and compare-and-swap the job document
- `order`      what a client asks for, and `job_id`
- `submit`     stage, publish (design law 2)
- `at_once`    the same for a small job, planned while its client waits
- `lease`      one planner a job (law 3)
- `plan_job`   from a job's document to its planned round: lease, seeds, requests, clean-up
- `plan`       publish a round's generation requests in confirmed chunks (laws 3 and 4)
- `rounds`     raise the round: resume, retry and top-up (law 4)
- `extend`     more slots for a job that has planned its own
- `cancel`     stop a job for good
- `pause`      let a job rest
- `status`     the accounting identity, counted from facts (law 1)
- `progress`   rate, expected end, numbers by round and by class
- `advance`    decide what a job whose round has ended comes to
- `track`      follow a job until it rests
- `stall`      what is stuck when nothing moves
- `check`      exactly N, all valid, none twice
- `export`     files of records: on this machine, ordered from the worker, and as streams
- `files`      where temporary files lie
- `release/`   make a finished job's records a version of its dataset
- `refresh`    records of new and changed seeds only
- `rereading`  whether a recurring run would read what the last one read
- `replay`     another round for slots that were given up; `revise` by another model or other prompts
- `reusing`    records that a blocked refresh has paid for
- `quote`      what a whole dataset would take, by a few of its slots
- `seed_index` a set of seed ids, on disk when it is large
- `cleanup`    delete a job's temporary files (law 5)
- `sweep`      delete what nothing live refers to
- `judging`    the gate's judgement, and the release of what passes
- `drive`      all of it in order, without Prefect
- `tenants`    which tenants have jobs here
- `reconcile`  repair what a crash left behind (law 11)
- `events`     say what happened
"""
