"""What the errors of S3 and of the way there mean, and what to do about each."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from minio.error import MinioException, S3Error, ServerError

from synthmill.errors import BadKey, ObjectMissing, ObjectStoreUnavailable, StorageFull, UserError

_MISSING = {"NoSuchKey", "NoSuchObject", "ResourceNotFound", "NoSuchVersion"}
_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"}
_BAD_KEY = {"XMinioInvalidObjectName", "XMinioParentIsObject", "KeyTooLongError", "XMinioObjectExistsAsDirectory"}
_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch"}
_REGION = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "InvalidRegion", "PermanentRedirect"}
_USE_REGION = "use region"  # minio-py's own words for what a refused HEAD tells in its headers
_PLAIN_HTTP = ("wrong version number", "record layer failure", "unknown protocol")
_HTTPS_EXPECTED = "HTTP request to an HTTPS server"


@contextmanager
def errors_told(key: str) -> Iterator[None]:
    """Whatever the library raises, as one of our errors; `key` is what was asked for."""
    try:
        yield
    except S3Error as error:
        raise _of_server(key, error) from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise _of_way(key, error) from error


def _of_server(key: str, error: S3Error) -> Exception:
    code, told = error.code, f"{error.code}: {error.message}"
    if code in _MISSING:
        return ObjectMissing(f"no object under {key}: it was never stored, or is deleted")
    if code in _FULL:
        return StorageFull(f"no space left to store {key}: free some, then send it again")
    if code in _BAD_KEY:
        return BadKey(f"object key {key!r} is refused by the object store: {error.message}")
    if code in _KEYS:
        return UserError(
            f"the object store refuses its keys ({told}): check SYNTHMILL_MINIO__ACCESS_KEY and "
            "SYNTHMILL_MINIO__SECRET_KEY"
        )
    if code in _REGION or _USE_REGION in (error.message or ""):
        return UserError(f"the object store is in another region ({told}): set SYNTHMILL_MINIO__REGION to its own")
    if code == "BadRequest":  # all that is left of an answer to plain HTTP where TLS is spoken
        return UserError(
            f"the object store does not understand the request for {key}: if it wants TLS at this endpoint, set "
            "SYNTHMILL_MINIO__TLS=true; else check SYNTHMILL_MINIO__ENDPOINT"
        )
    if code == "AccessDenied":
        return UserError(
            f"the object store denies {key}: check SYNTHMILL_MINIO__SECRET_KEY, and give the user of "
            "SYNTHMILL_MINIO__ACCESS_KEY the right to read, write, list and delete in SYNTHMILL_MINIO__BUCKET"
        )
    return ObjectStoreUnavailable(f"the object store did not serve {key}: {told}")


def _of_way(key: str, error: Exception) -> Exception:
    fault = _tls_fault(error)
    if fault is not None:
        text = str(fault)
        if isinstance(fault, ssl.SSLCertVerificationError):
            return UserError(
                f"the certificate of the object store is not trusted ({fault.verify_message}): name the file of its "
                "certificate authority in SYNTHMILL_MINIO__CA_FILE, and the host by a name that is in the certificate"
            )
        if any(words in text.lower().replace("_", " ") for words in _PLAIN_HTTP):
            return UserError("the object store speaks no TLS at this endpoint: set SYNTHMILL_MINIO__TLS=false")
    if _expects_tls(error):
        return UserError("the object store wants TLS at this endpoint: set SYNTHMILL_MINIO__TLS=true")
    return ObjectStoreUnavailable(f"the object store did not serve {key}: {error}")


def _tls_fault(error: BaseException) -> ssl.SSLError | None:
    """The TLS library's own error, which urllib3 wraps several times."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ssl.SSLError):
            return each
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return None


def _expects_tls(error: Exception) -> bool:
    if isinstance(error, ServerError) and error.status_code not in (400, 426):
        return False
    return _HTTPS_EXPECTED in str(error)
