"""What of a feed's files is unwrapped, how far, and whose signatures count. Pure data."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Wrap = Literal["gzip", "zip", "pgp"]


class Unwrap(BaseModel):
    """Keys of a feed's `unwrap`; `true` means all of them as they are here.

    `members_max` and `bytes_max` are of everything that comes out of one file, through all wrappings in each other;
    `ratio_max` is bytes that come out to bytes that went in, of each member, each wrapping and the whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow: Annotated[tuple[Wrap, ...], Field(min_length=1)] = ("gzip", "zip", "pgp")
    depth: Annotated[int, Field(ge=1, le=16)] = 3
    members_max: Annotated[int, Field(ge=1, le=10_000)] = 1000
    bytes_max: Annotated[int, Field(ge=1)] = 2 << 30
    ratio_max: Annotated[int, Field(ge=1)] = 200


def _all_or_nothing(value: Any) -> Any:
    return {True: Unwrap(), False: None}[value] if isinstance(value, bool) else value


UnwrapOrNot = Annotated[Unwrap | None, BeforeValidator(_all_or_nothing, json_schema_input_type=Unwrap | bool | None)]

Fingerprint = Annotated[
    str,
    BeforeValidator(lambda value: value.replace(" ", "").upper() if isinstance(value, str) else value),
    StringConstraints(pattern=r"^([0-9A-F]{40}|[0-9A-F]{64})$"),
]


class Pgp(BaseModel):
    """Keys of `[feeds.pgp]`. `signed_by` are whole fingerprints of keys: a message must bear the signature of one.

    Without any, signatures are not looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    signed_by: tuple[Fingerprint, ...] = ()
