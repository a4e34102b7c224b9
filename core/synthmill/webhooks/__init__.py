"""Webhooks: addresses of tenants that are told of every change of a job's state, signed, at least once.

# Layout
- `documents`  a webhook, and one message that it is to be sent
- `registry`   make, change, list and delete them
- `signing`    secrets and signatures, after the Standard Webhooks specification
- `addresses`  where a request may go: nowhere inside of this network, unless the settings say so
- `sending`    one request to one address; the only file that names the HTTP library
- `announce`   makes messages of what job documents have to tell
- `delivery`   tries a message, and decides when to try again or to give up
- `courier`    does all this, over and over, in one worker at a time
"""
