"""Messages that nobody could work on: kept whole by the worker, and decided about by a person (decision 0013).

# Layout
- `letters`  their documents: found by id, job, queue and class; changed by compare-and-swap
- `unreadable`  why a message is none, in words that the consumer shares
- `keeping`  how a message becomes one; what was decided about it is not forgotten when it comes again
- `replay`   gives a letter's work to the services again, or leaves it for good
- `reopen`   lets parked slots be tried again, in a round of their own
"""
