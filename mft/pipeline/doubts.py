"""What speaks against letting a file pass, asked when it has been read: the first doubt that nobody waived holds it.

A file as a whole: its size, what is in it, that it came before, that somebody holds its kind back. An interchange by
itself: who sent it to whom, and whether it is a test. Where other interchanges of the file may pass, those that may not
wait as transfers of their own.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mft.domain import Doubt
from mft.ledger import content, flow_holds
from mft.ledger.database import Books, Row
from mft.pipeline.agreements import Agreed
from mft.pipeline.evidence import speaks_of
from parsers.findings import Finding, Location
from partners.feed import Usage

_DAY_US: Final = 86_400_000_000
_TEST: Final[dict[tuple[str, str], Usage]] = {
    ("x12", "T"): "test",
    ("x12", "P"): "production",
    ("edifact", "1"): "test",
    ("hl7", "T"): "test",
    ("hl7", "D"): "test",
    ("hl7", "P"): "production",
}
"""What an interchange says of its usage: ISA15, UNB 0035, MSH-11."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found in a file, as far as it can be doubted."""

    standard: str
    sets: int
    set_codes: Collection[str]
    numbered: bool  # Every interchange has a control number: its agreement knows what came before.


def says_test(standard: str, usage: str | None) -> Usage | None:
    """What an interchange's sign of its usage means; None where it has none."""
    return _TEST.get((standard, usage or ""))


def of_file(books: Books, job: Row, agreed: Agreed, found: Contents) -> Iterator[Doubt]:
    """Doubts about the file as a whole, the one that tells most first."""
    yield from _of_size(job, agreed, found)
    yield from of_arrival(books, job, agreed, found)


def of_arrival(books: Books, job: Row, agreed: Agreed, found: Contents) -> Iterator[Doubt]:
    """Those of them that a wrapped file is asked too, by itself: what is in it is judged when it has come out."""
    yield from _of_name(job, agreed)
    if (doubt := _of_content(books, job, agreed, found)) is not None:
        yield doubt
    hold = flow_holds.hold_on(books, job, standard=found.standard, sets=found.set_codes)
    if hold is not None:
        yield Doubt("on-hold", f"held back: {hold['why']}", hold["id"])


def _of_size(job: Row, agreed: Agreed, found: Contents) -> Iterator[Doubt]:
    feed = agreed.feed
    expected = feed.expected
    if expected is not None and found.standard not in expected and not _is_trigger(job):
        yield Doubt("unexpected", f"the feed {feed.name} expects {_either(expected)}, and this is {found.standard}")
    for count, least, most, what in (
        (job["size_bytes"], feed.min_bytes, feed.max_bytes, "bytes"),
        (found.sets, feed.min_sets, feed.max_sets, "sets"),
    ):
        if count < least:
            yield Doubt("bounds", f"it has {count:,} {what}, and files of the feed {feed.name} have {least:,} at least")
        if most and count > most:
            yield Doubt("bounds", f"it has {count:,} {what}, and files of the feed {feed.name} have {most:,} at most")


def _of_name(job: Row, agreed: Agreed) -> Iterator[Doubt]:
    told = agreed.feed.parts(job["name_bytes"])
    if not told.usage_known:
        yield Doubt("usage", "the word for the usage in its name is neither one for test nor one for production")
    if told.usage == "production" and agreed.feed.usage == "test":
        yield Doubt("usage", f"its name says production, and the feed {agreed.feed.name} is for tests")


def _of_content(books: Books, job: Row, agreed: Agreed, found: Contents) -> Doubt | None:
    feed, since = agreed.feed, new_since(job, agreed, found)
    if since is not None and (first := content.same_content(books, job, since=since)) is not None:
        return Doubt("duplicate", f"the same bytes came before, as transfer {first}")
    if not _says_something(job):
        return None
    if feed.same_name == "hold" and (first := content.same_name(books, job)) is not None:
        return Doubt("same-name", f"a file of the same name came before, as transfer {first}")
    return None


def new_since(job: Row, agreed: Agreed, found: Contents) -> int | None:
    """Since when its bytes must not have been processed for the file to pass; None where that does not matter."""
    if agreed.feed.same_content != "hold" or found.numbered or not _says_something(job):
        return None
    return _days_ago(job, agreed)


def _days_ago(job: Row, agreed: Agreed) -> int:
    return int(job["received_at"] - agreed.feed.same_content_days * _DAY_US)


def _says_something(job: Row) -> bool:
    """Whether a file is to be told from those before it: one that is empty or a trigger, or a part, is not."""
    return bool(job["size_bytes"]) and not _is_trigger(job) and job["parent_id"] is None


def _is_trigger(job: Row) -> bool:
    """Whether a file says by its being there, or speaks of another one: then it is like the one of yesterday."""
    return speaks_of(job["name_bytes"], job["size_bytes"]) is not None


def _either(words: Collection[str]) -> str:
    *some, last = words
    return f"{', '.join(some)} or {last}" if some else last


def of_interchange(row: Mapping[str, Any], job: Row, agreed: Agreed) -> Doubt | None:
    """Why an interchange may not pass."""
    where = f"interchange {row['position']}"
    connection = agreed.connection
    if connection is not None and connection.trading_partners and agreed.trading_partner(row) is None:
        return Doubt(
            "sender",
            f"{where}: its sender is none of the trading partners of {connection.name}: "
            "add it to [[trading_partners]], or refuse it",
        )
    if connection is not None and not connection.is_ours(row["receiver_qualifier"], row["receiver"]):
        return Doubt("receiver", f"{where}: its receiver is none of our_ids of {connection.name}")
    said, told = says_test(row["standard"], row["usage"]), agreed.feed.parts(job["name_bytes"])
    if said is not None and told.usage is not None and said != told.usage:
        return Doubt("usage", f"{where} says {said}, and the file's name says {told.usage}")
    if said == "production" and agreed.feed.usage == "test":
        return Doubt("usage", f"{where} says production, and the feed {agreed.feed.name} is for tests")
    return None


def remarks(books: Books, job: Row, agreed: Agreed, found: Contents) -> Iterator[Finding]:
    """What is worth telling and holds nothing: a gap in the numbers of a feed, a file that was seen before."""
    feed, told = agreed.feed, agreed.feed.parts(job["name_bytes"])
    if told.sequence is not None:
        before = content.number_before(books, job, feed.name, told.entity)
        if before is not None and told.sequence > before + 1:
            missing = f"{before + 1} to {told.sequence - 1}" if told.sequence > before + 2 else str(before + 1)
            yield _remark(
                "sequence-gap", f"The name's number is {told.sequence}, after {before}: {missing} is missing."
            )
        elif before is not None and told.sequence <= before:
            yield _remark("sequence-back", f"The name's number is {told.sequence}, after {before}.")
    if not _says_something(job):
        return
    if feed.same_content == "flag" and not found.numbered:
        first = content.same_content(books, job, since=_days_ago(job, agreed))
        if first is not None:
            yield _remark("same-content", f"The same bytes came before, as transfer {first}.")
    if feed.same_name == "flag" and (first := content.same_name(books, job)) is not None:
        yield _remark("same-name", f"A file of the same name came before, as transfer {first}.")


def _remark(code: str, message: str) -> Finding:
    hint = "Ask the sender, if that is not as it should be."
    return Finding.at(Location(standard="feed"), f"feed.{code}", message, hint, severity="warning")
