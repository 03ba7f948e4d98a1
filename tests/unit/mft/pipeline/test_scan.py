"""A real clamd, with a signature of our own: what it finds is quarantined, and without it files wait."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from mft.ledger.tables import TRANSFER
from mft.pipeline.parse import Parser
from mft.pipeline.scan import Rescan, ScannerDown, Scanning, TooLargeToScan
from mft.sinks.clamd import Clamd
from partners.feed import Feed
from tests.archives import zipped
from tests.clamd import EVIL, clamd
from tests.harness import eventually, sample
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_unwrap import children, put_in_force, receive, until_quiet

ORDERS = sample("orders-850.edi")


@pytest.fixture(scope="module")
def daemon() -> Iterator[str]:
    with clamd() as address:
        yield address


class TestClamd:
    def test_it_answers(self, daemon: str) -> None:
        assert Clamd(daemon).answers()
        assert not Clamd("unix:/nowhere").answers()
        assert not Clamd("tcp:127.0.0.1:1").answers()

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (b"", None),
            (ORDERS, None),
            (EVIL, "Local.Made-Up.UNOFFICIAL"),
            (b"x" * 500_000 + EVIL + b"y" * 1000, "Local.Made-Up.UNOFFICIAL"),
            (gzip.compress(EVIL, mtime=0), "Local.Made-Up.UNOFFICIAL"),
        ],
    )
    @pytest.mark.parametrize("piece", [7, 65_536, 1 << 20])
    def test_what_it_finds(self, daemon: str, content: bytes, found: str | None, piece: int) -> None:
        if piece == 7 and len(content) > 10_000:
            piece = 1000
        pieces = (content[at : at + piece] for at in range(0, len(content), piece))
        assert Clamd(daemon).scan(pieces) == found

    def test_too_much(self, daemon: str) -> None:
        with pytest.raises(TooLargeToScan):
            Clamd(daemon).scan(iter([b"x" * 65_536] * 64))

    def test_nobody_there(self) -> None:
        for address in ("unix:/nowhere", "tcp:127.0.0.1:1"):
            with pytest.raises(ScannerDown):
                Clamd(address).scan(iter([b"x"]))

    @pytest.mark.parametrize(
        "answer", [b"", b"stream: Can't allocate memory ERROR\0", b"garbage", b"x" * 100_000, None]
    )
    def test_answers_that_say_nothing_say_nothing_good(self, answer: bytes | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                connection, _ = server.accept()
                with connection:
                    while not connection.recv(65_536).endswith(bytes(4)):
                        pass
                    if answer is None:
                        time.sleep(1)
                    else:
                        connection.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            port = server.getsockname()[1]
            with pytest.raises(ScannerDown):
                Clamd(f"tcp:127.0.0.1:{port}", seconds=0.3).scan(iter([b"content"]))
            thread.join()


class TestTransfers:
    @pytest.fixture
    def scanned(self, desk: Desk, daemon: str) -> Desk:
        put_in_force(desk, Feed(name="wrapped", scan=True, unwrap=True))
        desk.runner._scanning = Scanning(Clamd(daemon), 1 << 20)
        return desk

    def test_a_clean_file_is_read(self, scanned: Desk, parser: Parser) -> None:
        transfer = receive(scanned, b"orders.edi", ORDERS)
        scanned.turn(parser)
        assert scanned.row(transfer)["stage"] == "done"

    def test_malware_is_quarantined_with_its_name(self, scanned: Desk, parser: Parser) -> None:
        transfer = receive(scanned, b"orders.edi", ORDERS + EVIL)
        scanned.turn(parser)
        row = scanned.row(transfer)
        assert (row["stage"], row["doubt"]) == ("quarantined", "malware")
        assert row["reason"] == "malware: the scanner found Local.Made-Up.UNOFFICIAL"
        assert scanned.types(transfer) == ["transfer.received", "transfer.quarantined"]
        assert scanned.parts("interchange", transfer) == []

    def test_a_part_is_looked_at_by_itself(self, scanned: Desk, parser: Parser, daemon: str) -> None:
        class OnlyParts(Clamd):
            """A scanner that does not look into archives."""

            def scan(self, chunks: Iterator[bytes]) -> str | None:
                content = b"".join(chunks)
                return None if content[:2] == b"PK" else super().scan(iter([content]))

        scanned.runner._scanning = Scanning(OnlyParts(daemon), 1 << 20)
        transfer = receive(scanned, b"a.zip", zipped({"good.edi": ORDERS, "evil.edi": EVIL}))
        until_quiet(scanned, parser)
        assert [row["stage"] for row in children(scanned, transfer)] == ["done", "quarantined"]

    def test_what_is_too_large_is_held_or_passes_as_the_policy_says(
        self,
        scanned: Desk,
        parser: Parser,
        daemon: str,
    ) -> None:
        large = b"x" * 3_000_000
        for bytes_max in (1 << 20, 1 << 30):  # As we know, or as it says.
            scanned.runner._scanning = Scanning(Clamd(daemon), bytes_max)
            transfer = receive(scanned, b"large", large + b"%d" % bytes_max)
            scanned.turn(parser)
            assert (scanned.row(transfer)["stage"], scanned.row(transfer)["doubt"]) == ("held", "unscanned")
            scanned.runner._scanning = Scanning(Clamd(daemon), bytes_max, pass_large=True)
            transfer = receive(scanned, b"large", large + b"again%d" % bytes_max)
            scanned.turn(parser)
            assert scanned.row(transfer)["stage"] == "done"

    def test_what_we_know_to_be_too_large_is_not_sent(self, scanned: Desk, parser: Parser, daemon: str) -> None:
        scanned.runner._scanning = Scanning(Clamd(daemon), len(ORDERS) - 1)
        transfer = receive(scanned, b"orders.edi", ORDERS)
        scanned.turn(parser)
        assert scanned.row(transfer)["doubt"] == "unscanned"

    def test_without_a_scanner_files_wait_and_go_on_by_themselves(
        self,
        scanned: Desk,
        parser: Parser,
        daemon: str,
    ) -> None:
        for down in (Scanning(Clamd("unix:/nowhere"), 1 << 20), Scanning()):
            scanned.runner._scanning = down
            clean, evil = (receive(scanned, name, name + b"%d" % id(down) + more)
                           for name, more in ((b"clean", b""), (b"evil", EVIL)))  # fmt: skip
            until_quiet(scanned, parser)
            assert (scanned.row(clean)["stage"], scanned.row(clean)["doubt"]) == ("held", "scanner")
            Rescan(Clamd("unix:/nowhere"), scanned.readers.get, scanned.core.run, print).look()
            assert scanned.row(clean)["stage"] == "held"
            scanned.runner._scanning = Scanning(Clamd(daemon), 1 << 20)
            Rescan(Clamd(daemon), scanned.readers.get, scanned.core.run, print).look()
            until_quiet(scanned, parser)
            assert scanned.row(clean)["stage"] == "done"
            assert scanned.row(evil)["stage"] == "quarantined"  # A file that goes on by itself is scanned.
            assert "transfer.released" in scanned.kinds(clean)

    @pytest.mark.parametrize("waived", ["malware", "scanner", "unscanned"])
    def test_an_operator_lets_it_pass(self, scanned: Desk, parser: Parser, waived: str) -> None:
        transfer = receive(scanned, b"false-alarm", EVIL)
        waive = update(TRANSFER).where(TRANSFER.c.id == transfer).values(waived=waived)
        scanned.core.writer.run(lambda books: books.execute(waive, {}))
        scanned.turn(parser)
        assert scanned.row(transfer)["stage"] == "done"

    def test_other_feeds_are_not_scanned(self, desk: Desk, parser: Parser, daemon: str) -> None:
        put_in_force(desk, Feed(name="wrapped"))
        desk.runner._scanning = Scanning(Clamd("unix:/nowhere"), 1 << 20)
        transfer = receive(desk, b"orders.edi", ORDERS)
        desk.turn(parser)
        assert desk.row(transfer)["stage"] == "done"

    def test_the_thread_asks_by_itself(self, scanned: Desk, parser: Parser, daemon: str) -> None:
        scanned.runner._scanning = Scanning()
        transfer = receive(scanned, b"clean", b"clean")
        scanned.turn(parser)
        rescan = Rescan(Clamd(daemon), scanned.readers.get, scanned.core.run, print, look_seconds=0.05)
        rescan.start()
        eventually(lambda: scanned.row(transfer)["stage"] == "received", what="it is let go")
        rescan.stop()
