"""What is due is erased, what is held or still worked on is not; and erasing leaves nothing but the proof behind."""

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mft.audit.log import make_checkpoint
from mft.audit.query import leaves
from mft.audit.verify import verify_log
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.crypto.signing import SigningKey
from mft.domain import TENANT
from mft.errors import Missing, NotAllowed
from mft.ledger import holds, retention
from mft.ledger.objects import sealed_object
from mft.ledger.transfers import public
from mft.pipeline.erase import Erase
from mft.pipeline.keys import KeepKey
from mft.pipeline.retention import DAY_US, EraseDue, LiftHold, Limits, MakeHold, sweep
from mft.pipeline.rewrap import Rewrapping
from mft.pipeline.upload import Upload
from partners.connection import Connection, Key, Login
from partners.feed import Feed
from tests.harness import eventually, sample
from tests.unit.mft.ledger.entries import arrival

if TYPE_CHECKING:
    from mft.pipeline.parse import Parser
    from tests.unit.mft.pipeline.conftest import Desk

KEY = SigningKey("mft/test", bytes(range(32)))
LATER = 1 << 60
_LINE = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()


@pytest.fixture
def claims(desk: "Desk", parser: "Parser") -> str:
    """Claims that were read: with records, an acknowledgment, events."""
    transfer = desk.receive(b"claims.edi", sample("claims-837p.edi"))
    while desk.turn(parser):
        pass
    for event in desk.books._connection.execute("SELECT event_id, sink FROM delivery").fetchall():
        desk.core.writer.run(
            lambda books, one=event: books._connection.execute(
                "UPDATE delivery SET state = 'delivered' WHERE event_id = ? AND sink = ?", one
            )
        )
    return transfer


def swept(desk: "Desk", limits: Limits, *, now: int = LATER, name: str = "standard") -> int:
    return sum(sweep(lambda: desk.books, desk.core.run, {name: limits}, now=now, actor="server"))


def is_gone(desk: "Desk", object_id: str) -> bool:
    try:
        sealed_object(desk.books, object_id)
    except Missing:
        return True
    return False


def verifies(desk: "Desk") -> None:
    desk.core.writer.run(lambda books: make_checkpoint(books, KEY, at=1))
    verify_log(desk.books, [KEY.verify_key])


def test_originals_go_when_their_days_are_over_and_not_before(desk: "Desk", claims: str) -> None:
    row = desk.row(claims)
    limits = Limits(original=10)
    assert swept(desk, limits, now=row["received_at"] + 10 * DAY_US) == 0
    assert not is_gone(desk, row["object_id"])
    assert swept(desk, limits, now=row["received_at"] + 11 * DAY_US) > 0
    assert is_gone(desk, row["object_id"])
    assert not any(is_gone(desk, one["object_id"]) for one in desk.parts("records", claims))
    assert public(desk.row(claims))["erased"] == ["original"]
    leaf = desk.leaf(claims, "transfer.erased")
    assert (leaf["actor"], leaf["facts"]) == ("server", {"kinds": "original", "reason": "retention:standard"})
    assert swept(desk, limits) == 0  # Once is enough.
    verifies(desk)


def test_records_go_by_themselves(desk: "Desk", claims: str) -> None:
    swept(desk, Limits(records=1))
    row = desk.row(claims)
    assert not is_gone(desk, row["object_id"])
    assert all(is_gone(desk, one["object_id"]) for one in desk.parts("records", claims))
    assert public(row)["erased"] == ["records"]


def test_names_go_from_log_row_and_events_and_from_what_was_made_for_it(desk: "Desk", claims: str) -> None:
    names = desk.books._connection.execute("SELECT count(*) FROM leaf_clear WHERE value LIKE '%claims.edi%'")
    assert names.fetchone()[0] > 0
    swept(desk, Limits(names=1))
    assert desk.row(claims)["name_bytes"] == b"(erased)"
    assert desk.events(claims) == []
    assert names.execute("SELECT count(*) FROM leaf_clear WHERE value LIKE '%claims.edi%'").fetchone()[0] == 0
    children = desk.books._connection.execute("SELECT name_bytes FROM transfer WHERE parent_id = ?", (claims,))
    assert set(children.fetchall()) == {(b"(erased)",)}
    verifies(desk)


def test_names_wait_until_everybody_was_told(desk: "Desk", parser: "Parser") -> None:
    transfer = desk.receive(b"note.txt", b"hello")
    while desk.turn(parser):
        pass
    assert desk.events(transfer)  # The sink of this desk never takes any.
    assert swept(desk, Limits(names=1)) == 0
    assert desk.row(transfer)["name_bytes"] == b"note.txt"


def test_the_sweep_is_a_leaf_with_its_count(desk: "Desk", claims: str) -> None:
    total = swept(desk, Limits(original=1))
    (leaf,) = leaves(desk.books, kind="retention.swept")
    assert leaf["facts"] == {"class": "standard", "kind": "original", "transfers": total}


def test_what_is_still_worked_on_stays(desk: "Desk") -> None:
    waiting = desk.receive(b"a.txt", b"hello")
    parked = desk.close(_upload(desk, b"b.txt"), publish=False)
    assert swept(desk, Limits(original=1, names=1)) == 0
    for transfer in (waiting, parked):
        assert not is_gone(desk, desk.row(transfer)["object_id"])
    with pytest.raises(NotAllowed, match="on its way in"):
        desk.core.run(Erase(parked, ("original",), "test", "cli:0"))


def _upload(desk: "Desk", name: bytes) -> Upload:
    upload = Upload(desk.vault, TENANT, arrival(name))
    upload.write(0, memoryview(b"hello"))
    return upload


def test_each_class_has_its_own_days(desk: "Desk", claims: str) -> None:
    assert swept(desk, Limits(original=1), name="claims") == 0
    desk.core.writer.run(lambda books: books._connection.execute("UPDATE transfer SET retention = 'claims'"))
    assert swept(desk, Limits(original=1)) == 0
    assert retention.kept(desk.books)[0]["class"] == "claims"
    assert swept(desk, Limits(original=1), name="claims") > 0


class TestHolds:
    def test_on_a_transfer(self, desk: "Desk", claims: str) -> None:
        (hold,) = desk.core.run(MakeHold("Doe v. Roe", "cli:0", (claims,)))
        swept(desk, Limits(original=1, records=1, names=1))
        row = desk.row(claims)
        assert row["erased"] == 0
        assert not is_gone(desk, row["object_id"])
        with pytest.raises(NotAllowed, match=hold):
            desk.core.run(Erase(claims, ("original",), "test", "cli:0"))
        assert retention.count_due(desk.books, "original", "standard", before=LATER, held=True)["transfers"] == 1
        desk.core.run(LiftHold(hold, "cli:0"))
        swept(desk, Limits(original=1))
        assert is_gone(desk, row["object_id"])
        made, lifted = leaves(desk.books, kind="hold.*", newest_first=False)
        assert (made["kind"], made["transfer"], made["facts"]) == (
            "hold.made", claims, {"hold": hold, "matter": "Doe v. Roe"},
        )  # fmt: skip
        assert (lifted["kind"], lifted["facts"]["hold"]) == ("hold.lifted", hold)

    def test_on_a_partner_in_a_time(self, desk: "Desk", claims: str) -> None:
        row = desk.row(claims)
        until = row["received_at"] + 1
        desk.core.run(MakeHold("m", "cli:0", connection=row["connection"], since=row["received_at"], until=until))
        later = desk.close(_upload(desk, b"later.txt"))
        desk.core.writer.run(lambda books: books._connection.execute("UPDATE transfer SET stage = 'done'"))
        swept(desk, Limits(original=1))
        assert not is_gone(desk, row["object_id"])
        assert is_gone(desk, desk.row(later)["object_id"])

    def test_on_an_acknowledgment_of_a_file_that_is_due(self, desk: "Desk", claims: str) -> None:
        children = desk.books._connection.execute("SELECT id FROM transfer WHERE parent_id = ?", (claims,)).fetchall()
        held, *others = [child for (child,) in children]
        name = desk.row(held)["name_bytes"]
        desk.core.run(MakeHold("m", "cli:0", (held,)))
        desk.core.run(Erase(claims, ("names",), "redacted", "cli:0"))
        assert desk.row(claims)["name_bytes"] == b"(erased)"
        assert desk.row(held)["name_bytes"] == name
        assert all(desk.row(other)["name_bytes"] == b"(erased)" for other in others)

    def test_one_of_no_time_at_all_is_refused(self, desk: "Desk", claims: str) -> None:
        who = desk.row(claims)["connection"]
        with pytest.raises(NotAllowed, match="ends before it begins"):
            desk.core.run(MakeHold("m", "cli:0", connection=who, since=5, until=5))

    def test_a_hold_made_during_a_sweep_counts(self, desk: "Desk", claims: str) -> None:
        desk.core.run(MakeHold("m", "cli:0", (claims,)))
        assert desk.core.run(EraseDue("standard", "original", (claims,), "server")) == 0

    def test_what_cannot_be_lifted_or_held(self, desk: "Desk", claims: str) -> None:
        with pytest.raises(Missing, match="no legal hold none"):
            desk.core.run(LiftHold("none", "cli:0"))
        (hold,) = desk.core.run(MakeHold("m", "cli:0", (claims,)))
        desk.core.run(LiftHold(hold, "cli:0"))
        with pytest.raises(Missing, match=hold):
            desk.core.run(LiftHold(hold, "cli:0"))
        with pytest.raises(Missing):
            desk.core.run(MakeHold("m", "cli:0", ("nobody",)))
        assert [row["lifted_at"] is None for row in holds.holds(desk.books)] == [False]


def test_a_large_file_goes_from_the_disk_with_all_its_pieces(desk: "Desk") -> None:
    upload = Upload(desk.vault, TENANT, arrival(b"large.bin"))
    upload.write(0, memoryview(bytes(200_000)))
    upload.part()
    command = upload.seal_part()
    assert command is not None
    desk.core.run(command)
    upload.entered(command)
    upload.write(200_000, memoryview(bytes(200_000)))
    transfer = desk.close(upload)
    assert len(desk.files()) == 2
    desk.core.run(Erase(transfer, ("original",), "test", "cli:0"))
    eventually(lambda: desk.files() == [], what="both files are removed")
    assert not desk.core.run(Erase(transfer, ("original",), "test", "cli:0"))


def test_a_feed_gives_its_files_a_class() -> None:
    connection = Connection(
        id="0" * 26,
        name="acme",
        logins=[Login(user="acme", keys=[Key(key=_LINE)])],
        retention="payroll",
        feeds=(
            Feed(name="claims", pattern="*.837", retention="claims"),
            Feed(name="notes", folder="/inbound/notes"),
        ),
    )

    def found(folder: bytes, name: bytes) -> tuple[str | None, str | None]:

        return connection.kept_as(folder, connection.uploads.final_name(name))[:2]

    assert found(b"/inbound", b"a.837") == ("claims", "claims")
    assert found(b"/inbound", b"a.837.tmp") == ("claims", "claims")
    assert found(b"/inbound", b"a.837.FilePart") == ("claims", "claims")
    assert found(b"/inbound", b"a.edi") == (None, "payroll")
    assert found(b"/inbound/notes", b"\xff.txt") == ("notes", "payroll")
    assert connection.retention_classes == {"payroll", "claims"}


def test_an_upload_is_sealed_and_entered_under_its_class(desk: "Desk") -> None:
    asked: list[str] = []
    seal_for = desk.vault.keyring.seal_for
    desk.vault.keyring.seal_for = lambda name: (asked.append(name), seal_for("standard"))[1]  # type: ignore[method-assign]
    came = replace(arrival(b"a.837"), feed="claims", retention="claims")
    upload = Upload(desk.vault, TENANT, came)
    upload.write(0, memoryview(b"hello"))
    row = desk.row(desk.close(upload))
    assert (row["feed"], row["retention"], asked) == ("claims", "claims", ["claims"])


class Ring:
    """What `Rewrapping` asks of a folder of keys."""

    def __init__(self, *keys: BucketPrivateKey) -> None:
        self.held = MemoryKeyring(keys)

    def unwrap(self, bucket: str, wrapped: bytes, context: bytes) -> bytes:
        return self.held.unwrap(bucket, wrapped, context)


def test_a_file_that_was_renamed_into_another_class_moves_to_its_key(desk: "Desk") -> None:
    standard = BucketPrivateKey(bytes(range(32)))
    claims = BucketPrivateKey(bytes(32), retention="claims")
    for key in (standard, claims):
        desk.core.run(KeepKey("bucket", key.id, 1, "server", key.retention))
    stays, moves = (desk.close(_upload(desk, name)) for name in (b"a.txt", b"b.txt"))
    desk.core.writer.run(
        lambda books: books._connection.execute("UPDATE transfer SET retention = 'claims' WHERE id = ?", (moves,))
    )
    ring = Ring(standard, claims)
    rewrapping = Rewrapping(lambda: desk.books, ring, desk.core.run, actor="server")  # type: ignore[arg-type]
    assert [rewrapping.misplaced(), rewrapping.misplaced()] == [1, 0]
    for transfer, key in ((stays, standard), (moves, claims)):
        assert sealed_object(desk.books, desk.row(transfer)["object_id"]).bucket == key.id
    desk.vault.keyring = ring.held
    assert desk.opened(desk.row(moves)["object_id"]) == b"hello"
    only = Rewrapping(lambda: desk.books, Ring(standard), desk.core.run, actor="server")  # type: ignore[arg-type]
    assert only.misplaced() == 0
