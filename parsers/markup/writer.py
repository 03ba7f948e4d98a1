"""XML out of nested values: escaped, in a namespace, indented or not."""

import re
from collections.abc import Iterator, Mapping, Sequence

Nested = str | Mapping[str, "Nested"] | Sequence["Nested"]
"""An element's content by name: a text; what stands in it, where "@Ccy" is an attribute and "#text" the text beside
attributes; or a list, for an element that is repeated."""

TEXT = "#text"

_NAME = re.compile(r"[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?", re.ASCII)
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE_ESCAPES = str.maketrans({
    "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;",
})  # fmt: skip
_BLANK = " \t\r\n"


def is_name(text: str) -> bool:
    """An element may be called so. XML allows letters of every script; no standard uses them."""
    return _NAME.fullmatch(text) is not None


def lines(name: str, content: Nested, *, indent: str = "", prefix: str = "", path: str = "") -> Iterator[str]:
    """The lines of an element without their line breaks, or, without an indent, what goes on one.

    Args:
        prefix: of every element, with its colon.

    Raises:
        ValueError: a name is none, or a value holds what XML cannot carry.
    """
    if not isinstance(content, str | Mapping):
        for one in content:
            yield from lines(name, one, indent=indent, prefix=prefix, path=path)
        return
    path = f"{path}/{name}"
    if not is_name(name):
        raise ValueError(f"{path} is no name of an element")
    tag = prefix + name
    inside = {TEXT: content} if isinstance(content, str) else content
    attributes = "".join(
        f' {key[1:]}="{_attribute(value, f"{path}/{key}")}"' for key, value in inside.items() if key[:1] == "@"
    )
    children = [(key, value) for key, value in inside.items() if key[:1] not in {"@", "#"}]
    text = _text(inside.get(TEXT, ""), path)
    if children and text:
        raise ValueError(f"{path} has text beside elements")
    if not children:
        yield f"<{tag}{attributes}>{text}</{tag}>" if text else f"<{tag}{attributes}/>"
        return
    yield f"<{tag}{attributes}>"
    for key, value in children:
        for line in lines(key, value, indent=indent, prefix=prefix, path=path):
            yield indent + line
    yield f"</{tag}>"


def document(root: Sequence[str], *, indent: str, line_break: str, encoding: str) -> bytes:
    """The lines of a root element as a file, with its declaration. What the encoding lacks goes as a reference."""
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    between = line_break if indent else ""
    return (declaration + line_break + between.join(root) + line_break).encode(encoding, "xmlcharrefreplace")


def _attribute(value: Nested, path: str) -> str:
    if not is_name(path.rpartition("/@")[2]):
        raise ValueError(f"{path} is no name of an attribute")
    if not isinstance(value, str):
        raise ValueError(f"{path} is an attribute and has only text")  # noqa: TRY004  one kind for all that cannot go
    return _carried(value, path).translate(_ATTRIBUTE_ESCAPES)


def _text(value: Nested, path: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{path} has text that is none")  # noqa: TRY004  one kind for all that cannot go
    if value and not value.strip(_BLANK):  # Between tags, blanks are taken for an indent.
        return "".join(f"&#{ord(blank)};" for blank in value)
    return _carried(value, path).translate(_ESCAPES)


def _carried(value: str, path: str) -> str:
    if _NOT_ALLOWED.search(value):
        raise ValueError(f"{path} has a character that XML cannot carry")
    return value
