"""Partner files in the ledger: each as it stood, kept once."""

import pytest

from mft.errors import Missing
from mft.ledger.database import Books, Writer
from mft.ledger.profiles import connection_named, keep_profile


def test_a_profile_is_kept_once(writer: Writer) -> None:
    def work(books: Books) -> None:
        for at, name in ((5, "acme"), (6, "acme"), (7, "renamed")):
            keep_profile(books, digest=f"h-{name}", subject="s1", name=name, body="{}", at=at)
        keep_profile(books, digest="h-2", subject="s2", name="acme", body="{}", at=8)
        assert connection_named(books, "renamed") == "s1"
        assert connection_named(books, "acme") == "s2"  # The last that was called so.
        with pytest.raises(Missing):
            connection_named(books, "nobody")

    writer.run(work)
