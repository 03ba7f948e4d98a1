"""Random requests, cuts and restarts, step by step against a model of what partners were promised.

Each walk is a new partner's: any sessions, names, flags and offsets, connections that vanish with requests on their way,
servers that are killed or stopped. After each step the answer and every folder agree with the model; at the end all that
was promised is in the vault, once and whole. MFT_PROPERTY_STEPS is how many steps are taken in all; with
MFT_PROPERTY_SHRINK a walk that fails is walked again, shorter and shorter, for some minutes.
"""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from mft.clock import new_id
from mft.wire.sftp import OpenFlag
from partners.connection import Connection, Key, Login
from partners.load import render
from partners.uploads import Uploads
from tests.crash.scenes import ForkedSite
from tests.harness import Partner, Site, eventually
from tests.property import model as m
from tests.property.walk import FRESH, SETTINGS, Walk

STEPS = int(os.environ.get("MFT_PROPERTY_STEPS", "1600"))
STEPS_MAX = 40
WALKERS = 100  # Of one site; then a fresh one takes its place.

READ, WRITE, APPEND, CREAT, TRUNC, EXCL = OpenFlag

names = st.sampled_from([b"a.txt", b"a.txt", b"b.txt", b"a.txt.TMP", b".a.txt", b"\xff\xfe.Part", b"~b"])
folders = st.sampled_from([b"/inbound"] * 5 + [b"/inbound/claims", b"/inbound/tmp", b"/inbound/new"])
paths = st.one_of(
    st.builds(lambda folder, name: folder + b"/" + name, folders, names),
    st.builds(lambda folder, name: folder + b"/" + name, folders, names),
    st.builds(lambda folder, name: folder + b"/" + name, folders, names),
    st.sampled_from(
        [b"/outbound/a.txt", b"/a.txt", b"/inbound/absent/a.txt", b"/inbound/claims", b"/inbound/new", b"/"]
    ),
)
new_folders = st.sampled_from(
    [b"/inbound/new", b"/inbound/new", b"/inbound/new/deep", b"/inbound/tmp/new", b"/inbound/claims", b"/new"]
)
flags = st.one_of(
    st.sampled_from([FRESH, FRESH, WRITE | CREAT, WRITE, WRITE | APPEND, WRITE | APPEND | CREAT, FRESH | EXCL]),
    st.integers(0, 63).map(OpenFlag),
)
sessions = st.integers(0, 2)
handles = st.integers(0, 5)
sizes = st.sampled_from([1, 1, 10, 10, 1000, 65_536, 65_537, 200_001, 1_048_577, 2_200_000])
salts = st.integers(0, 1)
dates = st.sampled_from([1_000_000_000, 1_700_000_000])
in_flight = st.none() | st.tuples(handles, sizes, st.integers(0, 60))

uploads = st.one_of(
    st.tuples(st.just("put"), sessions, paths, flags, sizes, salts),
    st.tuples(st.just("open"), sessions, paths, flags),
    st.tuples(st.just("open"), sessions, paths, flags),
    st.tuples(st.just("write"), handles, st.sampled_from(["end", "end", "end", "start", "middle", "gap", "far"]), sizes, salts),
    st.tuples(st.just("write"), handles, st.just("end"), sizes, salts),
    st.tuples(st.just("close"), handles),
    st.tuples(st.just("close"), handles),
)  # fmt: skip
on_handles = st.one_of(
    st.tuples(st.just("resize"), handles, st.sampled_from(["nothing", "half", "same", "more"])),
    st.tuples(st.just("date"), handles, dates),
    st.tuples(st.just("fsync"), handles),
    st.tuples(st.just("fstat"), handles),
)
on_names = st.one_of(
    st.tuples(st.just("name"), sessions, st.builds(m.Rename, paths, paths, st.booleans())),
    st.tuples(st.just("name"), sessions, st.builds(m.Rename, paths, paths, st.booleans())),
    st.tuples(st.just("name"), sessions, st.builds(m.Remove, paths)),
    st.tuples(st.just("name"), sessions, st.builds(m.Mkdir, new_folders)),
    st.tuples(st.just("name"), sessions, st.builds(m.Rmdir, new_folders)),
    st.tuples(st.just("name"), sessions, st.builds(m.SetDate, paths, dates)),
    st.tuples(st.just("name"), sessions, st.builds(m.SetMode, paths) | st.builds(m.SetSize, paths, st.just(5))),
)
ends = st.one_of(
    st.tuples(st.just("cut"), sessions, in_flight),
    st.tuples(st.just("cut"), sessions, in_flight),
    st.tuples(st.just("leave"), sessions),
)
restarts = st.tuples(st.just("kill"), in_flight) | st.just(("stop",))
calm = st.one_of(uploads, uploads, uploads, on_handles, on_names, on_names, ends)
rough = st.one_of(uploads, uploads, uploads, uploads, on_handles, ends, restarts)


class Walkers:
    """Partners who have never been here, at a server of theirs."""

    def __init__(self, root: Path, fresh_home: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.site: Site | None = None
        self._root = root
        self._fresh = fresh_home
        self._numbers = count()

    def next(self) -> tuple[Site, Partner]:
        number = next(self._numbers)
        if self.site is None or number % WALKERS == 0:
            self.end()
            self.site = self._settle_in(self._root / f"{number:05}")
        if self.site.process is None:
            self.site.start(env=SETTINGS)
        return self.site, Partner(f"walker-{number % WALKERS}", self._fresh / "acme")

    def _settle_in(self, root: Path) -> Site:
        shutil.copytree(self._fresh, root)
        site = ForkedSite(root)  # A start costs no imports: walks kill their server many times.
        key = Key(key=(self._fresh / "acme.pub").read_text().strip())
        profile = Uploads(folders=("claims",), staging=("tmp",), make_folders=True)
        for number in range(WALKERS):
            name = f"walker-{number}"
            connection = Connection(id=new_id(), name=name, uploads=profile, logins=[Login(user=name, keys=[key])])
            (site.home / "config" / "partners" / f"{name}.toml").write_text(render(connection))
        return site

    def end(self) -> None:
        if self.site is not None:
            self.site.kill()
            shutil.rmtree(self.site.root)
            self.site = None


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> Iterator[Walkers]:
    walkers = Walkers(tmp_path_factory.mktemp("walkers"), fresh_home)
    yield walkers
    walkers.end()
    walkers.loop.close()


def walks(share: float) -> Any:
    """Settings for so large a share of all steps. A walk may take long: that is no finding."""
    return settings(
        max_examples=max(1, int(STEPS * share / STEPS_MAX * 2)),
        deadline=None,
        print_blob=True,
        phases=[Phase.reuse, Phase.generate, *([Phase.shrink] if os.environ.get("MFT_PROPERTY_SHRINK") else [])],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


def go(walkers: Walkers, steps: list[tuple[Any, ...]]) -> None:
    """Walk, and reckon up."""
    site, partner = walkers.next()
    walk = Walk(walkers.loop, site, partner)
    try:
        for step in steps:
            walk.take(step)
        published = walk.reckon()
        eventually(lambda: published <= announced(site).keys(), what="every transfer is announced")
        assert not {transfer for transfer in published if announced(site)[transfer] > 1}
    except BaseException:
        site.kill()  # The next walk begins with a server in its right mind.
        raise
    finally:
        for line in walk.told:
            note(line)
        walk.end()


def announced(site: Site) -> Counter[str]:
    """How many events tell of each arrival; one that is delivered again has the same id."""
    told = {(event["id"], event["subject"]) for event in site.events() if event["type"] == "mft.transfer.received.v1"}
    return Counter(subject for _, subject in told)


@walks(0.8)
@given(st.lists(calm, min_size=STEPS_MAX // 2, max_size=STEPS_MAX))
def test_requests_and_cuts(walkers: Walkers, steps: list[tuple[Any, ...]]) -> None:
    go(walkers, steps)


@walks(0.2)
@given(st.lists(rough, min_size=STEPS_MAX // 2, max_size=STEPS_MAX))
def test_kills_and_stops(walkers: Walkers, steps: list[tuple[Any, ...]]) -> None:
    go(walkers, steps)
