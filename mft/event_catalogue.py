"""What is announced, as documents for consumers: JSON Schemas, an AsyncAPI document, a page; out of `mft.events`.

Spec: JSON Schema 2020-12; AsyncAPI 3.0.0; CloudEvents 1.0.2, JSON event format.
"""

import json
import re
import sys
from dataclasses import MISSING, fields
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from mft.events import CATALOGUE, Event, TransferEvent

Schema = dict[str, Any]
_IDS: Final = "^[0-9a-z]{26}$"
_WORDS: Final = {
    "ack": "The transfer that the acknowledgment is.",
    "connection": "Id of the line that the file came or goes by.",
    "content": "The records themselves, where the sink wants them inline.",
    "control_number": "Of the interchange that is answered, as it was sent.",
    "days_left": "Until the key's end; negative: days since.",
    "delivery": "Id of this delivery.",
    "duplicate_of": "The transfer that came before.",
    "error": "Why not, as a code.",
    "findings": "How many the file has.",
    "folder": "The mailbox folder where the acknowledgment lies.",
    "given_up": "Nobody tries again by himself.",
    "interchange": "Its position in the file, from 1.",
    "interchanges": "How many the file has.",
    "key": "What names the key: a fingerprint, or its id.",
    "kinds": "Of acknowledgment, apart by blanks: TA1, 997, 999, CONTRL, ACK.",
    "left_out": "Why the records are not inline: too-large, erased, no-masks, unreadable.",
    "masked": "Whether what tells of persons is masked in `content`.",
    "name": "The file's name.",
    "opaque": "The file is no EDI, and goes on as it came.",
    "reason": "Why, in words, without anything out of the file.",
    "record_schema": "Type and version of the records: claim/1.",
    "records": "How many there are.",
    "ref": "Where the records are: `mft records get REF`.",
    "repeated": "An earlier acknowledgment goes once more.",
    "route": "The route, as routes.toml names it.",
    "set": "The set or message: 850, ORDERS, ADT_A01.",
    "set_number": "Its position in the file, from 1.",
    "sets": "How many the file has.",
    "sets_accepted": "How many passed.",
    "sets_rejected": "How many did not.",
    "size_bytes": "Of the file.",
    "stage": "Where the transfer stands.",
    "target": "A folder, or a partner's mailbox.",
    "trading_partner": "Who the interchange is from, where a partner file names several.",
    "use": "What the key is for: ssh, host, bucket, signing, pgp.",
    "verdict": "On the interchange: accepted, partly, rejected.",
}
_ENVELOPE: Final = {
    "specversion": "CloudEvents' version.",
    "id": "Of this event for ever: what comes twice comes under the same id.",
    "source": "The installation.",
    "type": "What happened; its end is the version.",
    "subject": "What it happened to.",
    "time": "When, in UTC.",
    "datacontenttype": "Of `data`.",
    "partner": "As its partner file is named.",
    "standard": "Of the file: x12, edifact, hl7 …",
    "usage": "As the interchange says: P, T, D.",
    "node": "The machine that announced it.",
    "replay": "An operator sent it once more.",
}


def data_schema(event: type[Event]) -> Schema:
    """The `data` of an event."""
    hints, properties, required = get_type_hints(event), {}, []
    for field in sorted(fields(event), key=lambda field: field.name):
        if field.name in {event.about, "partner", "standard", "usage"}:
            continue
        kind, optional = _kind(hints[field.name])
        properties[field.name] = {**kind, "description": _WORDS[field.name]}
        if not optional and field.default is MISSING:
            required.append(field.name)
    return {"type": "object", "properties": properties, "required": required}


def _kind(hint: Any) -> tuple[Schema, bool]:
    """The schema of a Python type, and whether it may be absent."""
    if get_origin(hint) in {Union, UnionType}:
        (inner,) = (one for one in get_args(hint) if one is not NoneType)
        return _kind(inner)[0], True
    if get_origin(hint) is tuple:
        return {"type": "array", "items": {"type": "object"}}, False
    return {"type": {str: "string", int: "integer", bool: "boolean"}[hint]}, False


def schema(event: type[Event]) -> Schema:
    """The whole CloudEvent. More properties than these may come with a newer mft: consumers pass over them."""
    always = {field.name for field in fields(event) if field.default is MISSING}
    envelope: dict[str, Schema] = {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "pattern": _IDS},
        "source": {"type": "string", "pattern": "^urn:mft:[0-9a-z]{26}$"},
        "type": {"const": event.type},
        "subject": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "partner": {"type": "string"},
        "standard": {"type": "string"},
        "usage": {"type": "string"},
        "node": {"type": "string"},
        "replay": {"type": "boolean"},
    }
    properties: dict[str, Schema] = {name: {**one, "description": _ENVELOPE[name]} for name, one in envelope.items()}
    optional = {"replay", *({"partner", "standard", "usage"} - always)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:mft:event:{event.type}",
        "title": event.type,
        "description": words(event),
        "type": "object",
        "properties": {**properties, "data": data_schema(event)},
        "required": [*(name for name in properties if name not in optional), "data"],
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


def example(event: type[Event]) -> dict[str, Any]:
    """An event with made-up values for all that it always has."""
    values = {"string": "example", "integer": 1, "boolean": False}
    told = schema(event)
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": "01m8283ew4q6fb2n0k7x9t5zrd",
        "source": "urn:mft:01m8283ew4y7n5r1t0bq2c3d4e",
        "type": event.type,
        "subject": "01m8283ew4t3v8k2m6p1q0r9sd" if issubclass(event, TransferEvent) else "SHA256:example",
        "time": "2026-03-01T09:30:00.000125Z",
        "datacontenttype": "application/json",
    }
    made |= {
        name: "acme" if name == "partner" else "example" for name in told["required"] if name not in {*made, "data"}
    }
    data = told["properties"]["data"]
    made["data"] = {name: values[data["properties"][name]["type"]] for name in data["required"]}
    return made


def page() -> str:
    """docs/event-catalogue.md."""
    lines = [
        "# Every event",
        "Made out of the code by `python -m mft.event_catalogue docs`. The same as an AsyncAPI document:",
        "[schema/events.asyncapi.json](schema/events.asyncapi.json); one JSON Schema for each type: `schema/events/`.",
        "How they leave, and what is promised of them: [events.md](events.md).",
        "",
        "## What all of them say",
        "| attribute | |",
        "| --- | --- |",
        *(f"| `{name}` | {text} |" for name, text in _ENVELOPE.items()),
        "",
    ]
    for event in CATALOGUE:
        told = data_schema(event)
        lines += [f"## {event.type}", words(event), "", f"`subject`: the {event.about}.", ""]
        lines += ["| `data` | | |", "| --- | --- | --- |"]
        for name, one in told["properties"].items():
            always = "" if name in told["required"] else ", or absent"
            lines.append(f"| `{name}` | {one['type']}{always} | {one['description']} |")
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
