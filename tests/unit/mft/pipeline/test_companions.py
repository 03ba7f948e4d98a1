"""Files that speak of others: what they say is kept, in whichever order they come, and a contradiction is held."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mft.pipeline.parse import Parser
from tests.harness import sample
from tests.unit.mft.pipeline.conftest import Desk

ORDERS = sample("orders-850.edi")
MD5 = hashlib.md5(ORDERS, usedforsecurity=False).hexdigest().encode()
SHA256 = hashlib.sha256(ORDERS).hexdigest().encode()
OTHER = hashlib.sha256(b"other").hexdigest().encode()

# name and content of the companion; its kind; whether it agrees
COMPANIONS: dict[str, tuple[bytes, bytes, str, bool | None]] = {
    "done": (b"orders.edi.done", b"", "done", None),
    "done, of the stem": (b"orders.OK", b"finished\n", "done", None),
    "checksum": (b"orders.edi.sha256", SHA256, "checksum", True),
    "checksum with a name": (b"orders.edi.sha256", SHA256 + b"  orders.edi\n", "checksum", True),
    "checksum, MD5": (b"orders.edi.md5", MD5 + b" *orders.edi\n", "checksum", True),
    "checksum, another": (b"orders.edi.sha256", OTHER, "checksum", False),
    "checksum, another MD5": (b"orders.md5", MD5[::-1], "checksum", False),
    "control": (b"orders.ctl", b"size=%d\ncount=2\n" % len(ORDERS), "control", True),
    "control, another size": (b"orders.edi.ctl", b"bytes: 17\n", "control", False),
    "control, in words of its own": (b"orders.ctl", b"<control/>", "control", None),
}


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser(memory_mib=256, seconds=60)
    yield parser
    parser.close()


def evidence(desk: Desk, transfer: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(desk.row(transfer)["evidence"] or "{}")
    return found


@pytest.mark.parametrize("first", ["file", "companion"])
@pytest.mark.parametrize("case", COMPANIONS)
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "at once"])
def test_what_a_companion_says(desk: Desk, parser: Parser, case: str, first: str, *, at_once: bool) -> None:
    name, content, kind, matches = COMPANIONS[case]
    came = []
    files = [(b"orders.edi", ORDERS), (name, content)]
    for each in files if first == "file" else files[::-1]:
        came.append(desk.receive(*each))
        if not at_once:
            desk.turn(parser)
    desk.turn(parser)
    subject, companion = came if first == "file" else came[::-1]
    assert evidence(desk, companion)["of orders.edi"] == {"transfer": subject}
    said = evidence(desk, subject)[f"{kind}_file"]
    assert (said["transfer"], said.get("matches")) == (companion, matches)
    facts = desk.leaf(subject, "transfer.evidence")["facts"]
    assert (facts["kind"], facts["matches"]) == (kind, None if matches is None else int(matches))
    stages = [desk.row(transfer)["stage"] for transfer in came]
    assert stages == (["done", "held"] if matches is False else ["done", "done"])
    if matches is False:
        assert "ask the sender" in desk.row(came[1])["reason"]
        assert desk.types(came[1]) == ["transfer.received", "transfer.held"]
        assert desk.parts("records", came[1]) == []


@pytest.mark.parametrize("companion_first", [False, True])
def test_every_day_has_its_own(desk: Desk, parser: Parser, *, companion_first: bool) -> None:
    stages = []
    for day in range(3):
        content = ORDERS + b"\n" * day
        digest = hashlib.sha256(content).hexdigest().encode()
        files = [(b"orders.edi", content), (b"orders.edi.sha256", digest)]
        for name, each in files[::-1] if companion_first else files:
            transfer = desk.receive(name, each)
            desk.turn(parser)
            stages.append(desk.row(transfer)["stage"])
            if name == b"orders.edi":
                subject = transfer
        assert evidence(desk, subject)["checksum_file"]["matches"] is True
    assert stages == ["done"] * 6


def test_a_list_of_checksums_speaks_of_each_file(desk: Desk, parser: Parser) -> None:
    one, two = desk.receive(b"one.edi", ORDERS), desk.receive(b"two.edi", b"else")
    desk.turn(parser)
    desk.receive(b"all.sha256", SHA256 + b"  one.edi\n" + OTHER + b"  two.edi\n")
    desk.turn(parser)
    assert [evidence(desk, transfer)["checksum_file"]["matches"] for transfer in (one, two)] == [True, False]


def test_the_newest_of_a_name_is_meant(desk: Desk, parser: Parser) -> None:
    old, new = desk.receive(b"orders.edi", b"yesterday's"), desk.receive(b"orders.edi", ORDERS)
    desk.turn(parser)
    desk.receive(b"orders.edi.sha256", SHA256)
    desk.turn(parser)
    assert evidence(desk, old) == {}
    assert evidence(desk, new)["checksum_file"]["matches"] is True


@pytest.mark.parametrize("name", [b"else.edi.done", b"orders.edi.old.done", b"order.done"])
def test_a_companion_of_another_name_says_nothing(desk: Desk, parser: Parser, name: bytes) -> None:
    transfer = desk.receive(b"orders.edi", ORDERS)
    desk.receive(name, b"")
    desk.turn(parser)
    assert evidence(desk, transfer).keys() == {"trailer"}


def test_a_large_file_is_no_companion(desk: Desk, parser: Parser) -> None:
    transfer = desk.receive(b"orders.edi", ORDERS)
    desk.receive(b"orders.edi.sha256", OTHER + b"\n" * 65_536)
    desk.turn(parser)
    assert evidence(desk, transfer).keys() == {"trailer"}


def test_what_was_cut_off_stays_incomplete(desk: Desk, parser: Parser) -> None:
    desk.receive(b"orders.edi.sha256", SHA256)
    transfer = desk.receive(b"orders.edi", ORDERS[:-200])
    desk.turn(parser)
    assert desk.row(transfer)["stage"] == "incomplete"
    assert evidence(desk, transfer)["checksum_file"]["matches"] is False
    assert desk.types(transfer) == []
