"""Partner files in the ledger: each as it stood, kept once."""

import pytest

from mft.audit.log import append
from mft.errors import Missing
from mft.ledger.database import Books, Writer
from mft.ledger.profiles import connection_named, keep_profile, last_profiles, was_removed


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


def test_what_stood_last_is_what_was_seen_last(writer: Writer) -> None:
    def work(books: Books) -> None:
        for at, body in ((5, "a"), (6, "b"), (7, "a")):
            keep_profile(books, digest=f"h-{body}", subject="s1", name="acme", body=body, at=at)
        keep_profile(books, digest="h-c", subject="s2", name="bob", body="c", at=6)
        keep_profile(books, digest="h-d", subject="s2", name="x", body="d", at=9, kind="guide")
        last = last_profiles(books, "connection")
        assert {subject: last[subject]["body"] for subject in ("s1", "s2")} == {"s1": "a", "s2": "c"}

    writer.run(work)


def test_a_partner_is_gone_until_it_is_loaded_again(writer: Writer) -> None:
    def work(books: Books) -> None:
        assert not was_removed(books, "c1")
        for at, kind, gone in ((1, "loaded", False), (2, "removed", True), (3, "loaded", False)):
            append(books, f"partner.{kind}", at=at, actor="server", connection="c1")
            append(books, "transfer.removed", at=at + 9, actor="server", connection="c1")
            append(books, "partner.removed", at=at + 9, actor="server", connection="c2")
            assert was_removed(books, "c1") == gone

    writer.run(work)
