"""Which parameters a request may carry to a model. Lists of what may pass, not of what may not.

LiteLLM takes keys, addresses, files and callbacks as keywords of the same call, and a new one of those must not become
reachable from outside by an update.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from synthmill_gateway.errors import bad_request

_CHAT_TEXT = """
    audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens modalities n
    parallel_tool_calls prediction presence_penalty prompt_cache_key reasoning_effort response_format safety_identifier
    seed service_tier stop store temperature tool_choice tools top_logprobs top_p user verbosity web_search_options"""
CHAT = frozenset(_CHAT_TEXT.split())
"""Parameters of OpenAI's chat API; not `metadata`, by which LiteLLM's callbacks are steered."""

COMMON = frozenset(["extra_body", "min_p", "offline", "repetition_penalty", "thinking", "top_k"])
"""Of other providers; pass where no file says what may."""

CALL = frozenset({"model", "messages", "stream", "stream_options"})
"""Keys of the call that are no parameters."""

_HIDDEN = CHAT | COMMON | CALL | {"azure_ad_token"}  # what `extra_body` could overrule behind the checks above


@dataclass(frozen=True, slots=True)
class Rules:
    """What a request may set. `defaults` fill in what it leaves out."""

    allowed: Set[str]
    forbidden: Set[str]
    defaults: Mapping[str, Any]
    remedy: str  # what to do about a parameter that may not pass

    def applied(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that go to LiteLLM. Raises GatewayError 400 for one that may not pass."""
        for name in given:
            if name in self.forbidden or name not in self.allowed:
                raise bad_request(f"`{name}` is not passed on by this gateway; {self.remedy}", **_about(name))
        _check_hidden(given.get("extra_body"))
        sent = {**self.defaults, **given} if self.defaults else dict(given)
        if "offline" in sent:
            sent["extra_body"] = {**sent.get("extra_body", {}), "offline": sent.pop("offline")}
        return sent


FREE = Rules(CHAT | COMMON, frozenset(), {}, "put what the provider's own body needs into `extra_body`")
"""Without a file."""


def _check_hidden(extra: object) -> None:
    if extra is None:
        return
    if not isinstance(extra, Mapping):
        raise bad_request("`extra_body` has to be an object", **_about("extra_body"))
    for name in sorted(_HIDDEN.intersection(extra)):
        raise bad_request(f"`extra_body` may not hold `{name}`; set it beside `extra_body`", **_about("extra_body"))


def _about(name: str) -> dict[str, str]:
    return {"code": "unsupported_parameter", "param": name}
