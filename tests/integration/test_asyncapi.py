"""A consumer that knows nothing of mft but its AsyncAPI document reads every event."""

import json
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

import jsonschema
import pytest

from mft.clock import new_id
from mft.events import CATALOGUE, Event
from mft.pipeline.journal import Journal
from tests.harness import ROOT, Partner, Site, sample


class Consumer:
    """Reads events by the document alone."""

    def __init__(self) -> None:
        document = json.loads((ROOT / "docs" / "schema" / "events.asyncapi.json").read_text(encoding="utf-8"))
        assert document["asyncapi"] == "3.0.0"
        channel = self._at(document, document["operations"]["announce"]["channel"])
        messages = [self._at(document, one) for one in channel["messages"].values()]
        self._payloads = {one["name"]: one["payload"] for one in messages}

    def _at(self, document: Any, reference: dict[str, str]) -> Any:
        found = document
        for step in reference["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self._at(document, found) if "$ref" in found else found

    def read(self, line: str) -> str:
        """Returns the event's type."""
        event = json.loads(line)
        payload = self._payloads[event["type"]]
        jsonschema.validate(
            event, payload, jsonschema.Draft202012Validator,
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
        )  # fmt: skip
        unknown = event.keys() - payload["properties"].keys()
        unknown |= event["data"].keys() - payload["properties"]["data"]["properties"].keys()
        assert not unknown, f"{event['type']} says more than the document: {unknown}"
        return str(event["type"])


def test_of_real_files(site: Site, acme: Partner) -> None:
    site.start()
    for name in ("orders-850.edi", "claims-837p.edi", "remittance-note.pdf"):
        path = site.root / name
        path.write_bytes(sample(name))
        assert site.sftp(acme, f"put {path}").returncode == 0
        site.rested(name)
    site.stop()
    consumer = Consumer()
    lines = (site.home / "data" / "events" / "events.ndjson").read_text().splitlines()
    seen = {consumer.read(line) for line in lines}
    assert {"mft.transfer.received.v1", "mft.records.ready.v1", "mft.transfer.completed.v1"} <= seen


@pytest.mark.parametrize("whole", [False, True], ids=["what it must say", "all that it can say"])
@pytest.mark.parametrize("event", CATALOGUE, ids=lambda event: event.type)
def test_of_every_type(event: type[Event], *, whole: bool) -> None:
    values: dict[Any, Any] = {str: "words", int: 3, bool: True}
    says = {
        field.name: values.get(_bare(get_type_hints(event)[field.name]), ({"schema": "claim/1"},))
        for field in fields(event)
        if whole or field.default is MISSING
    }

    rows: list[dict[str, Any]] = []

    class Books:
        def execute(self, _statement: object, row: dict[str, Any]) -> None:
            rows.append(row)

    books: Any = Books()
    Journal(books, 1_700_000_000_000_001, f"urn:mft:{new_id()}", "node", {}).announce(event(**says))
    body = rows[0]["body"]
    assert Consumer().read(body) == event.type
    assert Consumer().read(body[:-1] + ',"replay":true}') == event.type


def _bare(hint: Any) -> Any:
    import typing

    return next(iter(typing.get_args(hint)), hint) if "None" in str(hint) else hint
