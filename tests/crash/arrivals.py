"""Whatever arrives, through both doors and under kill -9: delivered, held, refused or asked about, with a reason."""

import contextlib
import gzip
import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Timer
from typing import Final

import paramiko

from mft.crypto.keyring import FolderKeyring
from mft.ledger.database import Ledger, Row, reading
from mft.ledger.objects import object_files, sealed_object
from mft.ledger.transfers import children_of, transfer_row, transfer_rows
from mft.vault.store import Vault
from tests.crash import scenes, watching
from tests.crash.scenes import purchase_order
from tests.harness import Partner, Site, eventually

PARTNER_SAYS: Final = """
our_ids = ["ZZ:EXAMPLEWORKS"]

[[trading_partners]]
name = "stores"
ids = ["ZZ:SAMPLESTORES"]

[[feeds]]
name = "wrapped"
pattern = "wrapped-*"
unwrap = true

[[feeds]]
name = "edi"
pattern = "edi-*"
expect = "edi"
max_bytes = 1000000

[[feeds]]
name = "sets"
pattern = "one-*"
max_sets = 1
"""
RESTING: Final = {"done", "held", "rejected", "incomplete", "unsupported", "quarantined", "superseded"}


@dataclass(frozen=True)
class File:
    """What is offered, and how it may end: the stages, and the doubts of one that is held."""

    name: str
    content: bytes
    ends: frozenset[str]
    doubts: frozenset[str] = frozenset()
    parts: int = 0
    routed: bool = False


@dataclass
class Arrivals:
    """Files that a partner offers, over and over, until each was taken."""

    site: Site
    partner: Partner
    rng: Random
    offered: dict[str, File] = field(default_factory=dict)
    owed: list[File] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    number: int = 0
    good: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = watching.watch(self.site, take="rename")
        self.target = self.site.root / "routed"
        self.target.mkdir()
        file = self.site.home / "config" / "partners" / "acme.toml"
        head, _, rest = file.read_text().partition("\n[[logins]]")
        ids, tables = PARTNER_SAYS.split("\n\n", 1)
        file.write_text(f"{head}{ids}\n\n[[logins]]{rest}\n{tables}")
        route = f'[[routes]]\nname = "notes"\nfile = "*.pdf"\nto = "{self.target}"\n'
        (self.site.home / "config" / "routes.toml").write_text(route)

    def make(self) -> File:
        """A file of a random kind."""
        self.number += 1
        kind = self.rng.choice([*KINDS])
        self.kinds[kind] += 1
        return KINDS[kind](self, f"{self.number:05}")

    def order(self, **says: bytes) -> bytes:
        """An order under a number of its own."""
        self.number += 1
        content = purchase_order(self.rng.randrange(1, 40), number=100_000 + self.number)
        sender = says.get("sender", b"SAMPLESTORES")
        return content.replace(b"*ZZ*SAMPLESTORES   *", b"*ZZ*" + sender.ljust(15) + b"*")

    def offer(self, files: int, *, kill: bool) -> None:
        """Offer new files and those that are owed through both doors; perhaps the server dies meanwhile."""
        batch = [self.make() for _ in range(files)]
        self.offered |= {one.name: one for one in batch}
        self.rng.shuffle(batch)
        split = self.rng.randrange(len(batch) + 1)
        dropped, uploaded = batch[:split], [*self.owed, *batch[split:]]  # Whose yes was lost comes by the same door.
        for one in dropped:
            (self.folder / f"{one.name}.tmp").write_bytes(one.content)
            (self.folder / f"{one.name}.tmp").rename(self.folder / one.name)
        process = self.site.process
        timer = Timer(self.rng.random() * 1.5, process.kill) if kill else None
        if timer is not None:
            timer.start()
        heard = self.upload(uploaded)
        self.owed = [one for one in uploaded if one.name not in heard]
        if timer is not None:
            timer.join()
            self.site.kill()

    def upload(self, files: list[File]) -> set[str]:
        """Names for which the yes was heard."""
        heard: set[str] = set()
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException), self.site.paramiko(self.partner) as client:
            try:
                client.open("/outbound/refused.edi", "wb")
            except PermissionError:
                self.kinds["refused"] += 1
            for one in files:
                with client.open(one.name, "wb") as file:
                    file.write(one.content)
                heard.add(one.name)
        return heard

    def end(self) -> Counter[str]:
        """Send what is owed, wait for rest, and reckon; returns how many files ended in each way."""
        self.offer(0, kill=False)
        assert not self.owed
        eventually(lambda: not watching.left_in(self.folder), what="the folder is empty", seconds=120)
        eventually(lambda: scenes.at_rest(self.site), what="all comes to rest", seconds=120)
        routed = {name for name, one in self.offered.items() if one.routed}
        eventually(lambda: routed <= {one.name for one in self.target.iterdir()}, what="all that goes on is there")
        assert self.site.stop() == 0
        return self.reckon()

    def reckon(self) -> Counter[str]:
        """Raises AssertionError with what is lost, doubled, half, or without a reason."""
        vault = Vault(self.site.home / "data" / "vault", FolderKeyring(self.site.home / "keys"))
        ended: Counter[str] = Counter()
        with reading(Ledger(f"sqlite:{self.site.home / 'data' / 'ledger.db'}")) as books:
            rows = [row for row in transfer_rows(books, most=1_000_000) if row["direction"] == "inbound"]
            for row in rows:
                assert row["stage"] in {*RESTING, "partial"}, f"{row['id']} rests as {row['stage']}"
                assert row["stage"] == "done" or row["reason"], f"{row['id']} is {row['stage']} without a reason"
            by_name: dict[str, list[Row]] = {}
            for row in rows:
                if row["parent_id"] is None and row["stage"] != "partial":
                    by_name.setdefault(row["name_bytes"].decode(), []).append(row)
            assert by_name.keys() == self.offered.keys(), sorted(by_name.keys() ^ self.offered.keys())[:3]
            for name, one in self.offered.items():
                found = [row for row in by_name[name] if row["stage"] != "superseded"]
                for row in found:
                    assert bytes(row["sha256"]) == hashlib.sha256(one.content).digest(), f"{name} is not what was sent"
                assert len(found) == 1, f"{name} is there {len(found)} times"
                first = found[0]
                assert first["stage"] in one.ends, f"{name} is {first['stage']}: {first['reason']}"
                if first["stage"] == "held":
                    assert first["doubt"] in one.doubts, f"{name} is held for {first['doubt']}: {first['reason']}"
                assert len(children_of(books, first["id"])) == one.parts, f"{name} has other parts"
                ended[first["doubt"] or first["stage"]] += 1
                if one.routed:
                    assert (self.target / name).read_bytes() == one.content, f"{name} went on, and is not what was sent"
            orphans = set(vault.files()) - object_files(books)
            assert not orphans, f"{len(orphans)} vault files are nobody's"
            for row in rows:
                if row["parent_id"] is not None:
                    assert transfer_row(books, row["parent_id"])["stage"] == "done"
                    vault.open(sealed_object(books, row["object_id"])).close()
        scenes.check_log(self.site)
        return ended


def _stage(*stages: str) -> frozenset[str]:
    return frozenset(stages)


def _pdf(arrivals: Arrivals) -> bytes:
    return b"%PDF-1.7\n" + arrivals.rng.randbytes(arrivals.rng.randrange(10, 100_000)).hex().encode()


def _good(arrivals: Arrivals, name: str) -> File:
    arrivals.good.append(arrivals.order())
    return File(f"{name}.edi", arrivals.good[-1], _stage("done"))


def _again(arrivals: Arrivals, name: str) -> File:
    """The same interchange as one before; or as one that is still to come through the other door."""
    content = arrivals.rng.choice(arrivals.good) if arrivals.good else arrivals.order()
    return File(f"{name}-again.edi", content, _stage("done"))


def _stranger(arrivals: Arrivals, name: str) -> File:
    return File(f"{name}.edi", arrivals.order(sender=b"STRANGER"), _stage("held"), frozenset({"sender"}))


def _mixed(arrivals: Arrivals, name: str) -> File:
    content = arrivals.order() + arrivals.order(sender=b"STRANGER") + arrivals.order()
    return File(f"{name}.edi", content, _stage("done"), parts=1)


def _cut_off(arrivals: Arrivals, name: str) -> File:
    return File(f"{name}.edi", arrivals.order()[:-60], _stage("incomplete"))


def _wrong_count(arrivals: Arrivals, name: str) -> File:
    head, mark, tail = arrivals.order().rpartition(b"~SE*")
    return File(f"{name}.edi", head + mark + b"9" + tail, _stage("rejected"))


def _note(arrivals: Arrivals, name: str) -> File:
    return File(f"{name}.pdf", _pdf(arrivals), _stage("done"), routed=True)


def _empty(arrivals: Arrivals, name: str) -> File:
    return File(f"{name}.edi", b"", _stage("held"), frozenset({"empty"}))


def _zip(arrivals: Arrivals, name: str) -> File:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}-a.edi", arrivals.order())
        archive.writestr(f"{name}-b.bin", arrivals.rng.randbytes(1000))
    return File(f"wrapped-{name}.zip", out.getvalue(), _stage("done"), parts=2)


def _gzip(arrivals: Arrivals, name: str) -> File:
    return File(f"wrapped-{name}.edi.gz", gzip.compress(arrivals.order()), _stage("done"), parts=1)


def _bomb(arrivals: Arrivals, name: str) -> File:
    content = gzip.compress(name.encode() + bytes(20_000_000))
    return File(f"wrapped-{name}.gz", content, _stage("held"), frozenset({"archive"}))


def _wrapped(arrivals: Arrivals, name: str) -> File:
    return File(f"{name}.gz", gzip.compress(arrivals.order()), _stage("unsupported"))


def _unexpected(arrivals: Arrivals, name: str) -> File:
    return File(f"edi-{name}.edi", _pdf(arrivals), _stage("held"), frozenset({"unexpected"}))


def _bounds(arrivals: Arrivals, name: str) -> File:
    return File(f"one-{name}.edi", arrivals.order() + arrivals.order(), _stage("held"), frozenset({"bounds"}))


def _noise(arrivals: Arrivals, name: str) -> File:
    content = b"\xff\xfe\x00" + arrivals.rng.randbytes(arrivals.rng.randrange(1, 200_000))
    return File(f"{name}.bin", content, _stage("done", "held", "unsupported"), frozenset({"empty"}))


KINDS: Final[dict[str, Callable[[Arrivals, str], File]]] = {
    one.__name__.strip("_"): one
    for one in (
        *(_good, _again, _stranger, _mixed, _cut_off, _wrong_count, _note, _empty),
        *(_zip, _gzip, _bomb, _wrapped, _unexpected, _bounds, _noise),
    )
}


def run(
    site: Site, partner: Partner, rng: Random, *, rounds: int, files: int, told: Callable[[int], None]
) -> Counter[str]:
    """Rounds of so many files, in each of which the server dies but in the last; then the reckoning."""
    arrivals = Arrivals(site, partner, rng)
    for number in range(rounds):
        site.start()
        arrivals.offer(files, kill=True)
        told(number + 1)
    site.start()
    return arrivals.end()
