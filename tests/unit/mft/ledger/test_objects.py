"""Sealed objects in the ledger, and what erasing leaves of them."""

import pytest
from sqlalchemy import update

from mft.errors import Missing
from mft.ledger.database import Books, Writer
from mft.ledger.objects import insert_object, object_files, sealed_object
from mft.ledger.tables import OBJECT
from tests.unit.mft.ledger.entries import sealed


def test_an_erased_object_is_missing(writer: Writer) -> None:
    def work(books: Books) -> None:
        small, large = sealed(), sealed(100_000)
        insert_object(books, small, at=1)
        insert_object(books, type(large)(large.id, 1, "bucket", b"w", 100_000, 100_100, None), at=1)
        assert sealed_object(books, small.id) == small
        assert object_files(books) == {large.id}
        books.execute(update(OBJECT).values(wrapped_dek=None, erased_at=2))
        assert object_files(books) == set()
        for object_id in (small.id, large.id, "none"):
            with pytest.raises(Missing):
                sealed_object(books, object_id)

    writer.run(work)
