"""Files that speak of others: what they say is kept, in whichever order they come, and a contradiction is held."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mft import core
from mft.ledger import objects
from mft.pipeline import companions
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
    "checksum, another MD5": (b"orders.edi.md5", MD5[::-1], "checksum", False),
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
    assert {"transfer": subject} in evidence(desk, companion).values()
    said = evidence(desk, subject)[f"{name.rpartition(b'.')[2].decode() if kind == 'checksum' else kind}_file"]
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
        assert evidence(desk, subject)["sha256_file"]["matches"] is True
    assert stages == ["done"] * 6


OTHER_MD5 = hashlib.md5(b"other", usedforsecurity=False).hexdigest().encode()
# What comes in a day's order, twice; nothing of it may be held.
DAILY: dict[str, list[tuple[bytes, bytes]]] = {
    "two checksums": [(b"a.edi", b"%d"), (b"a.edi.md5", b"MD5"), (b"a.edi.sha256", b"SHA256")],
    "two checksums, first": [(b"a.edi.md5", b"MD5"), (b"a.edi.sha256", b"SHA256"), (b"a.edi", b"%d")],
    "dated names and one control file": [(b"a.%d.edi", b"%d"), (b"a.ctl", b"SIZE")],
    "dated names behind one control file": [(b"a.ctl", b"SIZE"), (b"a.%d.edi", b"%d")],
    "a signature beside it": [(b"a.edi", b"%d"), (b"a.edi.md5", b"MD5"), (b"a.edi.asc", b"signed SHA256")],
    "a letter beside it": [(b"a.edi", b"%d"), (b"a.pdf", b"a letter SIZE"), (b"a.ctl", b"SIZE")],
    "a letter between them": [(b"a.ctl", b"SIZE"), (b"a.pdf", b"a letter SIZE"), (b"a.edi", b"%d")],
    "a control file sent twice": [(b"a.edi", b"%d"), (b"a.edi.ctl", b"SIZE"), (b"a.edi.ctl", b"SIZE")],
    "a list before its files": [(b"all.md5", b"MD5  a.edi"), (b"a.edi", b"%d")],
}


def spelled(said: bytes, content: bytes) -> bytes:
    """What a companion says of a content; `%d` is the content itself."""
    if said == b"%d":
        return content
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest().encode()
    sha256 = hashlib.sha256(content).hexdigest().encode()
    return said.replace(b"MD5", md5).replace(b"SHA256", sha256).replace(b"SIZE", b"size=%d" % len(content))


@pytest.mark.parametrize("case", DAILY)
def test_a_good_file_is_never_held_over_what_an_older_one_was(
    desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    clock = [1_700_000_000_000_000]

    def now() -> int:
        clock[0] += 1_000_000
        return clock[0]

    monkeypatch.setattr(core, "now_us", now)
    for day in range(2):
        content = b"contents of day %d" % day + b"." * day
        for name, said in DAILY[case]:
            transfer = desk.receive(name.replace(b"%d", b"%d" % day), spelled(said, content))
            desk.turn(parser)
            assert desk.row(transfer)["stage"] == "done", (day, name)
        clock[0] += 86_400_000_000


def test_one_digest_is_made_for_all_lines_that_say_it(
    desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.receive(b"a.edi", b"x" * 100_000)
    desk.turn(parser)
    made = []
    monkeypatch.setattr(companions.hashlib, "new", lambda *name, **options: made.append(name) or hashlib.md5())  # noqa: S324
    desk.receive(b"a.md5", b"\n".join([OTHER_MD5 + b"  a.edi"] * 700))
    desk.turn(parser)
    assert len(made) == 1


def test_a_companion_that_cannot_be_read_says_nothing(desk: Desk, parser: Parser) -> None:
    companion = desk.receive(b"orders.edi.sha256", OTHER)
    desk.turn(parser)
    desk.core.writer.run(lambda books: objects.erase_object(books, desk.row(companion)["object_id"], at=1))
    transfer = desk.receive(b"orders.edi", ORDERS)
    desk.turn(parser)
    assert desk.row(transfer)["stage"] == "done"


def test_a_list_of_checksums_speaks_of_each_file(desk: Desk, parser: Parser) -> None:
    one, two = desk.receive(b"one.edi", ORDERS), desk.receive(b"two.edi", b"else")
    desk.turn(parser)
    desk.receive(b"all.sha256", SHA256 + b"  one.edi\n" + OTHER + b"  two.edi\n")
    desk.turn(parser)
    assert [evidence(desk, transfer)["sha256_file"]["matches"] for transfer in (one, two)] == [True, False]


def test_the_newest_of_a_name_is_meant(desk: Desk, parser: Parser) -> None:
    old, new = desk.receive(b"orders.edi", b"yesterday's"), desk.receive(b"orders.edi", ORDERS)
    desk.turn(parser)
    desk.receive(b"orders.edi.sha256", SHA256)
    desk.turn(parser)
    assert evidence(desk, old) == {}
    assert evidence(desk, new)["sha256_file"]["matches"] is True


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
    assert evidence(desk, transfer)["sha256_file"]["matches"] is False
    assert desk.types(transfer) == []
