"""Why a message cannot be read, and what to do about it.

The Rust consumer has the same words in `contract/message.rs`; `schemas/examples/unreadable.json` holds both to them.
"""

import json

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_LONGEST_SHOWN = 40
_PARSERS_WORDS = "Invalid JSON: "
_MEND = "mend what sends it, then `synthmill dead-letters drop` it"
_UPDATE = "bring sender and reader to the same version, then `synthmill dead-letters replay` it"


def why_unreadable(what: str, error: ValidationError) -> str:
    """One sentence; `what` is the message that was expected, with its article."""
    faults = error.errors(include_url=False)
    version = next((fault for fault in faults if fault["loc"] == ("version",) and fault["type"] != "missing"), None)
    if version is not None:
        shown = json.dumps(version["input"], ensure_ascii=False, default=str)[:_LONGEST_SHOWN]
        return f"not {what}: version {shown} is not known here, only 1 is; {_UPDATE}"
    return f"not {what}: {_told(faults[0])}; {_MEND}"


def _told(fault: ErrorDetails) -> str:
    if fault["type"] == "json_invalid":
        return f"the body is not JSON ({fault['msg'].removeprefix(_PARSERS_WORDS)})"
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else "the body is not a JSON object"
