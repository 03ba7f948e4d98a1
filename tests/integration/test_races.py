"""Requests that cross: two sessions at one name, connections that end while something is done for them, slow disks."""

import asyncio
import os
import struct
from collections.abc import Callable, Iterator
from itertools import chain

import pytest

from mft.wire.sftp import Attrs, Message, OpenFlag
from tests.harness import Partner, Site, eventually
from tests.property.client import Client, string, write_body

FRESH = OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC
PIECE = 200_000
NAME = b"/inbound/claims.bin"

Connect = Callable[[Site], Client]


@pytest.fixture
def connect(acme: Partner) -> Iterator[Connect]:
    loop = asyncio.new_event_loop()
    clients: list[Client] = []

    def connected(site: Site) -> Client:
        clients.append(Client(loop, site.port, acme))
        return clients[-1]

    yield connected
    for client in clients:
        client.cut()
    loop.close()


def writes(handle: bytes, content: bytes) -> list[tuple[Message, bytes]]:
    pieces = range(0, len(content), PIECE)
    return [(Message.WRITE, write_body(handle, offset, content[offset : offset + PIECE])) for offset in pieces]


def fsync(handle: bytes) -> tuple[Message, bytes]:
    return Message.EXTENDED, string(b"fsync@openssh.com") + string(handle)


def stages(site: Site) -> list[tuple[str, int]]:
    return [(row["stage"], row["size_bytes"]) for row in site.transfers()]


def check_it_comes_back(site: Site) -> None:
    assert site.stop() == 0
    site.start()
    assert site.stop() == 0


def test_a_file_that_is_refused_behind_an_fsync_harms_no_start(serving: Site, connect: Connect) -> None:
    client = connect(serving)
    handle = client.open(NAME, FRESH).handle
    content = os.urandom(PIECE)
    assert client.ask(*writes(handle, content)[0]).ok
    assert client.ask(*fsync(handle)).ok
    assert not client.ask(Message.WRITE, write_body(handle, 1 << 60, b"x")).ok
    assert not client.ask(Message.CLOSE, string(handle)).ok
    (row,) = serving.transfers()
    assert (row["stage"], serving.opened(row)) == ("partial", content)
    check_it_comes_back(serving)


def test_a_name_is_free_again_whoever_waited_for_it_has_gone(serving: Site, connect: Connect) -> None:
    one, two, three = connect(serving), connect(serving), connect(serving)
    handle = one.open(NAME, FRESH).handle
    one.send(writes(handle, os.urandom(20_000_000)))
    one.cut()
    two.send([(Message.OPEN, string(NAME) + struct.pack(">I", FRESH) + Attrs().encode())])
    two.cut()

    def opened() -> bool:
        answer = three.open(NAME, FRESH)
        assert answer.ok or "under way" in answer.words
        return answer.ok

    eventually(opened, what="the name is free")
    assert serving.stop() == 0


def test_nobody_renames_onto_a_file_that_is_written(serving: Site, connect: Connect) -> None:
    one, two = connect(serving), connect(serving)
    handle = one.open(NAME, FRESH).handle
    assert one.ask(Message.WRITE, write_body(handle, 0, b"half")).ok
    one.cut()
    eventually(lambda: stages(serving) == [("partial", 4)], what="the half is kept")
    one = connect(serving)
    handle = one.open(NAME, OpenFlag.WRITE).handle
    other = two.open(b"/inbound/other.tmp", FRESH).handle
    assert two.ask(Message.CLOSE, string(other)).ok
    for extended in (b"", string(b"posix-rename@openssh.com")):
        names = string(b"/inbound/other.tmp") + string(NAME)
        answer = two.ask(Message.EXTENDED if extended else Message.RENAME, extended + names)
        assert "under way" in answer.words
    assert not two.ask(Message.REMOVE, string(NAME)).ok
    assert one.ask(Message.WRITE, write_body(handle, 4, b" and half")).ok
    assert one.ask(Message.CLOSE, string(handle)).ok
    assert serving.opened(serving.rested("claims.bin")) == b"half and half"


@pytest.mark.parametrize("cut", [False, True])
def test_requests_on_one_file_are_taken_in_order(site: Site, connect: Connect, *, cut: bool) -> None:
    site.start(fault="slow-disk")
    client = connect(site)
    slow, handle = client.open(b"/inbound/slow.bin", FRESH).handle, client.open(NAME, FRESH).handle
    assert client.ask(Message.WRITE, write_body(handle, 0, b"of yesterday, and long")).ok
    client.send(
        [
            *writes(slow, os.urandom(1_500_000)),
            (Message.CLOSE, string(slow)),
            (Message.FSETSTAT, string(handle) + Attrs(size=0).encode()),
            (Message.WRITE, write_body(handle, 0, b"of today")),
            (Message.CLOSE, string(handle)),
        ]
    )
    if cut:
        eventually(site.transfers, what="the requests have come in")
        client.cut()
    assert site.opened(site.rested("claims.bin")) == b"of today"


def test_what_came_while_we_did_not_read_counts(site: Site, connect: Connect) -> None:
    site.start(fault="slow-disk")
    client, content = connect(site), os.urandom(6_000_000)
    handle = client.open(NAME, FRESH).handle
    client.send([*writes(handle, content), (Message.CLOSE, string(handle))])
    client.hang_up()
    assert site.opened(site.rested("claims.bin")) == content


def test_an_fsync_crosses_the_end_of_its_connection(site: Site, connect: Connect) -> None:
    site.start(fault="slow-disk")
    for number in range(4):
        client, content = connect(site), os.urandom(4_000_000)
        handle = client.open(b"/inbound/%d.bin" % number, FRESH).handle
        client.send([*writes(handle, content[:1_000_000]), fsync(handle)])
        rest = (
            (Message.WRITE, write_body(handle, at, content[at : at + PIECE]))
            for at in range(1_000_000, 4_000_000, PIECE)
        )
        client.send(list(chain(rest)))
        client.cut()

        def kept(number: int = number) -> bool:
            rows = [row for row in site.transfers() if row["name"] == f"{number}.bin" and row["stage"] == "partial"]
            return bool(rows) or not any(row["name"] == f"{number}.bin" for row in site.transfers())

        eventually(kept, what="what came is kept")
        for row in site.transfers():
            if row["name"] == f"{number}.bin" and row["size_bytes"]:
                assert content.startswith(site.opened(row))
    check_it_comes_back(site)


def test_one_partner_has_so_many_downloads_and_uploads(serving: Site, connect: Connect) -> None:
    client = connect(serving)
    opened = [client.open(b"/inbound/%d.bin" % number, FRESH) for number in range(65)]
    assert [answer.ok for answer in opened] == [True] * 64 + [False]
    assert "64 uploads of yours are under way" in opened[-1].words


def test_no_upload_is_begun_on_a_disk_that_is_nearly_full(site: Site, connect: Connect) -> None:
    site.start(env={"MFT_RECEIVE__FREE_MIB_MIN": str(1 << 40)})
    answer = connect(site).open(NAME, FRESH)
    assert answer.words == "the server's disk is nearly full: try again later"
    assert site.transfers() == []


def test_a_file_that_its_sender_went_back_to_is_not_taken_for_a_repeat(serving: Site, connect: Connect) -> None:
    for content in (b"one", b"two", b"one"):
        client = connect(serving)
        handle = client.open(NAME, FRESH).handle
        assert client.ask(Message.WRITE, write_body(handle, 0, content)).ok
        assert client.ask(Message.CLOSE, string(handle)).ok
        client.cut()  # Nobody has heard any of it.
    assert len(serving.transfers()) == 3
