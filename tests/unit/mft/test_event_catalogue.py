"""Documents for consumers say what the code announces, and take nothing back."""

import json
from typing import Any, get_args

import jsonschema
import pytest

from mft.event_catalogue import asyncapi, documents, example, schema
from mft.events import CATALOGUE, AckSent, Event, RecordsReady, TransferHeld, UploadStalled
from mft.records import inline
from parsers.acknowledgment import Verdict
from tests.event_promises import FILE, bare, broken, promised, taken_back
from tests.harness import ROOT


@pytest.mark.parametrize("name", sorted(documents()))
def test_what_is_written_is_what_the_code_says(name: str) -> None:
    found = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert found == documents()[name], "run: python -m mft.event_catalogue docs"


def test_no_schema_is_left_of_what_is_no_more() -> None:
    names = {f"schema/events/{path.name}" for path in (ROOT / "docs" / "schema" / "events").iterdir()}
    assert names <= set(documents())


def test_nothing_that_consumers_rely_on_is_taken_back() -> None:
    before = json.loads(FILE.read_text(encoding="utf-8"))
    assert taken_back(before, promised()) == [], "make a new .v2 type beside the old one"
    assert before == promised(), "what was added is promised from now on, run: python -m tests.event_promises"


FORM: dict[str, Any] = {
    "description": "When it comes.",
    "properties": {
        "time": {"type": "string", "format": "date-time"},
        "type": {"const": "a.v1"},
        "subject": {"type": "string", "title": "transfer"},
        "data": {
            "type": "object",
            "properties": {
                "n": {"type": "integer", "description": "How many."},
                "verdict": {"enum": ["yes", "no"]},
                "lines": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["n"],
        },
    },
    "required": ["time", "data"],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The form with another value at a place; none: without it."""
    made: dict[str, Any] = json.loads(json.dumps(FORM))
    *way, last = path.split("/")
    at = made
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return made


IN_DATA = "properties/data/properties"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (changed(f"{IN_DATA}/n", None), ["a.v1.data.n is gone"]),
        (changed("properties/time", None), ["a.v1.time is gone"]),
        (
            changed("properties/data", {"type": "object"}),
            ["a.v1.data.n is gone", "a.v1.data.verdict is gone", "a.v1.data.lines is gone"],
        ),
        (changed(f"{IN_DATA}/n/type", "string"), ["a.v1.data.n: type was integer"]),
        (changed(f"{IN_DATA}/n/type", ["integer", "null"]), ["a.v1.data.n: type was integer"]),
        (changed("properties/data/required", []), ["a.v1.data.n may be absent"]),
        (changed("required", None), ["a.v1.time may be absent", "a.v1.data may be absent"]),
        (changed("properties/time/format", None), ["a.v1.time: format was date-time"]),
        (changed("properties/type/const", "b.v1"), ["a.v1.type: const was a.v1"]),
        (changed("properties/subject/title", "key"), ["a.v1.subject: title was transfer"]),
        (changed(f"{IN_DATA}/verdict/enum", ["yes", "no", "both"]), ["a.v1.data.verdict may be both"]),
        (changed(f"{IN_DATA}/verdict", {}), ["a.v1.data.verdict: enum was ['yes', 'no']"]),
        (changed(f"{IN_DATA}/lines/items/type", "object"), ["a.v1.data.lines[]: type was string"]),
        (changed(f"{IN_DATA}/lines/items", None), ["a.v1.data.lines[]: type was string"]),
    ],
)
def test_what_breaks_a_consumer(now: dict[str, Any], said: list[str]) -> None:
    assert broken(FORM, now, "a.v1") == said


@pytest.mark.parametrize(
    "now",
    [
        FORM,
        changed("description", "When it comes, said better."),
        changed(f"{IN_DATA}/n/description", "How many there are."),
        changed(f"{IN_DATA}/more", {"type": "string"}),
        changed("properties/data/required", ["n", "lines"]),
        changed(f"{IN_DATA}/verdict/enum", ["yes"]),
        changed(f"{IN_DATA}/n/minimum", 0),
    ],
)
def test_what_breaks_none(now: dict[str, Any]) -> None:
    assert broken(FORM, now, "a.v1") == []
    assert broken(bare(FORM), bare(now), "a.v1") == []


def test_types_are_added_and_never_go() -> None:
    assert taken_back({"a.v1": FORM}, {"a.v1": FORM, "a.v2": {}}) == []
    assert taken_back({"a.v1": FORM}, {"a.v2": FORM}) == ["a.v1 is gone"]


@pytest.mark.parametrize("event", CATALOGUE, ids=lambda event: event.type)
def test_examples_are_right(event: type[Event]) -> None:
    told = schema(event)
    jsonschema.Draft202012Validator.check_schema(told)
    jsonschema.validate(example(event), told, jsonschema.Draft202012Validator)
    for name in told["required"]:
        less = {key: value for key, value in example(event).items() if key != name}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(less, told, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("event", "field", "words"),
    [
        (AckSent, "verdict", get_args(Verdict)),
        (AckSent, "kinds", ("ta1", "997", "999", "contrl", "hl7")),
        (TransferHeld, "stage", ("held", "unsupported")),
        (UploadStalled, "stage", ("partial", "receiving")),
        (RecordsReady, "left_out", (inline.TOO_LARGE, inline.ERASED, inline.NO_MASKS, inline.UNREADABLE)),
    ],
)
def test_words_that_may_come_are_listed(event: type[Event], field: str, words: tuple[str, ...]) -> None:
    said = schema(event)["properties"]["data"]["properties"][field]["description"]
    assert [word for word in words if word not in said] == []


NAME = {"type": "string", "pattern": r"^[\w.\-]+$"}
REFERENCE = {
    "type": "object",
    "properties": {"$ref": {"type": "string", "pattern": "^#/"}},
    "required": ["$ref"],
    "additionalProperties": False,
}
ASYNCAPI = {
    "type": "object",
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {
            "type": "object",
            "properties": {key: {"type": "string"} for key in ("title", "version", "description")},
            "required": ["title", "version"],
            "additionalProperties": False,
        },
        "defaultContentType": {"type": "string"},
        "channels": {
            "propertyNames": NAME,
            "additionalProperties": {
                "properties": {
                    "address": {"type": ["string", "null"]},
                    "description": {"type": "string"},
                    "messages": {"propertyNames": NAME, "additionalProperties": REFERENCE},
                },
                "additionalProperties": False,
            },
        },
        "operations": {
            "propertyNames": NAME,
            "additionalProperties": {
                "properties": {
                    "action": {"enum": ["send", "receive"]},
                    "channel": REFERENCE,
                    "messages": {"type": "array", "items": REFERENCE},
                },
                "required": ["action", "channel"],
                "additionalProperties": False,
            },
        },
        "components": {
            "properties": {
                "messages": {
                    "propertyNames": NAME,
                    "additionalProperties": {
                        "properties": {
                            **{key: {"type": "string"} for key in ("name", "title", "summary", "contentType")},
                            "payload": {"$ref": jsonschema.Draft7Validator.META_SCHEMA["$id"]},
                        },
                        "additionalProperties": False,
                    },
                }
            },
            "additionalProperties": False,
        },
    },
    "required": ["asyncapi", "info"],
    "additionalProperties": False,
}
"""What AsyncAPI 3.0.0 says of the parts that we use: a payload is a schema, by default, of JSON Schema draft 7."""


def test_the_document_is_asyncapi() -> None:
    jsonschema.validate(asyncapi(), ASYNCAPI, jsonschema.Draft202012Validator)


def test_every_reference_in_the_document_leads_to_a_message() -> None:
    made = asyncapi()

    def at(reference: str) -> Any:
        found = made
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found

    (operation,) = made["operations"].values()
    of_channel = at(operation["channel"]["$ref"])["messages"]
    assert [at(one["$ref"]) for one in operation["messages"]] == list(of_channel.values())
    assert [at(one["$ref"])["name"] for one in of_channel.values()] == [event.type for event in CATALOGUE]
