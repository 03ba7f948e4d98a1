"""Names with fields in braces, `{stem}.{kind}`: checked when a file of the configuration is read, filled in later."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_NAME_BYTES_MAX: Final = 255


def check_template(template: str, fields: Sequence[str]) -> str:
    """Raises ValueError: a field that there is none of, a brace without its other, or nothing that names a file."""
    rest = _FIELD.sub("", template)
    if unknown := [field for field in _FIELD.findall(template) if field not in fields]:
        raise ValueError(f"there is no field {{{unknown[0]}}}; there are {', '.join(fields)}")
    if "{" in rest or "}" in rest:
        raise ValueError("a brace is not closed; fields are written {name}")
    if "/" in rest or not rest.isprintable() or template in {".", ".."}:
        raise ValueError("this is no file name: leave out slashes and control characters")
    return template


def fill(template: str, fields: Mapping[str, bytes]) -> bytes:
    """A name; `fields` has all that the template may name. Of one that is too long the end is kept."""
    parts = _FIELD.split(template)
    name = b"".join(fields[part] if nth % 2 else part.encode() for nth, part in enumerate(parts))
    return name[-_NAME_BYTES_MAX:]


def plain(text: str | None) -> bytes:
    """A word of a file as part of a name: of what could be anything, letters, digits and dashes are left."""
    return "".join(c for c in text or "" if c.isascii() and (c.isalnum() or c == "-")).encode() or b"0"
