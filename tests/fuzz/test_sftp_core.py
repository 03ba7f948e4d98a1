"""Any bytes at all into the SFTP core: requests, refusals or a violation come out, and never much is held."""

import struct
from dataclasses import replace
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mft.errors import ProtocolViolation
from mft.wire.sftp import (
    EXTENSIONS,
    OFFSET_MAX,
    PACKET_BYTES_MAX,
    READ_BYTES_MAX,
    REFUSED,
    Attrs,
    Close,
    HandleKind,
    Init,
    Name,
    Open,
    Opendir,
    Read,
    Refusal,
    Request,
    SftpSession,
    Write,
    fitting,
    longname,
    normalise,
)

any_speed = settings(deadline=None)  # A slow machine is not a finding.
GREETING = bytes.fromhex("00000005 01 00000003")


def string(value):
    return struct.pack(">I", len(value)) + value


def packet(body):
    return string(body)


integers = st.sampled_from([0, 1, 2, 3, 4, 5, 2**31, 2**32 - 1]).map(lambda value: struct.pack(">I", value))
offsets = st.sampled_from([0, 1, 2**32, OFFSET_MAX, OFFSET_MAX + 1, 2**64 - 1]).map(
    lambda value: struct.pack(">Q", value)
)
handles = st.integers(0, 6).map(lambda value: string(struct.pack(">I", value)))
names = st.sampled_from([*EXTENSIONS, *(name for name in REFUSED if isinstance(name, bytes))]).map(string)
strings = st.one_of(st.binary(max_size=60), st.just(b"p" * 4097)).map(string)
fields = st.lists(st.one_of(integers, offsets, handles, names, strings, st.binary(max_size=5)), max_size=6).map(
    b"".join
)
writes = st.builds(
    lambda request_id, handle, offset, data, padding: b"\x06" + request_id + handle + offset + string(data) + padding,
    integers, handles, offsets, st.binary(max_size=80), st.binary(max_size=40),
)  # fmt: skip
types = st.one_of(st.integers(2, 20), st.sampled_from([200, 0, 101, 255]), st.integers(0, 255)).map(
    lambda value: bytes([value])
)
anything = st.builds(lambda kind, request_id, rest: kind + request_id + rest, types, integers, fields)
on_handle = st.builds(
    lambda kind, request_id, handle, offset, length, rest: bytes([kind]) + request_id + handle + offset + length + rest,
    st.sampled_from([4, 5, 8, 10, 12]), integers, handles, offsets, integers, fields,
)  # fmt: skip
opens = st.builds(
    lambda kind, request_id, path, flags: bytes([kind]) + request_id + path + flags + bytes(4),
    st.sampled_from([3, 11]), integers, strings, integers,
)  # fmt: skip
bodies = st.one_of(writes, on_handle, opens, anything)
packets = st.one_of(bodies.map(packet), bodies.map(packet), bodies.map(packet), st.binary(max_size=20))
streams = st.lists(packets, max_size=20).map(b"".join)


class Opened(SftpSession):
    """A session whose endpoint opens whatever it is asked for, so that handles come and go."""

    def __init__(self, **options):
        super().__init__(first_handle=1, handles_max=8, **options)
        for kind in HandleKind:
            self.open_handle(kind, None)
        self.heard, self.violation = [], None

    def hear(self, data):
        """Take one feed, check every event, and note it down with the pieces of a WRITE joined."""
        try:
            for event in self.receive(data):
                self.note(event)
        except ProtocolViolation as error:
            self.violation = str(error)
        assert len(self._gathered) <= 4 + PACKET_BYTES_MAX

    def note(self, event):
        last = self.heard[-1] if self.heard else None
        if isinstance(last, Write) and last.more:
            assert isinstance(event, Write)
            assert event.offset == last.offset + len(last.data)
            event = replace(last, data=last.data + bytes(event.data), more=event.more)
            self.heard.pop()
        elif isinstance(event, Write):
            event = replace(event, data=bytes(event.data))
        match event:
            case Init():
                assert event.version >= 3
                assert self.version()
            case Refusal():
                assert event.reply[5:9] == struct.pack(">I", event.request_id)
                assert struct.unpack_from(">I", event.reply) == (len(event.reply) - 4,)
            case Open() | Opendir():
                assert not self.handles_full
                kind = event.kind if isinstance(event, Open) else HandleKind.LISTING
                self.handle(event.request_id, self.open_handle(kind, None))
            case Close():
                assert event.handle not in self.handles
                self.status(event.request_id)
            case Read():
                assert event.handle.kind is HandleKind.READING
                assert event.length <= READ_BYTES_MAX
                self.data_header(event.request_id, event.length)
            case Write():
                assert event.handle.kind is HandleKind.WRITING
                if not event.more:
                    self.status(event.request_id)
            case _:
                assert isinstance(event, Request)
                self.status(event.request_id)
        assert self.outstanding == 0
        self.heard.append(event)

    def story(self):
        """What was heard, with handles by id, for comparison with another session."""
        said = [replace(event, handle=event.handle.id) if hasattr(event, "handle") else event for event in self.heard]
        return said, self.violation


@any_speed
@given(st.lists(st.binary(max_size=200), max_size=10))
def test_any_bytes(feeds):
    session = Opened()
    for feed in feeds:
        session.hear(feed)


@any_speed
@given(st.lists(st.one_of(st.binary(max_size=50), packets), max_size=10))
def test_any_bytes_behind_the_greeting(feeds):
    session = Opened()
    for feed in [GREETING, *feeds]:
        session.hear(feed)


@settings(any_speed, max_examples=300)
@given(streams, st.lists(st.integers(0, 400), max_size=8))
@example(packet(b"\x06\0\0\0\1" + string(b"\0\0\0\4") + bytes(8) + string(b"data")), [])
def test_split_feeds_equal_the_whole(stream, cuts):
    stream = GREETING + stream
    whole, split, drops = Opened(), Opened(), Opened()
    whole.hear(stream)
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in pairwise(bounds):
        split.hear(stream[start:end])
    for at in range(len(stream)):
        drops.hear(stream[at : at + 1])
    assert whole.story() == split.story() == drops.story()


@any_speed
@given(
    st.binary(min_size=1, max_size=300),
    st.integers(0, 300),
    st.integers(0, OFFSET_MAX),
    st.binary(max_size=60),
)
def test_a_write_arrives_as_it_was_sent(data, cut, offset, padding):
    session = Opened()
    stream = packet(b"\x06\0\0\0\1" + string(b"\0\0\0\1") + struct.pack(">Q", offset) + string(data) + padding)
    for feed in (GREETING, stream[:cut], stream[cut:] + GREETING):
        session.hear(feed)
    _, write = session.heard
    assert (write.offset, write.data, write.more) == (offset, data, False)
    assert session.violation == "the client greets a second time"


maybe = st.one_of(st.none(), st.integers(0, 2**32 - 1))
attributes = st.builds(
    lambda size, owner, permissions, times, extended: Attrs(size, *owner, permissions, *times, tuple(extended)),
    st.one_of(st.none(), st.integers(0, 2**64 - 1)),
    st.one_of(st.just((None, None)), st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))),
    maybe,
    st.one_of(st.just((None, None)), st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))),
    st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=3),
)


@any_speed
@given(attributes)
def test_attributes_are_read_as_they_were_written(attrs):
    session = Opened()
    session.hear(GREETING + packet(b"\x09\0\0\0\1" + string(b"/a") + attrs.encode()))
    assert session.heard[1].attrs == attrs


@any_speed
@given(attributes, st.binary(max_size=30), st.integers(0, 2**33))
def test_longname_of_anything_is_a_line(attrs, name, now):
    assert longname(name, attrs, owner=b"o", now=now).endswith(b" " + name)


@any_speed
@given(
    st.lists(
        st.builds(Name, st.binary(max_size=300).map(lambda name: name * 900), st.binary(max_size=9)),
        max_size=6,
    )
)
def test_fitting_names_make_forward_progress(listing):
    count = fitting(listing)
    assert min(1, len(listing)) <= count <= len(listing)
    assert count <= 1 or sum(len(name.encode()) for name in listing[:count]) + 9 <= 262_144


parts = st.sampled_from([b"", b".", b"..", b"...", b"a", b"..b", b"\xff", b" ", b"\\", b"%2e%2e"])
paths = st.one_of(st.binary(max_size=40), st.lists(parts, max_size=10).map(b"/".join))


@any_speed
@given(paths, paths)
def test_normalise(path, start):
    start = b"/" + start
    absolute = normalise(path, start)
    assert absolute.startswith(b"/")
    assert absolute == b"/" or all(part not in {b"", b".", b".."} for part in absolute[1:].split(b"/"))
    assert normalise(absolute, start) == absolute, "idempotent"
    assert normalise(absolute, b"/elsewhere") == absolute, "an absolute path needs no start"
    assert normalise(path, normalise(b"", start)) == absolute, "the start may be normalised or not"
    assert len(absolute) <= len(start) + 1 + len(path)
