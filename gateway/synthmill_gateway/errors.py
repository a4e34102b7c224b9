"""The one error of the gateway, and its body in the shape of the OpenAI API."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from synthmill_gateway.failures import Failure, failure_of

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    504: "timeout_error",
}


@dataclass
class GatewayError(Exception):
    """What the client is told. `retry_after` is the header's text as upstream sent it, seconds or a date."""

    status: int
    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    retry_after: str | None = None
    retry_after_ms: int | None = None

    @property
    def failure(self) -> Failure | None:
        """Why the model did not answer; None when no other model would."""
        return failure_of(self.status, f"{self.code} {self.type} {self.message}")

    def body(self) -> dict[str, Any]:
        """{"error": {message, type, param, code}}."""
        kind = self.type or _TYPES.get(self.status, "api_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        """`Retry-After`, and finer than in seconds where that is known."""
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        return headers if self.retry_after_ms is None else {**headers, "Retry-After-Ms": str(self.retry_after_ms)}


def bad_request(message: str, *, code: str, param: str | None = None) -> GatewayError:
    """The client has to change its request; the message says how."""
    return GatewayError(HTTPStatus.BAD_REQUEST, message, code=code, param=param)
