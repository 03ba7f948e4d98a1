"""One login, one file: forty interchanges of thirty senders to three of our own ids, three of which are not as usual."""

from collections import Counter

from mft.ledger.acknowledgments import acknowledgments_of
from mft.ledger.transfers import children_of
from mft.pipeline.parse import Parser
from partners.trading_partner import TradingPartner
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_acknowledge import elements, send
from tests.unit.mft.pipeline.test_doubts import from_to, usage
from tests.unit.mft.pipeline.test_runner import numbered

SENDERS = [f"HOSPITAL{number:02}" for number in range(30)]
OURS = ("EXAMPLEWORKS", "EXAMPLEEAST", "EXAMPLEWEST")
BAD_TRAILER, UNKNOWN, TEST = 7, 18, 29


def interchange(index: int) -> bytes:
    sender = "STRANGER" if index == UNKNOWN else SENDERS[index % 30]
    content = from_to(numbered(index + 1), sender.encode(), OURS[index % 3].encode())
    if index == BAD_TRAILER:
        head, trailer, rest = content.rpartition(b"IEA*1*")
        content = head + trailer + b"9" + rest[1:]
    return usage(content, b"T" if index == TEST else b"P")


def test_each_goes_its_way(desk: Desk, parser: Parser) -> None:
    partners = tuple(TradingPartner(name=one.lower(), ids=(f"ZZ:{one}",)) for one in SENDERS)
    desk.agree(trading_partners=partners, our_ids=OURS)
    row = send(desk, parser, b"batch.edi", b"".join(map(interchange, range(40))))
    assert row["stage"] == "done"
    rows = desk.parts("interchange", row["id"])
    assert Counter(one["verdict"] for one in rows) == {"accepted": 38, "rejected": 1, "held": 1}
    assert rows[BAD_TRAILER]["verdict"] == "rejected"
    assert rows[UNKNOWN]["verdict"] == "held"

    ready = [one for one in desk.events(row["id"]) if one["type"] == "mft.records.ready.v1"]
    delivered = {one["data"]["set_number"] for one in ready if one["usage"] == "P"}
    sets = {one["position"]: one["interchange"] for one in desk.parts("transaction_set", row["id"])}
    assert len({sets[one] for one in delivered}) == 37
    assert {sets[one["data"]["set_number"]] for one in ready if one["usage"] == "T"} == {TEST + 1}
    assert len({one["data"]["trading_partner"] for one in ready}) == 29  # The stranger stands in for one.

    (child,) = children_of(desk.books, row["id"])
    assert (child["stage"], child["doubt"]) == ("held", "sender")

    acks = acknowledgments_of(desk.books, row["id"])
    assert [one["interchange"] for one in acks] == [index + 1 for index in range(40) if index != UNKNOWN]
    for ack in acks:
        (isa,) = elements(desk.opened(ack["object_id"]), "ISA")
        index = ack["interchange"] - 1
        assert (isa[8].strip(), isa[6].strip()) == (SENDERS[index % 30], OURS[index % 3])
        assert ack["verdict"] == ("rejected" if index == BAD_TRAILER else "accepted")
        assert desk.row(ack["outbound_id"])["connection"] == row["connection"]
