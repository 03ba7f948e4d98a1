"""What each place outside the host has, and how far receipts have come: on both databases."""

import pytest

from mft.ledger.anchors import anchor_of, mark_failed, mark_sent
from mft.ledger.database import Writer
from mft.ledger.receipts import enter_mark, forget_mark, move_mark, receipt_marks, received_leaves


def test_a_place_fails_once_and_works_again_once(writer: Writer) -> None:
    def work(at: int) -> None:
        assert not writer.run(lambda books: mark_sent(books, "mail-1", 5, at=at))
        assert writer.run(lambda books: mark_failed(books, "mail-1", "why", at=at + 1))
        assert not writer.run(lambda books: mark_failed(books, "mail-1", "why else", at=at + 2))

    work(10)
    row = writer.run(lambda books: anchor_of(books, "mail-1"))
    assert row is not None
    assert (row["size"], row["sent_at"], row["failed_at"], row["failure"]) == (5, 10, 11, "why else")
    assert writer.run(lambda books: mark_sent(books, "mail-1", 4, at=20))
    row = writer.run(lambda books: anchor_of(books, "mail-1"))
    assert row is not None
    assert (row["size"], row["sent_at"], row["failed_at"], row["failure"]) == (5, 20, None, None)
    assert writer.run(lambda books: anchor_of(books, "mail-2")) is None


@pytest.mark.parametrize("until", [8, 1 << 40])
def test_a_mark_moves_only_from_where_it_stands(writer: Writer, until: int) -> None:
    writer.run(lambda books: enter_mark(books, "acme", 3))
    assert writer.run(lambda books: move_mark(books, "acme", 3, until))
    assert not writer.run(lambda books: move_mark(books, "acme", 3, 9))
    assert writer.run(receipt_marks) == {"acme": until}
    assert writer.run(lambda books: received_leaves(books, "acme", 0, until, 10)) == []
    writer.run(lambda books: forget_mark(books, "acme"))
    assert writer.run(receipt_marks) == {}
