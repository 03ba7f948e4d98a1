"""XML and HTML: by the root element and the namespaces, without a parser."""

import re
from typing import NamedTuple

from parsers.events import Standard


class Standing(NamedTuple):
    """What a text is: its standard, and the version as the standard writes it."""

    standard: Standard
    version: str | None = None


_NAME = r"[A-Za-z_][\w.-]*+"
_PROLOG = re.compile(
    r"(?>\s*+(?:<\?xml.*?\?>|<\?(?!php).*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*+(?:\[.*?\]\s*+)?>))*+\s*+",
    re.DOTALL | re.IGNORECASE,
)
_ROOT = re.compile(rf"<(?:(?P<prefix>{_NAME}):)?(?P<name>{_NAME})(?=[\s/><])")
_START_TAG = re.compile(
    r"<[\w.:-]++(?>\s++[\w.:-]++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+'))*+\s*+(?P<empty>/?)>\s*+",
)
_HTML_DOCTYPE = re.compile(r"(?:<!--.*?-->\s*+)?<!doctype\s++html", re.DOTALL | re.IGNORECASE)
_HTML_ROOTS = frozenset({"html", "head", "body", "title", "center", "h1", "meta", "script", "style", "div", "br", "hr"})
_ABOUT_MARKUP = frozenset({"schema", "stylesheet", "transform", "definitions"})
"""Roots of documents that describe others: they name namespaces without being of them."""

_MESSAGE = re.compile(
    r"xmlns(?::[\w.-]{1,40})?\s*+=\s*+[\"'][^\"'<>]{0,100}?\b(?P<message>[a-z]{4}\.\d{3}\.\d{3}\.\d{2})\b"
)
_HEADERS_OF_MESSAGES = ("head.", "nvlp.")
"""The business header and the envelope travel before a document, which is what the file is about."""

_WITHOUT_NAMESPACE = re.compile(r"<Document\b[^<]*+<[A-Z]\w{1,40}+[^<]*+<(?:GrpHdr|Assgnmt|MsgHdr)\b", re.ASCII)
_HL7_VERSION = re.compile(r"<(?:[\w.-]{1,40}:)?VID\.1\b[^<>]{0,200}>\s*+(\d\.\d(?:\.\d)?)\s*+<", re.ASCII)
_HL7_VERSION_WITHOUT_PARTS = re.compile(
    r"<MSH\.12(?:\.1)?\b[^<>]{0,200}>\s*+(?:<MSH\.12\.1>)?(\d\.\d(?:\.\d)?)\s*+<", re.ASCII
)


def markup(body: str, *, whole: bool) -> Standing | None:
    """What the markup is that a text begins with; None when it is none.

    Args:
        whole: the text is all of the file, so that its root element ends in it.
    """
    if not body.startswith("<"):
        return None
    if _HTML_DOCTYPE.match(body):
        return Standing("html")
    at = _PROLOG.match(body).end()  # type: ignore[union-attr]  # It matches nothing, too.
    root = _ROOT.match(body, at)
    declared = body.startswith("<?xml") or "<!DOCTYPE" in body[:at]
    if root is not None:
        if _HTML_DOCTYPE.search(body, 0, at) or root["name"].lower() in _HTML_ROOTS:
            return Standing("html")
        if standing := _business(body, root["name"]):
            return standing
        declared = declared or _is_element(body, root, whole=whole)
    return Standing("xml") if declared else None


def business_markup(body: str) -> Standing | None:
    """The same, only for what is business data."""
    standing = markup(body, whole=True)
    return standing if standing and standing.standard in {"iso20022", "hl7-xml"} else None


def _business(body: str, root: str) -> Standing | None:
    if root in _ABOUT_MARKUP:
        return None
    if "urn:hl7-org:v2xml" in body or "<MSH.1>" in body or ":MSH.1>" in body or "<MSH.1 " in body:
        version = _HL7_VERSION.search(body) or _HL7_VERSION_WITHOUT_PARTS.search(body)
        return Standing("hl7-xml", version[1] if version else None)
    messages = [found["message"] for found in _MESSAGE.finditer(body)]
    if messages:
        documents = (name for name in messages if not name.startswith(_HEADERS_OF_MESSAGES))
        return Standing("iso20022", next(documents, messages[0]))
    return Standing("iso20022") if _WITHOUT_NAMESPACE.search(body, 0, 4096) else None


def _is_element(body: str, root: re.Match[str], *, whole: bool) -> bool:
    """A start tag that is well formed, and ends: or goes on beyond of what is seen."""
    tag = _START_TAG.match(body, root.start())
    if tag is None:
        return False
    if tag["empty"]:
        return tag.end() == len(body) or body.startswith("<", tag.end())
    name = body[root.start() + 1 : root.end()]
    return f"</{name}" in body or (not whole and body.startswith("<", tag.end()))
