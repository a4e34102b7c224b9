"""The errors of synthmill; each carries its decision: an exit code, whether a retry can help, and what to do.

SynthmillError
├── UserError              the caller can mend it
│   ├── RecipeInvalid      all faults of a recipe at once, see `synthmill.recipes.errors`
│   ├── InputUnusable      a source that cannot be read
│   └── JobMissing
├── Retriable              the same call may succeed later
│   ├── BrokerUnavailable
│   ├── StoreUnavailable
│   └── ObjectStoreUnavailable
├── VersionConflict        somebody else was first: read again and decide anew
├── ObjectMissing
├── ChecksumMismatch
├── BadKey
└── StorageFull            free space, then resume
"""

from typing import ClassVar


class SynthmillError(Exception):
    """Base; the text says what happened and what to do."""

    exit_code: ClassVar[int] = 1
    retriable: ClassVar[bool] = False


class UserError(SynthmillError):
    """The caller can mend it."""

    exit_code: ClassVar[int] = 2


class InputUnusable(UserError):
    """A source that cannot be read."""


class JobMissing(UserError):
    """No such job here."""


class Retriable(SynthmillError):
    """The same call may succeed later."""

    exit_code: ClassVar[int] = 75  # EX_TEMPFAIL of sysexits.h
    retriable: ClassVar[bool] = True


class BrokerUnavailable(Retriable):
    """The broker did not answer, or did not confirm."""


class StoreUnavailable(Retriable):
    """The record store did not answer."""


class ObjectStoreUnavailable(Retriable):
    """The object store did not answer."""


class VersionConflict(SynthmillError):
    """The document changed since it was read."""


class ObjectMissing(SynthmillError):
    """No object under this key."""


class ChecksumMismatch(SynthmillError):
    """The bytes are not those that were announced."""


class ExportFailed(SynthmillError):
    """The worker could not write the file; the text says why."""


class BadKey(SynthmillError):
    """Not a usable object key."""


class StorageFull(SynthmillError):
    """No space left; nothing that was confirmed is lost."""

    exit_code: ClassVar[int] = 74  # EX_IOERR of sysexits.h
