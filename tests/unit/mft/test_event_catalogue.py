"""Documents for consumers say what the code announces, and take nothing back."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mft.event_catalogue import documents, example, schema
from mft.events import CATALOGUE, Event
from tests.harness import ROOT

BASELINE = ROOT / "tests" / "events_baseline.json"


def promises() -> dict[str, dict[str, Any]]:
    """Of each type: what consumers may rely on, as field: [type, whether it is always there]."""
    return {event.type: promised(schema(event)) for event in CATALOGUE}


def promised(told: dict[str, Any]) -> dict[str, Any]:
    def fields(one: dict[str, Any], prefix: str) -> dict[str, Any]:
        return {
            f"{prefix}{name}": [kind.get("type", "const"), name in one["required"]]
            for name, kind in one["properties"].items()
            if name != "data"
        }

    return fields(told, "") | fields(told["properties"]["data"], "data.")


def broken(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a consumer of `before` would miss in `now`. More types and more fields are welcome."""
    found = []
    for kind, fields in before.items():
        if kind not in now:
            found.append(f"{kind} is gone")
            continue
        for name, (held, always) in fields.items():
            if name not in now[kind]:
                found.append(f"{kind}: {name} is gone")
            elif now[kind][name][0] != held:
                found.append(f"{kind}: {name} was {held}")
            elif always and not now[kind][name][1]:
                found.append(f"{kind}: {name} was always there")
    return found


@pytest.mark.parametrize("name", sorted(documents()))
def test_what_is_written_is_what_the_code_says(name: str) -> None:
    found = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert found == documents()[name], "run: python -m mft.event_catalogue docs"


def test_no_schema_is_left_of_what_is_no_more() -> None:
    names = {f"schema/events/{path.name}" for path in (ROOT / "docs" / "schema" / "events").iterdir()}
    assert names <= set(documents())


def test_nothing_that_consumers_rely_on_is_taken_back() -> None:
    before = json.loads(BASELINE.read_text(encoding="utf-8"))
    assert broken(before, promises()) == [], "make a new .v2 type beside the old one"
    assert before == promises(), f"what was added is promised from now on: write it to {BASELINE.name}"


OLD = {"a.v1": {"id": ["string", True], "data.n": ["integer", False]}}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({}, ["a.v1 is gone"]),
        ({"a.v1": {"id": ["string", True]}}, ["a.v1: data.n is gone"]),
        ({"a.v1": {"id": ["integer", True], "data.n": ["integer", False]}}, ["a.v1: id was string"]),
        ({"a.v1": {"id": ["string", False], "data.n": ["integer", False]}}, ["a.v1: id was always there"]),
        ({**OLD, "b.v1": {}}, []),
        ({"a.v1": {**OLD["a.v1"], "data.more": ["string", True]}}, []),
        ({"a.v1": {**OLD["a.v1"], "data.n": ["integer", True]}}, []),
    ],
)
def test_what_breaks_a_consumer(now: dict[str, Any], said: list[str]) -> None:
    assert broken(OLD, now) == said


@pytest.mark.parametrize("event", CATALOGUE, ids=lambda event: event.type)
def test_examples_are_right(event: type[Event]) -> None:
    told = schema(event)
    jsonschema.Draft202012Validator.check_schema(told)
    jsonschema.validate(example(event), told, jsonschema.Draft202012Validator)
    for name in told["required"]:
        less = {key: value for key, value in example(event).items() if key != name}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(less, told, jsonschema.Draft202012Validator)


def test_the_page_shows_the_same_examples() -> None:
    page = Path(ROOT / "docs" / "event-catalogue.md").read_text(encoding="utf-8")
    for event in CATALOGUE:
        assert json.dumps(example(event)) in page
