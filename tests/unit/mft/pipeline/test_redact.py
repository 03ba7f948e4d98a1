"""Private values of a leaf are forgotten, and the log verifies as before."""

from typing import TYPE_CHECKING

import pytest

from mft.audit.log import make_checkpoint
from mft.audit.query import REDACTED, leaves
from mft.audit.verify import verify_log
from mft.crypto.signing import SigningKey
from mft.errors import Missing, NotAllowed
from mft.ledger.holds import add_hold
from mft.pipeline.erase import Erase
from mft.pipeline.redact import Redact

if TYPE_CHECKING:
    from tests.unit.mft.pipeline.conftest import Desk

KEY = SigningKey("mft/test", bytes(range(32)))


@pytest.fixture
def transfer(desk: "Desk") -> str:
    return desk.receive(b"a.txt", b"hello")


def the_leaf(desk: "Desk", transfer: str) -> dict[str, object]:
    return desk.leaf(transfer, "transfer.received")


def verifies(desk: "Desk") -> int:
    desk.core.writer.run(lambda books: make_checkpoint(books, KEY, at=1))
    return verify_log(desk.books, [KEY.verify_key]).unsigned


def test_one_field_is_forgotten_and_the_log_says_so(desk: "Desk", transfer: str) -> None:
    leaf = the_leaf(desk, transfer)
    assert desk.core.run(Redact(str(leaf["id"]), "name", "cli:0"))
    facts = the_leaf(desk, transfer)["facts"]
    assert isinstance(facts, dict)
    assert facts["name"] == REDACTED
    assert len(facts["sha256"]) == 64
    (said,) = leaves(desk.books, kind="audit.redacted")
    assert (said["actor"], said["transfer"], said["facts"]) == (
        "cli:0", transfer, {"leaf": leaf["id"], "fields": "name"},
    )  # fmt: skip
    assert verifies(desk) == 0


def test_all_fields(desk: "Desk", transfer: str) -> None:
    leaf = str(the_leaf(desk, transfer)["id"])
    assert desk.core.run(Redact(leaf, None, "cli:0"))
    facts = the_leaf(desk, transfer)["facts"]
    assert isinstance(facts, dict)
    assert (facts["name"], facts["sha256"]) == (REDACTED, REDACTED)
    assert verifies(desk) == 0


def test_again_there_is_nothing_to_forget_and_no_leaf(desk: "Desk", transfer: str) -> None:
    leaf = str(the_leaf(desk, transfer)["id"])
    desk.core.run(Redact(leaf, None, "cli:0"))
    assert not desk.core.run(Redact(leaf, None, "cli:0"))
    assert len(list(leaves(desk.books, kind="audit.redacted"))) == 1


def test_by_its_number(desk: "Desk", transfer: str) -> None:
    verifies(desk)  # Which numbers it.
    number = the_leaf(desk, transfer)["seq"]
    assert desk.core.run(Redact(str(number), "sha256", "cli:0"))
    facts = the_leaf(desk, transfer)["facts"]
    assert isinstance(facts, dict)
    assert (facts["name"], facts["sha256"]) == ("a.txt", REDACTED)
    with pytest.raises(Missing, match="no leaf 999999"):
        desk.core.run(Redact("999999", None, "cli:0"))


def test_under_a_legal_hold_nothing_is_forgotten(desk: "Desk", transfer: str) -> None:
    desk.core.writer.run(lambda books: add_hold(books, "a suit", at=1, by="cli:0", transfer=transfer))
    leaf = the_leaf(desk, transfer)
    with pytest.raises(NotAllowed, match="under legal hold"):
        desk.core.run(Redact(str(leaf["id"]), None, "cli:0"))
    assert the_leaf(desk, transfer) == leaf


def test_no_such_leaf(desk: "Desk") -> None:
    with pytest.raises(Missing, match="no leaf nobody"):
        desk.core.run(Redact("nobody", None, "cli:0"))


def test_of_a_transfer_row_events_and_leaves_lose_the_name(desk: "Desk", transfer: str) -> None:
    assert desk.core.run(Erase(transfer, ("names",), "redacted", "cli:0"))
    row = desk.row(transfer)
    assert (row["name_bytes"], row["account"], row["source_address"], row["sha256"]) == (b"(erased)", None, None, None)
    assert desk.events(transfer) == []
    assert all("a.txt" not in str(leaf) for leaf in leaves(desk.books, transfer=transfer))
    assert verifies(desk) == 0


def test_a_field_that_the_leaf_does_not_have_is_told(desk: "Desk", transfer: str) -> None:
    leaf = str(the_leaf(desk, transfer)["id"])
    with pytest.raises(Missing, match=rf"leaf {leaf} has no private value `nmae`: it has name, sha256"):
        desk.core.run(Redact(leaf, "nmae", "cli:0"))
    assert desk.core.run(Redact(leaf, "name", "cli:0"))
    assert not desk.core.run(Redact(leaf, "name", "cli:0"))
