"""A consumer that knows nothing of mft but its AsyncAPI document reads every event."""

import json
from dataclasses import MISSING, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest

from mft.clock import new_id
from mft.event_catalogue import example
from mft.events import CATALOGUE, Event, TransferReceived
from mft.pipeline.journal import Journal
from tests.harness import ROOT, Partner, Site, eventually, run_mft, sample


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


FILES = (
    "orders-850.edi", "claims-837p.edi", "claims-wrong-count.edi", "admissions-adt.hl7", "remittance-note.pdf",
    "month/remittance-835.edi", "month/statement-mt940.sta",
)  # fmt: skip
NOT_HERE = {"mft.transfer.quarantined.v1"}  # No file of ours does that to the parser.


def put(site: Site, partner: Partner, name: str, content: bytes) -> dict[str, Any]:
    path = site.root / name
    path.write_bytes(content)
    assert site.sftp(partner, f"put {path}").returncode == 0
    return site.rested(name)


def test_of_real_files(site: Site, acme: Partner) -> None:
    out = site.root / "out"
    out.mkdir()
    config = site.home / "config"
    with (config / "mft.toml").open("a") as settings:
        settings.write('\n[events.sinks.inlined]\nkind = "file"\nrecords = "inline"\n')
    (config / "routes.toml").write_text(
        f'[[routes]]\nname = "notes"\nfile = "*.pdf"\nto = "{out}"\n'
        f'[[routes]]\nname = "nowhere"\nfile = "*.pdf"\nto = "{out}/missing"\n'
    )
    site.start(
        env={
            "MFT_RECEIVE__INCOMPLETE_SECONDS": "1",
            "MFT_RECEIVE__STALLED_SECONDS": "1",
            "MFT_KEYS__SIGNING_DAYS_MAX": "1",
        }
    )
    for name in FILES:
        put(site, acme, name.rpartition("/")[2], sample(name))
    assert put(site, acme, "again.edi", sample("orders-850.edi"))["stage"] == "done"
    empty = put(site, acme, "empty.edi", b"")
    done = run_mft("transfer", "release", empty["id"], "--why", "it is meant so", home=site.home)
    assert done.returncode == 0, done.stderr
    cut = site.root / "claims-cut-off.edi"
    cut.write_bytes(sample(cut.name))
    assert site.sftp(acme, f"put {cut}", f"put {cut} later.tmp").returncode == 0
    wanted = {event.type for event in CATALOGUE} - NOT_HERE
    eventually(lambda: wanted <= {event["type"] for event in site.events()}, what="every type is announced")
    done = run_mft("events", "replay", "--to", "file", "--transfer", empty["id"], home=site.home)
    assert done.returncode == 0, done.stderr
    eventually(lambda: any("replay" in event for event in site.events()), what="some come again")
    assert site.stop() == 0

    consumer, folder = Consumer(), site.home / "data" / "events"
    assert {consumer.read(line) for line in (folder / "events.ndjson").read_text().splitlines()} == wanted
    lines = (folder / "inlined.ndjson").read_text().splitlines()
    assert {consumer.read(line) for line in lines} == wanted
    assert any("content" in json.loads(line)["data"] for line in lines)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"time": "yesterday"}, "is not a 'date-time'"),
        ({"id": "1"}, "does not match"),
        ({"source": "https://example.com"}, "does not match"),
        ({"specversion": "0.3"}, "was expected"),
        ({"subject": None}, "is not of type 'string'"),
        ({"replay": "yes"}, "is not of type 'boolean'"),
        ({"data": {"name": "a.edi", "connection": "b"}}, "'size_bytes' is a required property"),
        ({"data": {"name": "a.edi", "connection": "b", "size_bytes": "1"}}, "is not of type 'integer'"),
        ({"data": {"name": "a.edi", "connection": "b", "size_bytes": 1, "more": 2}}, "says more than the document"),
        ({"more": 2}, "says more than the document"),
    ],
)
def test_the_consumer_refuses_others(change: dict[str, Any], said: str) -> None:
    with pytest.raises((jsonschema.ValidationError, AssertionError), match=said):
        Consumer().read(json.dumps(example(TransferReceived) | change))


def test_the_examples_of_the_page() -> None:
    page = (ROOT / "docs" / "event-catalogue.md").read_text(encoding="utf-8")
    consumer = Consumer()
    shown = [consumer.read(line) for line in page.splitlines() if line.startswith("    {")]
    assert shown == [event.type for event in CATALOGUE]


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
    """The type itself, of one that may be None."""
    return next((one for one in get_args(hint) if one is not NoneType), hint)
