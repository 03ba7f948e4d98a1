"""Mailboxes in the ledger: what a connection sees in its folders."""

from mft.clock import new_id
from mft.domain import ERRORS, INBOUND, OUTBOUND, Direction, Stage
from mft.ledger import mailboxes, transfers
from mft.ledger.database import Books, Writer
from mft.ledger.transfers import transfer_row
from tests.unit.mft.ledger.entries import ACME, OTHER, arrival, received


class TestNames:
    """What a connection sees in its folders."""

    def see(self, books: Books, *, since: int = 0, folder: bytes = INBOUND, who: str = ACME.connection) -> list[bytes]:
        return [bytes(row["name_bytes"]) for row in mailboxes.listing(books, who, folder, since=since)]

    def test_recent_uploads_of_ones_own(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            received(books, b"old", at=10)
            received(books, b"new", at=20)
            received(books, b"half", at=20, stage=Stage.PARTIAL)
            received(books, b"theirs", at=20, who=OTHER)
            assert self.see(books) == [b"half", b"new", b"old"]
            assert self.see(books, since=20) == [b"half", b"new"]
            assert self.see(books, since=21) == [b"half"]  # It is theirs to finish, however long ago they began.
            assert self.see(books, folder=OUTBOUND) == []
            assert self.see(books, who=OTHER.connection) == [b"theirs"]

        writer.run(work)

    def test_what_waits_for_them_stays_listed(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            transfers.insert_transfer(
                books,
                new_id(),
                arrival(b"report.txt", folder=ERRORS),
                at=10,
                stage=Stage.DONE,
                direction=Direction.OUTBOUND,
                size_bytes=5,
            )
            assert self.see(books, since=1 << 60, folder=ERRORS) == [b"report.txt"]

        writer.run(work)

    def test_the_newest_of_a_name_is_seen(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            first, second = received(books, b"a"), received(books, b"a")
            row = mailboxes.named(books, ACME.connection, INBOUND, b"a", since=0)
            assert row is not None
            assert row["id"] == second
            assert {row["id"] for row in mailboxes.listed_as(books, ACME.connection, INBOUND, b"a")} == {first, second}
            mailboxes.unlist(books, first, at=30)
            assert self.see(books) == [b"a"]
            assert transfer_row(books, first)["stage"] == "received"  # Out of sight, not gone.

        writer.run(work)

    def test_names_are_bytes(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            names = [b"A", b"a", b"a ", b"\xff\x00\n", "ä".encode(), b"%", b"a_"]
            for name in names:
                received(books, name)
            assert self.see(books) == sorted(names)
            for name in names:
                row = mailboxes.named(books, ACME.connection, INBOUND, name, since=0)
                assert row is not None
                assert bytes(row["name_bytes"]) == name

        writer.run(work)

    def test_pages_follow_each_other(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            for number in range(700):
                received(books, b"%03d" % number)
            first = mailboxes.listing(books, ACME.connection, INBOUND, since=0)
            second = mailboxes.listing(books, ACME.connection, INBOUND, since=0, after=first[-1]["name_bytes"])
            assert [bytes(row["name_bytes"]) for row in first + second] == [b"%03d" % number for number in range(700)]

        writer.run(work)

    def test_unlisted_names_are_gone_and_free(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            mine = received(books, b"a")
            received(books, b"a", who=OTHER)
            mailboxes.unlist(books, mine, at=30)
            assert self.see(books) == []
            assert mailboxes.named(books, ACME.connection, INBOUND, b"a", since=0) is None
            assert self.see(books, who=OTHER.connection) == [b"a"]
            received(books, b"a")
            assert self.see(books) == [b"a"]

        writer.run(work)

    def test_a_new_label_and_what_follows_from_it_is_all_that_a_rename_changes(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            transfer = received(books, b"a")
            before = transfer_row(books, transfer)
            mailboxes.relabel(books, transfer, INBOUND, b"b", feed="daily", retention="claims", at=30)
            after = transfer_row(books, transfer)
            changed = {key for key in before if before[key] != after[key]}
            assert changed == {"name_bytes", "feed", "retention", "updated_at"}
            assert self.see(books) == [b"b"]

        writer.run(work)
