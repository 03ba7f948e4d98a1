"""Checkpoints leave: what is new goes to every place, and one that is dead is told of once and holds up no other."""

import threading
from collections.abc import Callable, Iterator

import pytest

from mft.audit.log import make_checkpoint, newest_checkpoint
from mft.audit.query import leaves
from mft.core import Note
from mft.crypto.signing import SigningKey
from mft.ledger.anchors import anchor_of
from mft.pipeline.anchor import AnchorFailed, Anchors, attempt
from mft.sinks.checkpoints import Syslog
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_emit import NOBODY

KEY = SigningKey("mft/test", bytes(range(32)))
SECONDS = 30
Start = Callable[..., Anchors]


class Place:
    """A place whose network can be cut, and that can be waited for."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.has: list[int] = []
        self.tries = 0
        self.down = False
        self.changed = threading.Condition()
        self.hangs: threading.Event | None = None

    def send(self, size: int, note: str) -> None:
        if self.hangs is not None:
            self.hangs.wait(SECONDS)
        with self.changed:
            self.tries += 1
            if not self.down:
                assert note.split("\n")[1] == str(size)
                self.has.append(size)
            self.changed.notify_all()
        if self.down:
            raise ConnectionRefusedError("nobody\x1b[2J listens")

    def until(self, what: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(what, SECONDS), (self.has, self.tries)


def sign(desk: Desk) -> int:
    """Something happens, and is signed; returns the size."""
    desk.core.run(Note("server.started", "server"))
    return desk.core.writer.run(lambda books: make_checkpoint(books, KEY, at=1)).size


def kinds(desk: Desk) -> list[str]:
    found = [leaf["kind"] for leaf in leaves(desk.books, newest_first=False)]
    return [kind for kind in found if kind.startswith("checkpoint.")]


@pytest.fixture
def start(desk: Desk) -> Iterator[Start]:
    made: list[Anchors] = []

    def begin(*places: Place, send_seconds: float = 0.001) -> Anchors:
        anchors = Anchors(places, desk.readers.get, desk.core.run, NOBODY, send_seconds=send_seconds)
        anchors.start()
        made.append(anchors)
        return anchors

    yield begin
    for anchors in made:
        anchors.stop()


def test_only_what_is_new_goes_and_no_sending_is_a_leaf(desk: Desk, start: Start) -> None:
    place, size = Place("syslog-1"), sign(desk)
    anchors = start(place)
    place.until(lambda: place.has == [size])
    size = sign(desk)
    place.until(lambda: place.has[-1] == size)
    anchors.stop()
    assert len(place.has) == 2
    row = anchor_of(desk.books, "syslog-1")
    assert row is not None
    assert (row["size"], row["failed_at"], row["failure"]) == (size, None, None)
    assert kinds(desk) == []


def test_a_stop_sends_what_was_signed_last(desk: Desk, start: Start) -> None:
    place, first = Place("syslog-1"), sign(desk)
    anchors = start(place, send_seconds=3600)
    place.until(lambda: place.has == [first])
    last = sign(desk)
    anchors.stop()
    assert place.has == [first, last]


def test_a_dead_place_is_told_of_once_and_others_are_served(desk: Desk, start: Start) -> None:
    dead, alive = Place("mail-1"), Place("syslog-1")
    dead.down = True
    size = sign(desk)
    start(dead, alive)
    dead.until(lambda: dead.tries >= 4)
    alive.until(lambda: alive.has == [size])
    assert kinds(desk) == ["checkpoint.unsent"]
    (leaf,) = leaves(desk.books, kind="checkpoint.unsent")
    assert leaf["facts"] == {"destination": "mail-1", "error": "ConnectionRefusedError"}
    row = anchor_of(desk.books, "mail-1")
    assert row is not None
    assert row["failure"] == "nobody\\x1b[2J listens"
    dead.down = False
    dead.until(lambda: dead.has[-1:] == [size])
    newest = newest_checkpoint(desk.books)
    assert newest is not None
    assert newest["size"] == size, "no sending asks for a checkpoint by itself"
    desk.core.run(Note("server.started", "server"))  # Behind the commit that notes the sending.


def test_that_it_works_again_is_told(desk: Desk) -> None:
    place = Place("mail-1")
    place.down = True
    for down in (True, True, False, False, True):
        place.down = down
        desk.core.run(attempt(place, 1, "o\n1\n"))
    assert kinds(desk) == ["checkpoint.unsent", "checkpoint.sent-again", "checkpoint.unsent"]


def test_one_that_hangs_holds_up_no_other_and_no_stop(
    desk: Desk, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mft.pipeline.anchor._STOP_SECONDS", 0.1)
    hanging, alive = Place("mail-1"), Place("syslog-1")
    hanging.hangs = threading.Event()
    size = sign(desk)
    anchors = start(hanging, alive)
    alive.until(lambda: alive.has == [size])
    anchors.stop()
    hanging.hangs.set()
    for thread in anchors._threads:
        thread.join(SECONDS)
    assert anchor_of(desk.books, "mail-1") is None, "left behind, it writes nothing any more"


def test_what_failed_is_in_words_even_where_the_error_has_none(desk: Desk) -> None:
    class Mute(Place):
        def send(self, size: int, note: str) -> None:
            raise TimeoutError

    assert attempt(Mute("mail-1"), 1, "") == AnchorFailed("mail-1", "TimeoutError", "TimeoutError")


def test_an_address_that_no_name_can_be_is_a_failure_as_others_are(desk: Desk) -> None:
    outcome = attempt(Syslog("tcp:log..example:514"), 1, "note")
    assert isinstance(outcome, AnchorFailed)
    assert (outcome.error, outcome.failure) == ("UnicodeError", "its address or another setting is not usable")
