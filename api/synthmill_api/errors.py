"""Every failure as RFC 9457 problem+json: a stable code, what happened, and what to do. Never a stack trace."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, Field

from synthmill.catalog.removal import SourceInUse
from synthmill.catalog.resumable.errors import (
    PieceMismatch,
    UploadExpired,
    UploadLocked,
    UploadMissing,
    UploadStalled,
    UploadTooLong,
    WrongOffset,
)
from synthmill.errors import (
    BadKey,
    BrokerUnavailable,
    ChecksumMismatch,
    InputUnusable,
    JobMissing,
    ObjectMissing,
    ObjectStoreUnavailable,
    Retriable,
    StorageFull,
    StoreUnavailable,
    SynthmillError,
    UserError,
    VersionConflict,
)
from synthmill.jobs.export.chat import ColumnsMissing
from synthmill.jobs.prices import PriceUnknown
from synthmill.recipes import RecipeInvalid
from synthmill.records.fields import FieldUnknown

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("synthmill_api")


@dataclass(frozen=True, slots=True)
class Kind:
    """What all problems of one code have in common."""

    status: int
    title: str
    hint: str


class Code(StrEnum):
    """What a program may decide by; codes are never renamed."""

    UNREADABLE_REQUEST = "unreadable_request"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    JOB_STATE = "job_state"
    SOURCE_IN_USE = "source_in_use"
    TOO_MANY_WEBHOOKS = "too_many_webhooks"
    KEY_ENDED = "key_ended"
    SOURCE_GONE = "source_gone"
    EXPORT_GONE = "export_gone"
    UPLOAD_STALLED = "upload_stalled"
    UPLOAD_OFFSET = "upload_offset"
    UPLOAD_EXPIRED = "upload_expired"
    UPLOAD_LOCKED = "upload_locked"
    TUS_VERSION = "tus_version"
    PIECE_MISMATCH = "piece_mismatch"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    INVALID_REQUEST = "invalid_request"
    RECIPE_INVALID = "recipe_invalid"
    INPUT_UNUSABLE = "input_unusable"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    UNKNOWN_FIELD = "unknown_field"
    COLUMNS_MISSING = "columns_missing"
    PRICE_UNKNOWN = "price_unknown"
    TOO_MANY_STREAMS = "too_many_streams"
    RATE_LIMITED = "rate_limited"
    UPLOAD_QUOTA = "upload_quota"
    JOBS_QUOTA = "jobs_quota"
    BUDGET_SPENT = "budget_spent"
    INTERNAL = "internal"
    BROKER_UNAVAILABLE = "broker_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    NO_PREFECT = "no_prefect"
    PREFECT_UNAVAILABLE = "prefect_unavailable"
    OBJECT_STORE_UNAVAILABLE = "object_store_unavailable"
    UNAVAILABLE = "unavailable"
    STORAGE_FULL = "storage_full"


_LATER = "Send the same request again after Retry-After seconds; nothing that was confirmed is lost."

KINDS: dict[Code, Kind] = {
    Code.UNREADABLE_REQUEST: Kind(400, "The request cannot be read", "Mend the request; it was not understood."),
    Code.UNAUTHENTICATED: Kind(401, "No valid key", "Send `Authorization: Bearer PREFIX.SECRET` with a live key."),
    Code.FORBIDDEN: Kind(403, "The key lacks a scope", "Use a key that has the scope, or have one made."),
    Code.NOT_FOUND: Kind(404, "Not found", "Check the id; the lists show what this key's tenant has."),
    Code.METHOD_NOT_ALLOWED: Kind(405, "No such method here", "/openapi.json lists what each path takes."),
    Code.CONFLICT: Kind(409, "Somebody else was faster", "Read the present state and decide anew."),
    Code.IDEMPOTENCY_KEY_REUSED: Kind(
        409, "The Idempotency-Key belongs to another request", "Send a new key with a new request."
    ),
    Code.KEY_ENDED: Kind(409, "The key has ended", "Make a new one with POST /v1/keys."),
    Code.JOB_STATE: Kind(409, "The job's state does not allow it", "GET the job to see where it stands."),
    Code.SOURCE_IN_USE: Kind(409, "A job needs the source", "Wait until the job is over, or cancel it."),
    Code.TOO_MANY_WEBHOOKS: Kind(409, "The tenant has too many webhooks", "Delete one that is not needed any more."),
    Code.SOURCE_GONE: Kind(410, "The source's file is gone", "Upload the file again; the source keeps its id."),
    Code.EXPORT_GONE: Kind(410, "The export's file is not there", "Order the export again; it keeps its id."),
    Code.UPLOAD_STALLED: Kind(408, "No more bytes came", "HEAD the upload, then go on from its Upload-Offset."),
    Code.UPLOAD_OFFSET: Kind(409, "The upload stands elsewhere", "HEAD it, then go on from its Upload-Offset."),
    Code.UPLOAD_EXPIRED: Kind(410, "The upload's time is over", "Create it again and send the file from its start."),
    Code.TUS_VERSION: Kind(412, "Another version of the protocol", "Send Tus-Resumable: 1.0.0."),
    Code.UPLOAD_LOCKED: Kind(423, "Another request writes to the upload", "Wait for it, HEAD the upload, then go on."),
    Code.PIECE_MISMATCH: Kind(460, "The piece has another checksum", "Send the same piece again."),
    Code.TOO_LARGE: Kind(413, "The body is too large", "Send less; the detail names the limit."),
    Code.UNSUPPORTED_MEDIA_TYPE: Kind(415, "Not this media type", "The detail names what is taken."),
    Code.RANGE_NOT_SATISFIABLE: Kind(
        416, "No such bytes", "Ask for bytes that the file has; the detail says how many."
    ),
    Code.INVALID_REQUEST: Kind(422, "The request has faults", "Mend what `faults` lists and send it again."),
    Code.RECIPE_INVALID: Kind(422, "The recipe has faults", "Mend what `faults` lists and send it again."),
    Code.INPUT_UNUSABLE: Kind(422, "The input cannot serve", "The detail says what is wrong with it."),
    Code.CHECKSUM_MISMATCH: Kind(422, "Other bytes than announced", "Send the file again."),
    Code.UNKNOWN_FIELD: Kind(422, "No such field in the records", "The detail lists the fields there are."),
    Code.PRICE_UNKNOWN: Kind(
        422, "Nobody says what a token costs", "Give model.price in the recipe, or cap max_tokens instead."
    ),
    Code.COLUMNS_MISSING: Kind(
        422, "The records do not fit the format", "Say which field plays which part; the detail names those needed."
    ),
    Code.TOO_MANY_STREAMS: Kind(
        429, "Too many open streams", "Close one, or come back after Retry-After seconds; nothing is missed meanwhile."
    ),
    Code.RATE_LIMITED: Kind(429, "Too many requests", "Come back after Retry-After seconds, and then more slowly."),
    Code.UPLOAD_QUOTA: Kind(
        429, "No more uploads for now", "Wait for the next day or month, or have the limit raised."
    ),
    Code.JOBS_QUOTA: Kind(429, "Too many running jobs", "Wait until one has ended, or pause or cancel one."),
    Code.BUDGET_SPENT: Kind(
        402, "The month's tokens or money are spent", "Have the tenant's limit raised, or wait for the next month."
    ),
    Code.INTERNAL: Kind(500, "An error that should not happen", "Try again; tell the operator if it stays."),
    Code.NO_PREFECT: Kind(
        501, "Runs and schedules are not set up here", "Tell the operator to set SYNTHMILL_PREFECT__URL and deploy."
    ),
    Code.PREFECT_UNAVAILABLE: Kind(503, "Prefect does not answer", _LATER),
    Code.BROKER_UNAVAILABLE: Kind(503, "The broker does not answer", _LATER),
    Code.STORE_UNAVAILABLE: Kind(503, "The record store does not answer", _LATER),
    Code.OBJECT_STORE_UNAVAILABLE: Kind(503, "The object store does not answer", _LATER),
    Code.UNAVAILABLE: Kind(503, "Not possible just now", _LATER),
    Code.STORAGE_FULL: Kind(507, "No space left", "Tell the operator to free some, then send it again."),
}

RETRIED = frozenset({429, 503})
"""Statuses after which the same request may be sent again, when Retry-After seconds have passed."""

ALWAYS = (
    Code.UNREADABLE_REQUEST,
    Code.UNAUTHENTICATED,
    Code.FORBIDDEN,
    Code.INVALID_REQUEST,
    Code.RATE_LIMITED,
    Code.INTERNAL,
    Code.STORE_UNAVAILABLE,
)
"""Codes that any guarded route may answer with."""


class FaultItem(BaseModel):
    """One thing to mend."""

    path: str = Field(description="where, e.g. columns[2].sampler.weights or query.limit; empty: the whole")
    message: str
    hint: str | None = None


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(description="`urn:synthmill:problem:` and the code")
    title: str
    status: int
    code: Code
    detail: str
    hint: str = Field(description="what to do about it")
    faults: list[FaultItem] = Field([], description="every fault at once, where the request has them")


class Refused(Exception):
    """An answer that is a problem; raised wherever it is found out."""

    def __init__(
        self, code: Code, detail: str, faults: Sequence[FaultItem] = (), *, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.faults = list(faults)
        self.retry_after = retry_after
        """Seconds until the same request may be granted, where that is known."""

    @property
    def kind(self) -> Kind:
        """Its status, title and hint."""
        return KINDS[self.code]

    def problem(self) -> Problem:
        """The body of the answer."""
        kind = self.kind
        return Problem(
            type=f"urn:synthmill:problem:{self.code}",
            title=kind.title,
            status=kind.status,
            code=self.code,
            detail=self.detail,
            hint=kind.hint,
            faults=self.faults,
        )


# In this order: a class stands before the one that it is derived from.
_CODES: tuple[tuple[type[SynthmillError], Code], ...] = (
    (JobMissing, Code.NOT_FOUND),
    (UploadMissing, Code.NOT_FOUND),
    (UploadTooLong, Code.TOO_LARGE),
    (UploadStalled, Code.UPLOAD_STALLED),
    (UploadLocked, Code.UPLOAD_LOCKED),
    (UploadExpired, Code.UPLOAD_EXPIRED),
    (WrongOffset, Code.UPLOAD_OFFSET),
    (PieceMismatch, Code.PIECE_MISMATCH),
    (SourceInUse, Code.SOURCE_IN_USE),
    (InputUnusable, Code.INPUT_UNUSABLE),
    (FieldUnknown, Code.UNKNOWN_FIELD),
    (ColumnsMissing, Code.COLUMNS_MISSING),
    (PriceUnknown, Code.PRICE_UNKNOWN),
    (UserError, Code.INVALID_REQUEST),
    (BrokerUnavailable, Code.BROKER_UNAVAILABLE),
    (StoreUnavailable, Code.STORE_UNAVAILABLE),
    (ObjectStoreUnavailable, Code.OBJECT_STORE_UNAVAILABLE),
    (Retriable, Code.UNAVAILABLE),
    (VersionConflict, Code.CONFLICT),
    (ObjectMissing, Code.SOURCE_GONE),
    (ChecksumMismatch, Code.CHECKSUM_MISMATCH),
    (BadKey, Code.INVALID_REQUEST),
    (StorageFull, Code.STORAGE_FULL),
)


_AWAY = {
    Code.BROKER_UNAVAILABLE: "the broker, which carries jobs to the workers, cannot be reached or did not confirm",
    Code.STORE_UNAVAILABLE: "the record store, which holds jobs and records, cannot be reached or is too busy",
    Code.OBJECT_STORE_UNAVAILABLE: "the object store, which holds uploaded files and exports, cannot be reached",
}
"""What a client is told of a part that is away. Its address and the library's words are for the log alone."""


def refusal_of(error: SynthmillError) -> Refused:
    """What a client is told about one of our errors."""
    if isinstance(error, RecipeInvalid):
        faults = [FaultItem(path=fault.path, message=fault.message, hint=fault.hint) for fault in error.faults]
        return Refused(Code.RECIPE_INVALID, f"{error.source} has {len(faults)} faults", faults)
    for class_, code in _CODES:
        if isinstance(error, class_):
            if code in _AWAY:
                _log.warning("an answer became 503 %s: %s", code, error)
            return Refused(code, _AWAY.get(code, str(error)))
    if error.retriable:
        return Refused(Code.UNAVAILABLE, str(error))
    _log.error("an answer became 500: %s", error, exc_info=error)
    return internal()


def internal() -> Refused:
    """What is told about an error that nobody foresaw: nothing but that it happened."""
    return Refused(Code.INTERNAL, "the request could not be served; the log of the service says why")
