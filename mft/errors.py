"""What can go wrong, by kind. Knows no protocol: each door owns one table from kind to wire code.

A message names a place and what to do, never a value out of a partner's file. `code` is stable and dotted;
scripts and documents refer to it.
"""

from typing import ClassVar


class MFTError(Exception):
    """Root of everything that mft raises on purpose."""

    code: ClassVar[str] = "mft"


class Refused(MFTError):
    """Somebody may not do what they asked for."""

    code = "refused"


class NotAllowed(Refused):
    code = "refused.not-allowed"


class NotSupported(Refused):
    """The request is well-formed, and we do not do this; the message says what to do instead."""

    code = "refused.not-supported"


class QuotaExceeded(Refused):
    """A partner has sent as much as was agreed; the message says when there is room again."""

    code = "refused.quota-exceeded"


class BadConfig(Refused):
    """A configuration file says something we cannot follow; the message has file, line and remedy."""

    code = "refused.bad-config"


class HomeInUse(Refused):
    code = "refused.home-in-use"


class Malformed(MFTError):
    """Something is not what it claims to be."""

    code = "malformed"


class UnsealFailed(Malformed):
    """Sealed bytes, a wrapped key or a signature did not verify: altered, truncated, or another object's."""

    code = "malformed.unseal-failed"


class ProtocolViolation(Malformed):
    code = "malformed.protocol-violation"


class NotWhole(Malformed):
    """Bytes of an upload are missing; what is there is kept, to be resumed."""

    code = "malformed.not-whole"


class BadBackup(Malformed):
    """A backup is damaged, altered or not whole; the message says what of it."""

    code = "malformed.bad-backup"


class Duplicate(MFTError):
    """Seen before."""

    code = "duplicate"


class NameTaken(Duplicate):
    code = "duplicate.name-taken"


class Missing(MFTError):
    """No such transfer, name, key or home."""

    code = "missing"


class Busy(MFTError):
    """Later: the only kind that anyone retries."""

    code = "busy"


class StageConflict(Busy):
    """Another runner moved the transfer first."""

    code = "busy.stage-conflict"


class NoSpace(Busy):
    """The disk or quota is full: this request fails, the door stays open."""

    code = "busy.no-space"


class Broken(MFTError):
    """Our disk or our books: the process stops with exit code 4, and a restart reconciles."""

    code = "broken"


class SyncFailed(Broken):
    """An fsync or a commit failed. Never retried: the kernel may already have dropped the pages."""

    code = "broken.sync-failed"


class FileGone(Broken):
    """The file of a sealed object is not in the vault."""

    code = "broken.file-gone"


class AuditMismatch(Broken):
    code = "broken.audit-mismatch"
