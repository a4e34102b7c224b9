"""A refusal of the API as an exception: by status for `except`, with the stable code, the hint and all faults.

ApiError
├── Unauthenticated   401
├── Forbidden         403
├── NotFound          404
├── Conflict          409
├── Gone              410
├── Invalid           400, 413, 415, 422
├── TooMany           429, after the client's patience was at its end
├── Unavailable       5xx, likewise; the same request may succeed later
Unreachable           no answer at all
"""

from dataclasses import dataclass
from typing import ClassVar

import httpx

from synthmill.errors import Retriable, SynthmillError, UserError

_MOST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend in a request."""

    path: str
    message: str
    hint: str | None = None


class ApiError(SynthmillError):
    """What the API answered instead of doing what it was asked."""

    exit_code: ClassVar[int] = 1

    def __init__(self, status: int, code: str, detail: str, hint: str = "", faults: tuple[Fault, ...] = ()) -> None:
        told = [f"{detail} ({code})", *([hint] if hint else []), *(f"  {_line(fault)}" for fault in faults)]
        super().__init__("\n".join(told))
        self.status = status
        self.code = code
        self.detail = detail
        self.hint = hint
        self.faults = faults


class Unauthenticated(ApiError, UserError):
    """The key is missing, unknown, expired or revoked."""

    exit_code: ClassVar[int] = 2


class Forbidden(ApiError, UserError):
    """The key lacks a right."""

    exit_code: ClassVar[int] = 2


class NotFound(ApiError, UserError):
    """There is no such thing, or it is another tenant's."""

    exit_code: ClassVar[int] = 2


class Conflict(ApiError):
    """The state of the thing does not allow it."""


class Gone(ApiError):
    """It was there, and is not any more."""


class Invalid(ApiError, UserError):
    """The request has faults."""

    exit_code: ClassVar[int] = 2


class TooMany(ApiError, Retriable):
    """More than the tenant may ask for."""

    exit_code: ClassVar[int] = 75


class Unavailable(ApiError, Retriable):
    """A server behind the API, or the API itself, does not answer just now."""

    exit_code: ClassVar[int] = 75


class Unreachable(Retriable):
    """Nobody answers at the address."""


_CLASSES: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: TooMany,
}


def error_of(response: httpx.Response) -> ApiError:
    """The exception for an answer whose body was read; proxies answer without our problem document."""
    status = response.status_code
    class_ = _CLASSES.get(status, Unavailable if status >= 500 else ApiError)
    try:
        body = response.json()
        faults = tuple(Fault(f["path"], f["message"], f.get("hint")) for f in body.get("faults", ()))
        return class_(status, str(body["code"]), str(body["detail"]), str(body.get("hint", "")), faults)
    except (ValueError, KeyError, TypeError, AttributeError):
        return class_(status, f"http_{status}", response.text[:_MOST_TEXT] or response.reason_phrase)


def unreachable(url: httpx.URL, error: httpx.HTTPError) -> Unreachable:
    """The exception for no answer."""
    return Unreachable(f"{url.scheme}://{url.netloc.decode()} does not answer: {error or type(error).__name__}")


def _line(fault: Fault) -> str:
    where = f"{fault.path}: " if fault.path else ""
    return f"{where}{fault.message}" + (f" ({fault.hint})" if fault.hint else "")
