"""Receiving and the partner's mailbox: what is committed with a "yes", and what a partner can do to names."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from mft.clock import new_id
from mft.core import HANDLERS, Core
from mft.domain import ERRORS, INBOUND, OUTBOUND, TENANT
from mft.errors import Missing, NameTaken, NotAllowed
from mft.ledger.database import Ledger
from mft.pipeline import mailbox
from mft.pipeline.receive import Deposit
from mft.pipeline.upload import Upload
from tests.unit.mft.ledger.entries import ACME, OTHER, arrival
from tests.unit.mft.pipeline.conftest import Desk


def deposit(desk: Desk, name: bytes, content: bytes, folder: bytes = OUTBOUND) -> str:
    sealed, sha256 = desk.vault.seal(TENANT, content)
    transfer: str = desk.core.run(Deposit(new_id(), arrival(name, folder=folder), sealed, sha256))
    return transfer


def names(desk: Desk, folder: bytes = INBOUND, *, since: int = 0) -> list[bytes]:
    return [bytes(row["name_bytes"]) for row in mailbox.entries(desk.books, ACME.connection, folder, since=since)]


class TestReceive:
    @pytest.mark.parametrize("size", [0, 5, 65_536, 65_537, 3_000_000])
    def test_the_bytes_the_row_and_the_leaf_come_together(self, desk: Desk, size: int) -> None:
        content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        transfer = desk.receive(b"f\xc3\xa4.bin", content)
        row = desk.row(transfer)
        assert (row["stage"], row["size_bytes"], row["door"], row["account"]) == ("received", size, "sftp", "acme")
        assert desk.opened(row["object_id"]) == content
        leaf = desk.leaf(transfer, "transfer.received")
        assert leaf["facts"] == {
            "door": "sftp", "size_bytes": size, "object": row["object_id"], "name": "fä.bin",
            "sha256": bytes(row["sha256"]).hex(),
        }  # fmt: skip
        assert (leaf["actor"], leaf["connection"]) == (f"connection:{ACME.connection}", ACME.connection)
        assert desk.events(transfer) == []  # Nobody is told before the file was looked at.
        assert bool(desk.files()) == (size > 65_536)

    @pytest.mark.parametrize("size", [5, 65_536, 3_000_000])
    def test_a_broken_upload_is_kept_and_published_to_nobody(self, desk: Desk, size: int) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"half.bin"))
        upload.write(0, memoryview(b"x" * size))
        upload.work()
        desk.core.run(upload.keep("the connection ended"))
        row = desk.row(upload.transfer)
        assert (row["stage"], row["size_bytes"], row["sha256"]) == ("partial", size, None)
        assert desk.opened(row["object_id"]) == b"x" * size
        assert f"{size:,} bytes" in row["reason"]
        assert desk.kinds(upload.transfer) == ["transfer.partial"]
        assert desk.types(upload.transfer) == []
        assert names(desk) == [b"half.bin"]
        assert desk.claim() == []

    def test_an_upload_that_is_given_up_is_a_fact_and_nothing_else(self, desk: Desk) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"half.bin"))
        upload.write(0, memoryview(b"x" * 3_000_000))
        upload.work()
        assert desk.files() != []
        begin = upload.begin()
        assert begin is not None
        desk.core.run(begin)
        upload.entered(begin)
        desk.core.run(upload.abandon("the disk is full"))
        row = desk.row(upload.transfer)
        assert (row["stage"], row["size_bytes"], row["object_id"]) == ("partial", 0, None)
        assert desk.files() == []
        assert names(desk) == []

    def test_a_refused_commit_leaves_nothing(self, desk: Desk) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"twice.bin"))
        upload.write(0, memoryview(b"x"))
        command = upload.finish(publish=True, repeat_since=1 << 62)
        desk.core.run(command)
        with pytest.raises(Exception, match="UNIQUE"):
            desk.core.run(command)
        assert desk.kinds(upload.transfer) == ["transfer.received"]


class TestWaking:
    def test_arrivals_and_events_wake_who_waits_after_the_commit(self, desk: Desk) -> None:
        woken: list[str] = []
        desk.core.on("arrived", lambda: woken.append("arrival"))
        desk.core.on("announced", lambda: woken.append("event"))
        desk.receive(b"a", b"x")
        desk.core.writer.run(lambda books: None)  # Behind the wake-ups of the commit before.
        assert sorted(woken) == ["arrival"]
        deposit(desk, b"b", b"y")
        desk.core.writer.run(lambda books: None)
        assert sorted(woken) == ["arrival"]

    def test_every_command_has_its_handler(self) -> None:
        from typing import get_args

        from mft.core import Command

        assert set(get_args(Command)) == set(HANDLERS)

    def test_an_installation_has_one_id_for_ever(self, tmp_path: Path, made_ledger: Path) -> None:
        import shutil

        shutil.copy(made_ledger, tmp_path / "copy.db")
        ids = set()
        for _ in range(2):
            core = Core(Ledger(f"sqlite:{tmp_path / 'copy.db'}"), subscriptions={})
            ids.add(core.installation)
            core.close()
        assert len(ids) == 1


class TestRename:
    def rename(self, desk: Desk, name: bytes, new_name: bytes, **options: Any) -> None:
        given = {"folder": INBOUND, "new_folder": INBOUND, "since": 0, "principal": ACME, **options}
        desk.core.run(mailbox.Rename(name=name, new_name=new_name, **given))

    def test_changes_the_label_and_leaves_a_leaf(self, desk: Desk) -> None:
        transfer = desk.receive(b"a", b"x")
        self.rename(desk, b"a", b"b")
        assert names(desk) == [b"b"]
        assert desk.leaf(transfer, "transfer.renamed")["facts"] == {"name": "a", "new_name": "b"}

    def test_onto_a_name_that_is_there(self, desk: Desk) -> None:
        first, second = desk.receive(b"a", b"x"), desk.receive(b"b", b"y")
        with pytest.raises(NameTaken):
            self.rename(desk, b"a", b"b")
        self.rename(desk, b"a", b"b", replace=True)
        (row,) = mailbox.entries(desk.books, ACME.connection, INBOUND, since=0)
        assert row["id"] == first
        assert desk.row(second)["stage"] == "received"

    def test_onto_itself(self, desk: Desk) -> None:
        desk.receive(b"a", b"x")
        self.rename(desk, b"a", b"a")
        assert names(desk) == [b"a"]

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"new_folder": OUTBOUND}, NotAllowed),
            ({"folder": ERRORS}, NotAllowed),
            ({"principal": OTHER}, Missing),
            ({"since": 1 << 60}, Missing),
        ],
    )
    def test_refused(self, desk: Desk, options: dict[str, Any], error: type[Exception]) -> None:
        transfer = desk.receive(b"a", b"x")
        with pytest.raises(error):
            self.rename(desk, b"a", b"b", **options)
        assert names(desk) == [b"a"]
        assert desk.kinds(transfer) == ["transfer.received"]


class TestRemoveAndFetch:
    def test_a_removed_name_is_out_of_sight_and_the_file_stays(self, desk: Desk) -> None:
        transfer = desk.receive(b"a", b"content")
        desk.core.run(mailbox.Remove(ACME, INBOUND, b"a", 0))
        assert names(desk) == []
        assert desk.opened(desk.row(transfer)["object_id"]) == b"content"
        assert desk.kinds(transfer)[-1] == "transfer.removed"
        with pytest.raises(Missing):
            desk.core.run(mailbox.Remove(ACME, INBOUND, b"a", 0))

    def test_nobody_removes_anothers(self, desk: Desk) -> None:
        desk.receive(b"a", b"content")
        with pytest.raises(Missing):
            desk.core.run(mailbox.Remove(OTHER, INBOUND, b"a", 0))
        assert names(desk) == [b"a"]

    def test_what_lies_there_can_be_fetched_by_its_own_partner(self, desk: Desk) -> None:
        transfer = deposit(desk, b"for-acme.txt", b"hello")
        row, sealed = mailbox.content(desk.books, ACME.connection, OUTBOUND, b"for-acme.txt", since=1 << 60)
        assert row["id"] == transfer
        reader = desk.vault.open(sealed)
        assert b"".join(reader.chunks()) == b"hello"
        with pytest.raises(Missing):
            mailbox.content(desk.books, OTHER.connection, OUTBOUND, b"for-acme.txt", since=0)
        desk.core.run(mailbox.Fetched(ACME, transfer, 5))
        assert desk.leaf(transfer, "transfer.fetched")["facts"] == {"size_bytes": 5}

    def test_an_upload_cannot_be_read_back(self, desk: Desk) -> None:
        desk.receive(b"a", b"x")
        with pytest.raises(NotAllowed):
            mailbox.content(desk.books, ACME.connection, INBOUND, b"a", since=0)

    def test_a_partner_sees_each_name_once(self, desk: Desk) -> None:
        for content in (b"1", b"22", b"333"):
            desk.receive(b"daily.csv", content)
        (row,) = mailbox.entries(desk.books, ACME.connection, INBOUND, since=0)
        assert row["size_bytes"] == 3


def test_event_bodies_are_json_without_unknown_things(desk: Desk) -> None:
    transfer = desk.announce(b"a")
    (event,) = desk.events(transfer)
    assert (event["specversion"], event["type"], event["subject"]) == ("1.0", "mft.upload.stalled.v1", transfer)
    assert event["source"] == f"urn:mft:{desk.core.installation}"
    assert None not in event.values()
    assert json.loads(json.dumps(event)) == event
    assert dataclasses.is_dataclass(ACME)
