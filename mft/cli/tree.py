"""The lossless level as lines: of a tree for people, of JSON for programs. Every byte of the file is in one of them."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from parsers.events import (
    Finished,
    GroupClosed,
    GroupOpened,
    Identified,
    InterchangeClosed,
    InterchangeOpened,
    SetClosed,
    SetOpened,
)
from parsers.findings import Finding
from parsers.segments import Item, LoopClosed, LoopOpened, Raw, Segments
from parsers.text import whole

_NAMES: Final = {
    Identified: "identified",
    InterchangeOpened: "interchange",
    InterchangeClosed: "interchange-end",
    GroupOpened: "group",
    GroupClosed: "group-end",
    SetOpened: "set",
    SetClosed: "set-end",
    LoopOpened: "loop",
    LoopClosed: "loop-end",
    Finding: "finding",
    Finished: "finished",
}
_ONLY_OF_RECORDS: Final = ("records", "record_schema", "map_version")
_WIDTH: Final = 160

_encode = msgspec.json.Encoder().encode


def json_lines(items: Iterable[Item]) -> Iterator[bytes]:
    """An object for each event, segment and stretch of raw bytes, as docs/standards/README.md describes them."""
    for item in items:
        if isinstance(item, Segments):
            yield b"".join(_encode(segment) + b"\n" for segment in _segments(item))
        elif isinstance(item, Raw):
            yield _encode(_raw(item)) + b"\n"
        else:
            yield _encode(_event(item)) + b"\n"


def _segments(segments: Segments) -> Iterator[dict[str, Any]]:
    offsets, tag = segments.offsets, segments.syntax.tag
    for index, text in enumerate(segments.texts):
        yield {
            "event": "segment",
            "tag": whole(tag(text)),
            "set": segments.set,
            "path": segments.path,
            "position": segments.position + index,
            "offset": offsets[index],
            "end": offsets[index + 1],
            "elements": segments.elements(index),
        }


def _raw(raw: Raw) -> dict[str, Any]:
    return {
        "event": "raw",
        "kind": raw.kind,
        "segment": whole(raw.segment) if raw.segment else None,
        "set": raw.set,
        "path": raw.path,
        "position": raw.position,
        "offset": raw.offset,
        "end": raw.end,
    }


def _event(item: Item) -> dict[str, Any]:
    told = msgspec.to_builtins(item)
    if isinstance(told, list):  # Events travel as arrays between processes; here their fields have names.
        told = {name: getattr(item, name) for name in item.__struct_fields__}  # type: ignore[union-attr]
    kept = {name: value for name, value in told.items() if name not in _ONLY_OF_RECORDS}
    return {"event": _NAMES[type(item)], **kept}


def text_lines(items: Iterable[Item]) -> Iterator[bytes]:
    """An outline: byte, what opens, and each segment as it was sent; long ones are cut short."""
    depth = 0
    for item in items:
        match item:
            case Segments():
                for offset, text in zip(item.offsets, item.characters, strict=False):
                    yield _line(offset, depth, _shown(text))
            case Raw():
                yield _line(item.offset, depth, f"({item.kind}: {item.end - item.offset:,} bytes)")
            case InterchangeOpened():
                yield _line(item.offset, depth, f"interchange {item.index}: {item.standard} {item.version or ''}")
                depth += 1
            case GroupOpened():
                yield _line(item.offset, depth, f"group {item.index}: {item.functional_id or ''} {item.version or ''}")
                depth += 1
            case SetOpened():
                yield _line(item.offset, depth, f"set {item.index}: {item.set or '?'} {item.version or ''}")
                depth += 1
            case LoopOpened():
                yield _line(item.offset, depth, f"loop {item.code or ''}")
                depth += 1
            case InterchangeClosed() | GroupClosed() | SetClosed():
                depth -= 1
                if item.verdict != "accepted":
                    yield _line(item.end_offset, depth, f"^ {item.verdict}")
            case LoopClosed():
                depth -= 1
            case Finding():
                yield _line(item.offset, depth, f"! {item.severity}: {item.message}")
            case Finished() if item.reason:
                yield _line(item.size_bytes, depth, f"{item.outcome}: {item.reason}")
            case _:
                pass


def _line(offset: int | None, depth: int, text: str) -> bytes:
    return f"{offset if offset is not None else '':>10}  {'  ' * depth}{text.rstrip()}\n".encode(errors="replace")


def _shown(text: str) -> str:
    """On one line, and without what could play tricks on a terminal."""
    cut = text[:_WIDTH] + ("…" if len(text) > _WIDTH else "")
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in cut)
