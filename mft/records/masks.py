"""What is shown of a value that tells of a person: by its class, in DuckDB's SQL and in Python alike.

Names, addresses, numbers to call, free text and what is said of health are `***`; a date is the first of January of its
year; a number that stands for somebody is a token, the same for the same value as long as the salt is the same, so that
records still join and group. What is of no class that we know is `***`.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from parsers.canonical.catalogue import BY_SCHEMA
from parsers.canonical.fields import (
    BY_SCHEME,
    OPEN_CLASSES,
    PERSONAL_CLASSES,
    SCHEME_CLASSES,
    Field,
    fields_of,
    scheme_class,
)
from parsers.canonical.upcasts import upcast

Mask = Literal["shown", "stars", "year", "token", "by scheme"]

STARS: Final = "***"
_TOKENS: Final = frozenset({"SSN", "MRN", "MEMBER_ID", "ACCOUNT", "CLAIM_NO", "LICENSE", "OTHER_ID"})
_DIGITS: Final = 10
_YEAR: Final = re.compile(r"\d{4}")
_YEAR_OF_TEXT: Final = re.compile(r"\d{4}-\d\d")
"""An hour of a day, "1430", is no year."""


def mask_of(data_class: str) -> Mask:
    """How values of a class are shown to whoever has not asked to see them."""
    if data_class in OPEN_CLASSES:
        return "shown"
    if data_class == BY_SCHEME:
        return "by scheme"
    if data_class == "DATE":
        return "year"
    return "token" if data_class in _TOKENS & PERSONAL_CLASSES else "stars"


def masked_sql(value: str, holds: str, mask: Mask, *, salt: str, scheme: str = "") -> str:
    """An expression over a value as it stands in the record; NULL stays NULL.

    Args:
        value: an expression of text (of BIGINT or BOOLEAN where that is what it holds).
        scheme: an expression of the scheme that the value is of, for `by scheme`.
    """
    match mask:
        case "shown":
            return typed_sql(value, holds)
        case "year" if holds in {"day", "moment"}:
            kind = "DATE" if holds == "day" else "TIMESTAMP"
            return f"CAST(date_trunc('year', {typed_sql(value, holds)}) AS {kind})"
        case "year" if holds == "text":
            year = f"regexp_extract({value}, '^([0-9]{{4}})-[0-9]{{2}}', 1)"
            return f"CASE WHEN {value} IS NULL THEN NULL WHEN {year} = '' THEN '{STARS}' ELSE {year} || '-01-01' END"
        case "token":
            return f"('~' || left(sha256('{salt}' || CAST({value} AS VARCHAR)), {_DIGITS}))"
        case "by scheme":
            cases: dict[Mask, list[str]] = {}
            for name in SCHEME_CLASSES:
                cases.setdefault(mask_of(scheme_class(name)), []).append(name)
            other = mask_of(scheme_class(""))
            whens = "".join(
                f" WHEN {scheme} IN ({', '.join(map(literal, names))}) THEN {masked_sql(value, holds, one, salt=salt)}"
                for one, names in cases.items()
                if one != other
            )
            return f"CASE{whens} ELSE {masked_sql(value, holds, other, salt=salt)} END"
        case _:
            return f"CASE WHEN {value} IS NOT NULL THEN '{STARS}' END"


def typed_sql(value: str, holds: str) -> str:
    """Text as the value that it tells of; NULL where it tells of none."""
    kinds = {"decimal": "DECIMAL(28, 6)", "day": "DATE", "moment": "TIMESTAMP"}
    return f"TRY_CAST({value} AS {kinds[holds]})" if holds in kinds else value


def literal(text: str) -> str:
    """Text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def masked_record(record: Mapping[str, Any], struct: type[msgspec.Struct], salt: str) -> dict[str, Any]:
    """A record, or a part of one, as JSON has it, masked the same way; also what its type does not have is masked."""
    fields = fields_of(struct)
    tag = struct.__struct_config__.tag_field
    return {
        name: value if name == tag else _masked(value, fields.get(name), record, salt) for name, value in record.items()
    }


def _masked(value: Any, field: Field | None, record: Mapping[str, Any], salt: str) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_masked(one, field, record, salt) for one in value]
    if field is None:
        return STARS
    if field.struct is not None:
        return masked_record(value, field.struct, salt) if isinstance(value, dict) else STARS
    data_class = field.data_class
    if data_class == BY_SCHEME:
        data_class = scheme_class(str(record.get("scheme") or ""))
    match mask_of(data_class):
        case "shown":
            return value
        case "year":
            found = (_YEAR_OF_TEXT if field.holds == "text" else _YEAR).match(str(value))
            return f"{found[0][:4]}-01-01" if found else STARS
        case "token":
            return "~" + hashlib.sha256(f"{salt}{value}".encode()).hexdigest()[:_DIGITS]
        case _:
            return STARS


def masked_lines(chunks: Iterable[bytes], salt: str) -> Iterator[bytes]:
    """NDJSON of records, each of them masked; older ones as they are today, since masks go by today's types."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            record = upcast(msgspec.json.decode(line))
            yield msgspec.json.encode(masked_record(record, BY_SCHEMA[record["schema"]], salt)) + b"\n"
