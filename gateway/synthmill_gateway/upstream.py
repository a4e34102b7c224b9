"""Judges an exception of a provider call: which status, code and Retry-After the client gets.

LiteLLM's classes lose some of that (529 becomes 500, an error's code its text), so the provider's own answer is read
first, from the exception behind.
"""

import json
from collections.abc import Mapping
from typing import Any

from synthmill_gateway.errors import GatewayError

_NO_PROVIDER = "LLM Provider NOT provided"
_NO_KEY = ("credential", "api key", "api_key", "apikey")


def judge(error: Exception) -> GatewayError:
    """What to tell the client about a failed call."""
    headers = getattr(error, "litellm_response_headers", None)
    if headers is None:
        return _without_answer(error)
    origin = error.__context__ if isinstance(error.__context__, Exception) else error
    told = _told(origin) or _told(error)
    return GatewayError(
        status=_status(origin) or _status(error) or 502,
        message=str(told.get("message") or getattr(origin, "message", None) or _plain(error)),
        code=_text(told.get("code")),
        type=_text(told.get("type")),
        param=_text(told.get("param")),
        retry_after=headers.get("retry-after"),
    )


def _without_answer(error: Exception) -> GatewayError:
    """No provider answered: the call was refused here, timed out, or nobody was there."""
    status, message = _status(error), _plain(error)
    name = type(error).__name__
    if name == "UnsupportedParamsError":
        param = "response_format" if "response_format" in message else None
        return GatewayError(400, message, code="unsupported_parameter", param=param)
    if _NO_PROVIDER in message:
        # 404 as a provider answers for a model it does not have: no call of the job can succeed
        return GatewayError(404, f"{message}. Name a route like openai/gpt-5-mini.", code="model_not_found")
    if name == "Timeout":
        return GatewayError(504, f"{message}. The provider took too long.", code="upstream_timeout")
    if status in (401, 403) or any(word in message.lower() for word in _NO_KEY):
        return GatewayError(401, f"{message}. Set the provider's key in the gateway's environment.", code="missing_key")
    if status is not None and 400 <= status < 500:
        return GatewayError(status, message)
    return GatewayError(
        502, f"{message}. The provider could not be reached or understood.", code="upstream_unreachable"
    )


def _told(error: Exception) -> Mapping[str, Any]:
    """The `error` object of the provider's answer; empty when it sent none."""
    body: object = getattr(error, "body", None)
    if not isinstance(body, Mapping):
        body = _json(getattr(error, "message", None))
    if not isinstance(body, Mapping):
        return {}
    inner = body.get("error")
    if isinstance(inner, Mapping):
        return inner
    return {"message": inner} if isinstance(inner, str) else body


def _json(text: object) -> object:
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) and 400 <= status <= 599 else None


def _plain(error: Exception) -> str:
    """The message without the traceback and the advice some of them carry behind it."""
    return str(error).split("\nTraceback", 1)[0].strip().split("\n\n", 1)[0].rstrip(". ")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
