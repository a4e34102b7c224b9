"""The bridge: from the embedded lease queue to `synthmill-consumer --stdio`, and from its answers to the store.

# Layout
- `child`    the consumer process and its lines
- `intake`   decides by the job document what becomes of a delivery
- `reservations`  the accounts of jobs with a budget, for the calls of one child
- `results`  writes answers and settles their requests in one transaction
- `lane`     one child, the requests inside it, and the loops that serve it
- `watch`    tells the child when a job in it was stopped
- `service`  the main lane for fresh messages, a lane of its own for each that somebody had begun before

In the stack profile the consumer speaks AMQP and Elasticsearch itself; nothing here is used.
"""
