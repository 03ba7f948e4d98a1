"""Files on their way out: decided with the verdict, delivered at least once, in order, whatever the target does."""

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mft import durable
from mft.clock import now_us
from mft.errors import Refused, SyncFailed
from mft.ledger import deliveries
from mft.pipeline import deliver
from mft.pipeline.deliver import Delivery, FileDelivered, RetryDelivery
from mft.pipeline.parse import Parser
from mft.pipeline.release import AddFlowHold, LiftFlowHold, ReleaseHeld
from mft.sinks.mailbox import target_of
from partners.load import Directory
from partners.route import Route, Routes
from partners.trading_partner import TradingPartner
from tests.harness import sample
from tests.unit.mft.ledger.entries import ACME
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_doubts import from_to, usage
from tests.unit.mft.pipeline.test_runner import numbered

HOUR_US = 3_600_000_000


class Killed(BaseException):
    """What kill -9 is to a thread: nothing behind it is run."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [now_us()]
    monkeypatch.setattr(deliver, "now_us", lambda: now[0])
    return now


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def nobody(error: Exception) -> None:
    raise AssertionError(error)


def worker(desk: Desk, commit: Callable[[Any], Any] | None = None) -> Delivery:
    return Delivery(
        desk.vault, desk.readers, commit or desk.core.run, nobody, lambda: desk.directory,
        partial(target_of, vault=desk.vault),
    )  # fmt: skip


def routes(desk: Desk, *made: Route, **says: Any) -> None:
    desk.agree(**says)
    desk.directory = Directory(desk.directory.profiles, routes=Routes(routes=made))


def to(folder: Path, **keys: Any) -> Route:
    return Route(**{"name": "out", "to": str(folder), **keys})


def come(desk: Desk, parser: Parser, name: bytes, content: bytes) -> str:
    transfer = desk.receive(name, content)
    desk.turn(parser)
    return transfer


def states(desk: Desk, transfer: str) -> list[tuple[str, str | None]]:
    return [(row["state"], row["error"]) for row in deliveries.deliveries_of(desk.books, transfer)]


def lying(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_an_opaque_file_lies_there_as_it_came_and_is_told_of(desk: Desk, parser: Parser, out: Path) -> None:
    routes(desk, to(out, mode="0604"))
    content = sample("remittance-note.pdf")
    transfer = come(desk, parser, b"note.pdf", content)
    assert states(desk, transfer) == [("waiting", None)]
    worker(desk).round()
    assert lying(out) == {"note.pdf": content}
    assert (out / "note.pdf").stat().st_mode & 0o777 == 0o604
    assert states(desk, transfer) == [("delivered", None)]
    leaf = desk.leaf(transfer, "delivery.made")
    assert leaf["facts"] | {"delivery": ""} == {
        "delivery": "", "route": "out", "attempts": 1, "size_bytes": len(content), "name": "note.pdf",
        "target": str(out),
    }  # fmt: skip
    assert desk.types(transfer)[-1] == "delivery.succeeded"
    (out / "note.pdf").unlink()
    worker(desk).round()
    assert lying(out) == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (b"half.edi", sample("claims-cut-off.edi")),
        (b"wrong.edi", sample("claims-wrong-count.edi")),
        (b"empty", b""),
        (b"strange.gz", b"\x1f\x8b\x08\x00" + bytes(20)),
    ],
)
def test_what_is_not_done_goes_nowhere(desk: Desk, parser: Parser, out: Path, name: bytes, content: bytes) -> None:
    routes(desk, to(out, usage="any"))
    assert states(desk, come(desk, parser, name, content)) == []


def test_the_same_file_again_goes_nowhere(desk: Desk, parser: Parser, out: Path) -> None:
    routes(desk, to(out, usage="any"))
    assert states(desk, come(desk, parser, b"1.edi", numbered(1))) == [("waiting", None)]
    assert states(desk, come(desk, parser, b"2.edi", numbered(1))) == []


def test_a_file_with_an_interchange_that_waits_goes_in_parts_and_that_one_later(
    desk: Desk, parser: Parser, out: Path
) -> None:
    known = TradingPartner(name="known", ids=("KNOWN",))
    routes(desk, to(out, usage="any"), trading_partners=(known,))
    good, strange = from_to(numbered(1), b"KNOWN", b"US"), from_to(numbered(2), b"STRANGER", b"US")
    transfer = come(desk, parser, b"two.edi", good + strange)
    worker(desk).round()
    assert {name: content.strip() for name, content in lying(out).items()} == {"two-1.edi": good.strip()}
    (child,) = [row["id"] for row in desk.books.rows(_children(), {"transfer": transfer})]
    desk.core.run(ReleaseHeld(child, "cli:0"))
    desk.turn(parser)
    worker(desk).round()
    assert lying(out)["two.2.edi"].strip() == strange.strip()


def _children() -> Any:
    from sqlalchemy import bindparam, select

    from mft.ledger.tables import TRANSFER

    return select(TRANSFER.c.id).where(TRANSFER.c.parent_id == bindparam("transfer"), TRANSFER.c.direction == "inbound")


def test_tests_go_by_routes_for_tests_alone(desk: Desk, parser: Parser, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("production", "test", "any")}
    for folder in folders.values():
        folder.mkdir()
    routes(desk, *(to(folder, name=name, usage=name) for name, folder in folders.items()))
    p, t = usage(numbered(1), b"P"), usage(numbered(2), b"T")
    come(desk, parser, b"p.edi", p)
    come(desk, parser, b"t.edi", t)
    come(desk, parser, b"both.edi", usage(numbered(3), b"P") + usage(numbered(4), b"T"))
    worker(desk).round()
    assert sorted(lying(folders["production"])) == ["both-1.edi", "p.edi"]
    assert sorted(lying(folders["test"])) == ["both-2.edi", "t.edi"]
    assert sorted(lying(folders["any"])) == ["both.edi", "p.edi", "t.edi"]
    assert all(b"*0*T*" not in content for content in lying(folders["production"]).values())


def test_another_partners_mailbox(desk: Desk, parser: Parser) -> None:
    routes(desk, Route(name="back", to_partner="acme"))
    content = sample("remittance-note.pdf")
    transfer = come(desk, parser, b"note.pdf", content)
    worker(desk).round()
    (row,) = deliveries.deliveries_of(desk.books, transfer)
    there = desk.row(row["outbound_id"])
    assert (there["connection"], bytes(there["folder_bytes"]), there["parent_id"]) == (
        ACME.connection, b"/outbound", transfer,
    )  # fmt: skip
    assert desk.opened(there["object_id"]) == content


class TestTargetThatDoesNotTakeIt:
    def test_is_tried_again_in_order_and_others_go_on(
        self, desk: Desk, parser: Parser, tmp_path: Path, out: Path, clock: list[int]
    ) -> None:
        gone = tmp_path / "gone"
        routes(desk, to(gone, name="gone"), to(out))
        first = come(desk, parser, b"1.pdf", sample("remittance-note.pdf"))
        second = come(desk, parser, b"2.txt", b"words")
        worker(desk).round()
        assert sorted(lying(out)) == ["1.pdf", "2.txt"]
        assert states(desk, first) == [("failed", "folder-missing"), ("delivered", None)]
        assert states(desk, second) == [("waiting", None), ("delivered", None)]
        gone.mkdir()
        worker(desk).round()
        assert lying(gone) == {}  # Not due yet, and nothing overtakes it.
        clock[0] += 2_000_000
        worker(desk).round()
        assert sorted(lying(gone)) == ["1.pdf", "2.txt"]
        assert desk.kinds(first).count("delivery.failed") == 1
        assert desk.kinds(first)[-1] == "delivery.made"

    def test_full_disk(self, desk: Desk, parser: Parser, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        routes(desk, to(out))
        transfer = come(desk, parser, b"1.txt", b"words")

        def full(fd: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        said: list[Any] = []
        with monkeypatch.context() as patch:
            patch.setattr(durable.os, "fsync", full)
            worker(desk, said.append).round()
        assert [command.error for command in said] == ["disk-full"]
        assert lying(out) == {}
        worker(desk).round()
        assert states(desk, transfer) == [("delivered", None)]

    def test_is_given_up_after_three_days_and_can_be_retried(
        self, desk: Desk, parser: Parser, tmp_path: Path, clock: list[int]
    ) -> None:
        gone = tmp_path / "gone"
        routes(desk, to(gone))
        transfer = come(desk, parser, b"1.txt", b"words")
        tries = 0
        while states(desk, transfer)[0][0] != "dead":
            worker(desk).round()
            tries += 1
            clock[0] += 2 * HOUR_US
            assert tries < 100
        (row,) = deliveries.deliveries_of(desk.books, transfer)
        assert row["attempts"] >= 20
        assert desk.types(transfer).count("delivery.failed") == 2
        assert desk.kinds(transfer)[-1] == "delivery.given-up"
        gone.mkdir()
        worker(desk).round()
        assert lying(gone) == {}
        desk.core.run(RetryDelivery(row["id"], "cli:0"))
        worker(desk).round()
        assert lying(gone) == {"1.txt": b"words"}
        with pytest.raises(Refused):
            desk.core.run(RetryDelivery(row["id"], "cli:0"))

    def test_a_route_that_is_gone(self, desk: Desk, parser: Parser, out: Path) -> None:
        routes(desk, to(out))
        transfer = come(desk, parser, b"1.txt", b"words")
        routes(desk)
        worker(desk).round()
        assert states(desk, transfer) == [("failed", "refused.no-route")]


class TestNameThatIsTaken:
    def test_by_the_same_content_it_is_there_already(self, desk: Desk, parser: Parser, out: Path) -> None:
        routes(desk, to(out, if_exists="fail"))
        (out / "1.txt").write_bytes(b"words")
        transfer = come(desk, parser, b"1.txt", b"words")
        worker(desk).round()
        assert lying(out) == {"1.txt": b"words"}
        assert states(desk, transfer) == [("delivered", None)]

    @pytest.mark.parametrize(
        ("if_exists", "there"),
        [
            ("number", {"1.txt": b"other", "1-2.txt": b"words"}),
            ("replace", {"1.txt": b"words"}),
            ("fail", {"1.txt": b"other"}),
        ],
    )
    def test_by_other_content(
        self, desk: Desk, parser: Parser, out: Path, if_exists: str, there: dict[str, bytes]
    ) -> None:
        routes(desk, to(out, if_exists=if_exists))
        (out / "1.txt").write_bytes(b"other")
        first = come(desk, parser, b"1.txt", b"words")
        second = come(desk, parser, b"2.txt", b"more")
        worker(desk).round()
        assert lying(out) == there | {"2.txt": b"more"}  # One that is not taken holds up no other.
        assert states(desk, second) == [("delivered", None)]
        taken = [("failed", "duplicate.name-taken")]
        assert states(desk, first) == (taken if if_exists == "fail" else [("delivered", None)])

    @pytest.mark.parametrize("if_exists", ["number", "replace"])
    def test_by_a_link_which_is_not_followed(
        self, desk: Desk, parser: Parser, out: Path, tmp_path: Path, if_exists: str
    ) -> None:
        routes(desk, to(out, if_exists=if_exists))
        victim = tmp_path / "victim"
        victim.write_bytes(b"other")
        (out / "1.txt").symlink_to(victim)
        come(desk, parser, b"1.txt", b"words")
        worker(desk).round()
        assert victim.read_bytes() == b"other"
        name = "1.txt" if if_exists == "replace" else "1-2.txt"
        assert (out / name).read_bytes() == b"words"
        assert not (out / name).is_symlink()

    def test_a_folder_that_is_a_link_is_refused(self, desk: Desk, parser: Parser, out: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(out)
        routes(desk, to(tmp_path / "link"))
        transfer = come(desk, parser, b"1.txt", b"words")
        worker(desk).round()
        assert lying(out) == {}
        assert states(desk, transfer) == [("failed", "not-a-folder")]


@pytest.mark.parametrize("step", ["fsync", "link", "unlink", "commit"])
def test_killed_at_each_step_it_lies_there_once(
    desk: Desk, parser: Parser, out: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    routes(desk, to(out))
    (out / "1.txt").write_bytes(b"other")
    transfer = come(desk, parser, b"1.txt", b"words")
    dead = False

    def dying(name: str) -> Callable[..., Any]:
        really = getattr(os, name)

        def call(*args: Any, **named: Any) -> Any:
            nonlocal dead
            if dead or (name == step and (name != "unlink" or (out / "1-2.txt").exists())):
                dead = True
                raise Killed  # From here on nothing is done any more, as behind kill -9.
            return really(*args, **named)

        return call

    def commit(command: Any) -> None:
        assert isinstance(command, FileDelivered)
        raise Killed

    with monkeypatch.context() as patch:
        for name in ("fsync", "link", "unlink"):
            patch.setattr(durable.os, name, dying(name))
        with pytest.raises(Killed):
            worker(desk, commit).round()
    assert states(desk, transfer) == [("waiting", None)]
    worker(desk).round()
    assert lying(out) == {"1.txt": b"other", "1-2.txt": b"words"}
    assert states(desk, transfer) == [("delivered", None)]


def test_our_own_disk_is_not_a_failed_delivery(desk: Desk, parser: Parser, out: Path) -> None:
    routes(desk, to(out))
    transfer = come(desk, parser, b"1.txt", b"words")

    def broken(command: Any) -> None:
        raise SyncFailed("ours")

    with pytest.raises(SyncFailed):
        worker(desk, broken).round()
    assert states(desk, transfer) == [("waiting", None)]


def test_a_hold_on_a_route_holds_it_and_keeps_its_order(
    desk: Desk, parser: Parser, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    routes(desk, to(out), to(other, name="other"))
    hold = desk.core.run(AddFlowHold("claims system down", "cli:0", sink="out"))
    for number in range(5):
        come(desk, parser, b"%d.txt" % number, b"%d" % number)
    worker(desk).round()
    assert lying(out) == {}
    assert len(lying(other)) == 5
    desk.core.run(LiftFlowHold(hold, "cli:0"))
    order: list[bytes] = []
    commit = desk.core.run

    def seen(command: Any) -> Any:
        order.append(command.name)
        return commit(command)

    worker(desk, seen).round()
    assert order == [b"%d.txt" % number for number in range(5)]
