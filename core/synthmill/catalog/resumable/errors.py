"""Why a piece of an upload is not taken; each says how to go on."""

from synthmill.errors import ChecksumMismatch, Retriable, SynthmillError, UserError


class UploadMissing(UserError):
    """No such upload of this tenant, or not any more."""


class UploadExpired(SynthmillError):
    """Its time is over; begin again."""


class UploadLocked(SynthmillError):
    """Another request is writing to it."""

    retriable = True


class WrongOffset(SynthmillError):
    """The piece does not begin where the upload stands."""


class UploadTooLong(UserError):
    """More bytes than were announced."""


class UploadStalled(Retriable):
    """No byte came for so long that the request was ended."""


class PieceMismatch(ChecksumMismatch):
    """The bytes of this request are not those of its checksum; none of them is kept."""
