"""What is announced, as documents for consumers: JSON Schemas, an AsyncAPI document, a page; out of `mft.events`.

Spec: JSON Schema 2020-12; AsyncAPI 3.0.0; CloudEvents 1.0.2, JSON event format.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

from mft.events import CATALOGUE, Event, KeyExpiring, UploadStalled

Schema = dict[str, Any]
_IDS: Final = "^[0-9a-z]{26}$"
_ENVELOPE: Final[dict[str, Schema]] = {
    "specversion": {"const": "1.0", "description": "CloudEvents' version."},
    "id": {
        "type": "string",
        "pattern": _IDS,
        "description": "Of this event for ever: what comes twice comes under the same id.",
    },
    "source": {"type": "string", "pattern": "^urn:mft:[0-9a-z]{26}$", "description": "The installation."},
    "type": {"const": "", "description": "What happened; its end is the version."},
    "subject": {"type": "string", "description": "What it happened to: see each event."},
    "time": {"type": "string", "format": "date-time", "description": "When, in UTC."},
    "datacontenttype": {"const": "application/json", "description": "Of `data`."},
}
"""What `Journal.announce` says first of every event; then come attributes of the event itself."""
_BEHIND: Final[dict[str, Schema]] = {
    "node": {"type": "string", "description": "The machine that announced it."},
    "replay": {"type": "boolean", "description": "Only of what an operator let go once more: true."},
}
_ATTRIBUTES: Final = ("partner", "standard", "usage")


def data_schema(event: type[Event]) -> Schema:
    """The `data` of an event."""
    told = _told(event)
    within = {name: one for name, (one, _) in sorted(told.items()) if name not in {event.about, *_ATTRIBUTES}}
    return {"type": "object", "properties": within, "required": [name for name in within if told[name][1]]}


def _told(event: type[Event]) -> dict[str, tuple[Schema, bool]]:
    """Of each field of the class its schema, and whether it is always there."""
    hints = get_type_hints(event, include_extras=True)
    return {field.name: (_kind(hints[field.name]), field.default is MISSING) for field in fields(event)}


def _kind(hint: Any) -> Schema:
    """The schema of a Python type."""
    if get_origin(hint) is Annotated:
        inner, said = get_args(hint)
        return {**_kind(inner), "description": said}
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (one for one in get_args(hint) if one is not NoneType)
        return _kind(inner)
    if get_origin(hint) is tuple:
        return {"type": "array", "items": {"type": "object"}}
    return {"type": {str: "string", int: "integer", bool: "boolean"}[hint]}


def schema(event: type[Event]) -> Schema:
    """The whole CloudEvent. More properties than these may come with a newer mft: consumers pass over them."""
    told = _told(event)
    about, _ = told[event.about]
    attributes = {name: told[name][0] for name in _ATTRIBUTES}
    properties = {**_ENVELOPE, **attributes, **_BEHIND, "data": data_schema(event)}
    properties["type"] = {**_ENVELOPE["type"], "const": event.type}
    properties["subject"] = {**about, "title": event.about}
    optional = {"replay", *(name for name in _ATTRIBUTES if not told[name][1])}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mft:event:{event.type}",
        "title": event.type,
        "description": words(event),
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def words(event: type[Event]) -> str:
    """When it comes, as a paragraph."""
    return re.sub(r"\s+", " ", cleandoc(event.__doc__ or "")).strip()


def asyncapi() -> Schema:
    """The AsyncAPI 3.0.0 document of all events, in CloudEvents' structured form."""
    messages = {
        event.type: {
            "name": event.type,
            "title": event.__name__,
            "summary": words(event),
            "contentType": "application/cloudevents+json",
            "payload": {key: value for key, value in schema(event).items() if key not in {"$schema", "$id"}},
        }
        for event in CATALOGUE
    }
    here = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    there = [{"$ref": f"#/channels/events/messages/{name}"} for name in messages]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "mft events",
            "version": "1",
            "description": "What mft announces, at least once, in order for each partner, under an id that never "
            "changes. Fields are only added; what would break a consumer gets a new type beside the old one.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            "events": {
                "address": None,
                "description": "Wherever a sink leads: a queue, a stream, a topic, a web server, a file.",
                "messages": here,
            }
        },
        "operations": {"announce": {"action": "send", "channel": {"$ref": "#/channels/events"}, "messages": there}},
        "components": {"messages": messages},
    }


_MADE_UP: Final[dict[str, Any]] = {
    "ack": "01m8283ew4a5c2n7h4v9b3x6tq",
    "connection": "01m8283ew4k2j5h8g1f4d7s0a3",
    "control_number": "000000042",
    "days_left": 7,
    "delivery": "01m8283ew4d6w1z8r5y2m9p4kc",
    "duplicate_of": "01m7zq0d1rb4h8t2v6n3c9x5wj",
    "error": "disk-full",
    "findings": 0,
    "folder": "/outbound",
    "given_up": False,
    "interchange": 1,
    "interchanges": 1,
    "key": "SHA256:2VvV3oW9oyT0nX5l9sR1cX7q2y6dUuFfYzq0mE3bJpA",
    "kinds": "997",
    "name": "orders-850.edi",
    "opaque": False,
    "record_schema": "purchase-order/2",
    "records": 1,
    "ref": "mft:/transfers/01m8283ew4t3v8k2m6p1q0r9sd/records/1@850-2",
    "repeated": False,
    "route": "orders",
    "set": "850",
    "set_number": 1,
    "sets": 2,
    "sets_accepted": 2,
    "sets_rejected": 0,
    "size_bytes": 1295,
    "target": "/srv/erp/orders",
    "transfer": "01m8283ew4t3v8k2m6p1q0r9sd",
    "use": "ssh",
    "verdict": "accepted",
}
_MADE_UP_OF: Final[dict[str, dict[str, Any]]] = {
    "mft.transfer.held.v1": {"stage": "held", "reason": "nobody has agreed on sets 850 with this sender"},
    "mft.transfer.incomplete.v1": {"reason": "the file ends before its trailer IEA"},
    "mft.transfer.rejected.v1": {
        "sets_rejected": 1,
        "reason": "SE01 does not say how many segments there are: we counted 95.",
    },
    "mft.transfer.quarantined.v1": {"reason": "the parser did not come to an end in time"},
    "mft.ack.sent.v1": {"name": "orders-850.edi.997"},
    "mft.upload.stalled.v1": {"stage": "partial", "size_bytes": 512},
}


def example(event: type[Event]) -> dict[str, Any]:
    """An event with made-up values; what is rare in it is left out."""
    told, values = schema(event), {**_MADE_UP, **_MADE_UP_OF.get(event.type, {})}
    read = event not in {UploadStalled, KeyExpiring}
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": "01m8283ew4q6fb2n0k7x9t5zrd",
        "source": "urn:mft:01m8283ew4y7n5r1t0bq2c3d4e",
        "type": event.type,
        "subject": values[event.about],
        "time": "2026-03-01T09:30:00.000125Z",
        "datacontenttype": "application/json",
        "partner": "acme",
        **({"standard": "x12", "usage": "P"} if read else {}),
        "node": "edi1",
    }
    within = told["properties"]["data"]
    made["data"] = {name: values[name] for name in within["properties"] if name in values}
    return made


_PREFACE: Final = """\
# Every event
Made out of the code by `python -m mft.event_catalogue docs`. The same as an AsyncAPI 3.0 document:
[schema/events.asyncapi.json](schema/events.asyncapi.json); one JSON Schema for each type: `schema/events/`. An
installed mft writes both: `mft events catalogue --asyncapi`, `mft events catalogue --schema mft.records.ready.v1`.
How events leave, and what is promised of their delivery: [events.md](events.md).

## What consumers may rely on
- What stands here stays: no type and no field goes away, none changes its type or what it means, and what is always
  there stays so. `tests/event_promises.json` has what was promised; a test refuses a change that takes any of it
  back.
- Types and fields are added. Pass over types and fields that you do not know.
- Where words are listed ("accepted, partial, rejected"), more may come: schemas leave them open, and a consumer
  should do something sensible with a word that it does not know. What a word means stays.
- What would break a consumer becomes a new type, `….v2`. Both are announced, each under an id of its own, for 12
  months at least from the release whose notes tell of it; subscribe to one of the two.
- An event may come twice under one `id`; one that an operator lets go once more says `"replay": true`. Nothing else
  in it is new, but for inline records, which may have been erased in between.
- Documents and schemas are of the structured form, as JSON. With `format = "binary"` attributes are headers, and the
  body is what stands here as `data`.

## What all of them say
"""


def _rows(properties: Schema, always: set[str]) -> Iterator[str]:
    for name, one in properties.items():
        form = f"`{one['const']}`" if one.get("const") else one.get("type", "string")
        yield f"| `{name}` | {form}{'' if name in always else ', or absent'} | {one['description']} |"


def page() -> str:
    """docs/event-catalogue.md."""
    lines = _PREFACE.splitlines()
    common = {**schema(CATALOGUE[0])["properties"], **{name: _ENVELOPE[name] for name in ("type", "subject")}}
    always = set.intersection(*(set(schema(event)["required"]) for event in CATALOGUE))
    lines += ["| attribute | | |", "| --- | --- | --- |"]
    lines += _rows({name: one for name, one in common.items() if name != "data"}, always)
    lines.append("")
    for event in CATALOGUE:
        told = schema(event)
        within = told["properties"]["data"]
        lines += [
            f"## {event.type}",
            words(event),
            "",
            f"`subject`: {told['properties']['subject']['description']}",
            "",
        ]
        lines += ["| `data` | | |", "| --- | --- | --- |"]
        lines += _rows(within["properties"], set(within["required"]))
        lines += ["", f"    {json.dumps(example(event))}", ""]
    return "\n".join(lines)


def documents() -> dict[str, str]:
    """Every document, by its path below docs/."""

    def text(made: Schema) -> str:
        return json.dumps(made, indent=2, ensure_ascii=False) + "\n"

    return {
        "event-catalogue.md": page(),
        "schema/events.asyncapi.json": text(asyncapi()),
        **{f"schema/events/{event.type}.json": text(schema(event)) for event in CATALOGUE},
    }


def write(docs: Path) -> None:
    """Write all of them anew."""
    for name, text in documents().items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
