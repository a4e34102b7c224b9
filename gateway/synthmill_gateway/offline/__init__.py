"""A model that needs no network: it answers from the request's JSON Schema and prompt with made-up values.

For demos and tests; it claims no quality. `model` answers; `prompt` finds schema and words in a request; `schema`,
`values`, `strings`, `patterns` and `numbers` make a value; `writer`, `phrases`, `hints` and `fake` make its text;
`knobs`, `dice`, `faults` and `spoil` make it slow or wrong on request. No file here imports LiteLLM or a web server.
"""

from synthmill_gateway.offline.knobs import Knobs
from synthmill_gateway.offline.model import Answer, Finish, OfflineError, OfflineModel

__all__ = ["Answer", "Finish", "Knobs", "OfflineError", "OfflineModel"]
