"""What came before, what went back, and numbers of our own: on both databases."""

from typing import Any

import msgspec
import pytest

from mft.clock import new_id
from mft.domain import OUTBOUND, TENANT, Direction, Stage
from mft.ledger.acknowledgments import (
    InterchangeKey,
    acknowledgment_rows,
    acknowledgments_of,
    add_acknowledgment,
    came_before,
    public,
)
from mft.ledger.control_numbers import CONTROL_NUMBER_MAX, Scope, allocate
from mft.ledger.database import Writer
from mft.ledger.transfers import add_parts, insert_transfer
from tests.unit.mft.ledger.entries import ACME, OTHER, arrival, received

KEY = InterchangeKey(
    connection=ACME.connection,
    standard="x12",
    sender="SAMPLESENDER",
    sender_qualifier="ZZ",
    receiver="US",
    receiver_qualifier=None,
    control_number="000000007",
    usage="T",
)
ROW = {name: value for name, value in msgspec.structs.asdict(KEY).items() if name != "connection"}
SCOPE = Scope(own="ZZ:US", partner="ZZ:THEM", standard="x12", kind="interchange", usage="P")


def interchange(writer: Writer, transfer: str, position: int = 1, **other: Any) -> None:
    row = {"transfer_id": transfer, "tenant_id": TENANT, "position": position, "version": None, "start_offset": 0,
           "end_offset": 99, "verdict": "accepted", **ROW, **other}  # fmt: skip
    writer.run(lambda books: add_parts(books, "interchange", [row]))


def transfer(writer: Writer, **other: Any) -> str:
    found: str = writer.run(lambda books: received(books, b"claims.edi", **{"stage": Stage.DONE, **other}))
    return found


def before(writer: Writer, key: InterchangeKey = KEY, *, since: int = 0, but: str = "") -> list[tuple[str, int]]:
    rows = writer.run(lambda books: came_before(books, key, since=since, but=but))
    return [(row["transfer_id"], row["position"]) for row in rows]


class TestCameBefore:
    def test_finds_all_of_a_key_oldest_first(self, writer: Writer) -> None:
        ids = [transfer(writer) for _ in range(3)]
        for one in reversed(ids):
            interchange(writer, one, 2)
            interchange(writer, one, 1)
        assert before(writer) == [(one, position) for one in ids for position in (1, 2)]
        assert before(writer, but=ids[1]) == [(one, position) for one in ids[::2] for position in (1, 2)]

    @pytest.mark.parametrize("field", sorted(ROW))
    @pytest.mark.parametrize("value", ["else", None])
    def test_every_part_of_the_key_counts(self, writer: Writer, field: str, value: str | None) -> None:
        if ROW[field] is value or (field in {"standard", "control_number"} and value is None):
            value = "else2"
        interchange(writer, transfer(writer), **{field: value})
        assert before(writer) == []
        assert len(before(writer, msgspec.structs.replace(KEY, **{field: value}))) == 1

    def test_others_connections_and_older_files_do_not_count(self, writer: Writer) -> None:
        interchange(writer, transfer(writer, who=OTHER))
        assert before(writer) == []
        interchange(writer, transfer(writer, at=1000))
        assert before(writer, since=1001) == []
        assert len(before(writer, since=1000)) == 1

    @pytest.mark.parametrize("stage", list(Stage))
    def test_only_what_came_to_its_end_counts(self, writer: Writer, stage: Stage) -> None:
        interchange(writer, transfer(writer, stage=stage))
        assert bool(before(writer)) is (stage in {Stage.DONE, Stage.REJECTED})

    @pytest.mark.parametrize(("verdict", "counts"), [("accepted", True), ("rejected", True), (None, True), ("duplicate", False)])  # fmt: skip
    def test_duplicates_themselves_do_not(self, writer: Writer, verdict: str | None, *, counts: bool) -> None:
        interchange(writer, transfer(writer), verdict=verdict)
        assert bool(before(writer)) is counts


def acknowledged(writer: Writer, of: str, position: int = 1) -> str:
    outbound = new_id()

    def do(books: Any) -> None:
        about = arrival(b"claims.edi.999", folder=OUTBOUND)
        insert_transfer(books, outbound, about, at=1, stage=Stage.DONE, direction=Direction.OUTBOUND, size_bytes=5)
        add_acknowledgment(
            books,
            {
                "transfer_id": of, "interchange": position, "tenant_id": TENANT, "standard": "x12", "kinds": "ta1 999",
                "verdict": "partial", "control_number": "000000012", "outbound_id": outbound, "repeats": None, "at": 5,
            },
        )  # fmt: skip

    writer.run(do)
    return outbound


def test_an_acknowledgment_is_found_from_both_ends_and_told(writer: Writer) -> None:
    first, second = transfer(writer), transfer(writer)
    acks = [acknowledged(writer, second, 2), acknowledged(writer, first), acknowledged(writer, second, 1)]
    of_second = writer.run(lambda books: acknowledgments_of(books, second))
    assert [row["interchange"] for row in of_second] == [1, 2]
    assert [row["outbound_id"] for row in writer.run(lambda books: acknowledgments_of(books, acks[1]))] == [acks[1]]
    newest = writer.run(lambda books: acknowledgment_rows(books, partner="acme", most=2))
    assert [row["outbound_id"] for row in newest] == acks[:0:-1]
    older = writer.run(lambda books: acknowledgment_rows(books, before=newest[-1]["outbound_id"]))
    assert [row["outbound_id"] for row in older] == acks[:1]
    assert writer.run(lambda books: acknowledgment_rows(books, partner="other")) == []
    assert public(older[0]) == {
        "transfer": second, "partner": "acme", "name": "claims.edi", "interchange": 2, "standard": "x12",
        "kinds": ["ta1", "999"], "verdict": "partial", "control_number": "000000012", "repeats": None,
        "ack": acks[0], "ack_folder": "/outbound", "ack_name": "claims.edi.999", "sent_at": 5, "fetched_at": None,
    }  # fmt: skip


def test_numbers_are_never_given_twice_before_they_wrap(writer: Writer) -> None:
    def take(scope: Scope, count: int) -> list[int]:
        return writer.run(lambda books: allocate(books, scope, count, at=1))

    assert [take(SCOPE, 2), take(SCOPE, 1), take(SCOPE, 0), take(SCOPE, 2)] == [[1, 2], [3], [], [4, 5]]
    for field in SCOPE.__struct_fields__:
        assert take(msgspec.structs.replace(SCOPE, **{field: "else"}), 1) == [1]
    assert CONTROL_NUMBER_MAX == 999_999_999


def test_numbers_of_a_command_that_was_refused_are_given_to_the_next(writer: Writer) -> None:
    """They never left the ledger."""

    def refused(books: Any) -> None:
        allocate(books, SCOPE, 3, at=1)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        writer.run(refused)
    assert writer.run(lambda books: allocate(books, SCOPE, 1, at=1)) == [1]
