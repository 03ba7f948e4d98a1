"""The long loops: python -m tests.torture [LOOP ...] [--short] [--rounds N] [--seed N].

    kill      kill -9 of the server, with uploads under way
    cut       connections that break at a random byte
    ext4 xfs  power cuts, with the data on such a file system (as root)
    syscall   every syscall of receiving fails in its turn (with strace)
    clock     kill -9, and a clock that jumps by up to an hour
    keys      keys are rotated while uploads go on, by commands that are killed -9; the server is, too
    folder    kill -9 of a server that takes files out of a watched folder, while others put some there
    swap      names that become links, other files, folders while a watched folder claims them
    many      50,000 files that wait in a watched folder, in constant memory
    arrivals  files of fifteen kinds through both doors, and kill -9: each ends as it should, with a reason
    fuzz      bytes that grow by what they reach in the parsers, a thousand a round

What the tests do some dozens of times, here thousands of times, with new seeds. Each seed is a site of its own, some
rounds long: whoever did not hear yes sends the file again, and in the end nothing that was promised is lost, doubled or
half. A failed one is printed with its seed, and its home is kept.

Resource handling: whatever ends a loop, Ctrl-C and SIGTERM too, its server is killed and its disk unmounted.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from types import FrameType

from tests.crash import arrivals, scenes, watching
from tests.crash.outages import DOWNSTREAM, deliver_under_faults
from tests.crash.scenes import ForkedSite, NoDisk, Sent
from tests.harness import Partner, Site

ROUNDS = 20  # Of one site, before its books are checked and the next one begins.
STRIKES = 4  # Rotations that are begun in each round.
FILES = 50  # That arrive in a round.
CUTS = 50  # Connections that break, before what is owed is sent undisturbed.


@dataclass
class Tally:
    """What a loop has done so far."""

    name: str
    goal: int
    rounds: int = 0
    begun: int = 0
    promised: int = 0
    again: int = 0
    struck: int = 0
    swept: int = 0
    started_at: float = 0.0

    def tell(self, *, seed: int) -> None:
        seconds = time.monotonic() - self.started_at
        say(
            f"\r{self.name} {self.rounds:,}/{self.goal:,}  seed {seed}  files {self.begun:,}  "
            f"promised {self.promised:,}  swept {self.swept:,}  {seconds:,.0f} s ",
            end="",
        )


def say(text: str, *, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def kills(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally, *, fault: str | None = None) -> None:
    """Kill -9 after kill -9 on one site, then the reckoning."""
    rng, sent = scenes.seeded(seed), Sent()

    def one(number: int) -> None:
        if rng.random() < 0.02:
            scenes.kill_in_start(site, rng)
        tally.swept += scenes.start_and_sweep(site, fault=fault)
        scenes.kill_round(site, partner, sent, rng, name=f"{number:04}")

    _rounds(one, sent, seed, rounds, tally)
    assert sent.refused == []
    _reckon(site, partner, sent, rng, tally)


def clock_jumps(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """The same with a clock that nobody can trust."""
    kills(site, partner, seed, rounds, tally, fault="clock-jumps")


def rotations(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """Rotations that are killed, then one of each kind that is not, then the reckoning."""
    rng, sent = scenes.seeded(seed), Sent()

    def one(number: int) -> None:
        if site.process is None or site.process.returncode is not None:
            site.kill()
            tally.swept += scenes.start_and_sweep(site)
        tally.struck += STRIKES - scenes.keys_round(site, partner, sent, rng, name=f"{number:04}", strikes=STRIKES)

    _rounds(one, sent, seed, rounds, tally)
    if site.process is None or site.process.returncode is not None:
        site.kill()
        tally.swept += scenes.start_and_sweep(site)
    before = len(sent.promised)
    scenes.send_what_is_owed(site, partner, sent, rng)
    scenes.rotate_to_the_end(site, partner, sent, rng)
    tally.promised += len(sent.promised) - before
    tally.again += sent.again
    assert sent.refused == []
    scenes.check_keys(site.home)
    scenes.check_promises(site.home, sent)
    scenes.check_books(site.home)
    scenes.check_log(site)


def cuts(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """Connection after connection that breaks, on one server, then the reckoning. A round is a break."""
    rng, sent = scenes.seeded(seed), Sent()
    tally.swept += scenes.start_and_sweep(site)
    begun, promised = tally.begun, tally.promised
    for number in range(1, 1 + -(-rounds // CUTS)):
        breaks = min(CUTS, rounds - (number - 1) * CUTS)
        scenes.break_round(site, partner, sent, rng, name=f"{number:04}", breaks=breaks)
        tally.rounds += breaks
        tally.begun, tally.promised = begun + len(sent.begun), promised + len(sent.promised)
        tally.tell(seed=seed)
    _reckon(site, partner, sent, rng, tally)


def power_cuts(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """Power cut after power cut on one site, then the reckoning. The loop's name is the file system's."""
    rng, sent = scenes.seeded(seed), Sent()
    with scenes.data_on_disk(site, kind=tally.name) as disk:

        def one(number: int) -> None:
            tally.swept += scenes.start_and_sweep(site)
            scenes.power_round(site, partner, sent, rng, disk, name=f"{number:04}")

        _rounds(one, sent, seed, rounds, tally)
        _reckon(site, partner, sent, rng, tally)


def failing_syscalls(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """One syscall after the other fails, each in its first, second, third … turn; then the reckoning."""
    rng, sent = scenes.seeded(seed), Sent()

    def one(number: int) -> None:
        turn, which = divmod(tally.rounds, len(FAILURES))
        call, how = FAILURES[which]
        tally.swept += scenes.start_and_sweep(site)
        tally.struck += scenes.syscall_round(
            site, partner, sent, rng, name=f"{number:04}", call=call, how=how, turn=turn + 1
        )

    _rounds(one, sent, seed, rounds, tally)
    _reckon(site, partner, sent, rng, tally)


def watched_folder(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """Files into a watched folder, and kill -9 at a random step or moment; then the reckoning."""
    rng, sent = scenes.seeded(seed), Sent()
    then = rng.choice(["delete", "archive", "mark"])
    folder = watching.watch(site, take=rng.choice(["rename", "stable"]), stable_seconds=1, then=then, recursive=True)

    def one(number: int) -> None:
        watching.put_some(folder, sent, rng, name=f"{number:04}")
        os.environ["DIES_AT"] = str(rng.randrange(1, 80))
        with suppress(AssertionError):  # It may die before it says that it is ready.
            site.start(fault="folder-dies")
        watching.put_some(folder, sent, rng, name=f"{number:04}-late")
        if site.process is not None:
            with suppress(subprocess.TimeoutExpired):
                site.process.wait(timeout=rng.random() * 3)
        site.kill()
        tally.swept += scenes.start_and_sweep(site)
        watching.all_received(folder, sent, then=then)
        site.kill()

    _rounds(one, sent, seed, rounds, tally)
    _reckon(site, partner, sent, rng, tally)


def random_arrivals(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """Files of every kind through both doors, a kill -9 in each round; then the reckoning. Each must end as it should."""

    def told(_: int) -> None:
        tally.rounds += 1
        tally.begun += FILES
        tally.tell(seed=seed)

    ended = arrivals.run(site, partner, scenes.seeded(seed), rounds=rounds, files=FILES, told=told)
    tally.promised += ended.total()


def _rounds(one: Callable[[int], None], sent: Sent, seed: int, rounds: int, tally: Tally) -> None:
    begun, promised = tally.begun, tally.promised
    for number in range(1, rounds + 1):
        one(number)
        tally.rounds += 1
        tally.begun, tally.promised = begun + len(sent.begun), promised + len(sent.promised)
        tally.tell(seed=seed)


def _reckon(site: Site, partner: Partner, sent: Sent, rng: Random, tally: Tally) -> None:
    if site.process is None:
        tally.swept += scenes.start_and_sweep(site)
    before = len(sent.promised)
    scenes.send_what_is_owed(site, partner, sent, rng)
    tally.promised += len(sent.promised) - before
    tally.again += sent.again
    scenes.check_all(site, sent)


FAILURES = [(call, how) for call in scenes.CALLS for how in scenes.HOWS]
LOOPS = {  # The loop, its long and its short count of rounds.
    "kill": (kills, 2_000, 12),
    "cut": (cuts, 10_000, 100),
    "ext4": (power_cuts, 500, 6),
    "xfs": (power_cuts, 500, 6),
    "syscall": (failing_syscalls, 12 * len(FAILURES), len(FAILURES)),
    "clock": (clock_jumps, 100, 4),
    "keys": (rotations, 500, 6),
    "folder": (watched_folder, 500, 4),
    "arrivals": (random_arrivals, 200, 3),
}


def loop(name: str, rounds: int, seed: int, fresh: Path) -> bool:
    """Run one of LOOPS; returns whether nothing was lost."""
    scene = LOOPS[name][0]
    tally = Tally(name, rounds, started_at=time.monotonic())
    while tally.rounds < rounds:
        root = Path(tempfile.mkdtemp(prefix=f"mft-torture-{name}-"))
        shutil.copytree(fresh, root, dirs_exist_ok=True)
        site = ForkedSite(root)
        try:
            of_site = ROUNDS * CUTS if name == "cut" else ROUNDS
            scene(site, Partner("acme", root / "acme"), seed, min(of_site, rounds - tally.rounds), tally)
        except NoDisk as error:
            say(f"{name}: left out, {error}")
            shutil.rmtree(root)
            return True
        except AssertionError as error:
            say(f"\n{name}: seed {seed}: {error}\nits home is kept: {site.home}")
            return False
        except KeyboardInterrupt:
            site.kill()
            shutil.rmtree(root)
            raise
        finally:
            site.kill()
        shutil.rmtree(root)
        seed += 1
    struck = f" ({tally.struck:,} struck)" if tally.struck else ""
    say(
        f"\n{name}: {tally.rounds:,} rounds{struck}, {tally.begun:,} files, {tally.promised:,} promised, "
        f"{tally.again:,} sent again: 0 lost, 0 doubled, 0 half, every log verifies"
    )
    return True


def fuzz(rounds: int, seed: int) -> bool:
    """Runs of the guided fuzzer, each with a seed of its own; returns whether every promise held."""
    per_run = 20
    for begun in range(0, rounds, per_run):
        runs = min(per_run, rounds - begun) * 1000
        command = [sys.executable, "-m", "tests.fuzz.guided", f"-runs={runs}", f"-seed={seed + 1}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"\nfuzz: seed {seed}: {done.stderr[-3000:]}")
            return False
        say(f"\rfuzz {begun + runs // 1000:,}/{rounds:,}  seed {seed} ", end="")
        seed += 1
    say(f"\nfuzz: {rounds * 1000:,} files, every promise held")
    return True


def swap(rounds: int, seed: int) -> bool:
    """Names that change while they are claimed; returns whether every promise held."""
    say(f"swap: seed {seed}")
    with tempfile.TemporaryDirectory(prefix="mft-torture-swap-") as root:
        swaps = watching.Swaps(Path(root), scenes.seeded(seed))
        try:
            swaps.run(rounds)
        except AssertionError as error:
            say(f"swap: seed {seed}: {error}")
            return False
    say(f"swap: {rounds:,} races, {swaps.struck:,} struck, {swaps.claimed:,} claimed: 0 lost, 0 taken for another")
    return True


def many(files: int, fresh: Path) -> bool:
    """Files that wait in a watched folder; returns whether memory stayed as it was, and each was received once."""
    with tempfile.TemporaryDirectory(prefix="mft-torture-many-") as root:
        shutil.copytree(fresh, root, dirs_exist_ok=True)
        site = Site(Path(root))
        try:
            grown = watching.many(site, files)
            assert grown < MANY_MIB_MAX, f"{files:,} files took {grown} MiB more than a few hundred"
        except AssertionError as error:
            say(f"many: {error}")
            return False
        finally:
            site.kill()
    say(f"many: {files:,} files that waited, each received once, {grown} MiB more than for a few hundred")
    return True


def outages(events: int, seed: int, *, short: bool) -> bool:
    """Events to brokers that fail in every way, in short to two of them; returns whether every promise held."""
    kept = True
    for kind in ("nats", "webhook") if short else DOWNSTREAM:
        say(f"events: {kind}, seed {seed}")
        with tempfile.TemporaryDirectory(prefix="mft-torture-events-") as root:
            try:
                counted = deliver_under_faults(kind, Path(root) / kind, events, seed)
            except AssertionError as error:
                say(f"events: {kind}, seed {seed}: {error}")
                kept = False
                continue
        say(
            f"events: {kind}: {counted['events']:,} events, {counted['faults']} faults, the relay killed "
            f"{counted['kills']} times: all delivered, in order, {counted['repeated']:,} repeated under the same id, 0 dead"
        )
    return kept


MANY_MIB_MAX = 24
MANY_FILES = {False: 50_000, True: 2_000}
SWAP_ROUNDS = {False: 100_000, True: 10_000}
EVENTS = {False: 100_000, True: 2_000}
FUZZ_ROUNDS = {False: 1_000, True: 6}
"""Thousands of files, by whether it is the short form."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    about = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.splitlines()[0])
    about.add_argument(
        "loops",
        nargs="*",
        metavar="LOOP",
        help=f"{', '.join([*LOOPS, 'swap', 'many', 'events', 'fuzz'])} [default: all]",
    )
    about.add_argument("--short", action="store_true", help="a minute or two, as CI runs it")
    about.add_argument("--rounds", type=int, help="so many of each")
    about.add_argument("--seed", type=int, help="of the first site [default: a new one]")
    asked = about.parse_args()
    if unknown := set(asked.loops) - LOOPS.keys() - {"swap", "many", "events", "fuzz"}:
        about.error(f"no such loop: {', '.join(sorted(unknown))}")
    seed = asked.seed if asked.seed is not None else SystemRandom().randrange(1_000_000)
    say(f"seed {seed}")
    signal.signal(signal.SIGTERM, _interrupt)
    with tempfile.TemporaryDirectory(prefix="mft-torture-") as folder:
        try:
            scenes.new_site(Path(folder))
            kept = [
                loop(name, asked.rounds or (short if asked.short else long), seed, Path(folder))
                for name, (_, long, short) in LOOPS.items()
                if not asked.loops or name in asked.loops
            ]
            if not asked.loops or "swap" in asked.loops:
                kept.append(swap(asked.rounds or SWAP_ROUNDS[asked.short], seed))
            if not asked.loops or "many" in asked.loops:
                kept.append(many(asked.rounds or MANY_FILES[asked.short], Path(folder)))
            if not asked.loops or "events" in asked.loops:
                kept.append(outages(asked.rounds or EVENTS[asked.short], seed, short=asked.short))
            if not asked.loops or "fuzz" in asked.loops:
                kept.append(fuzz(asked.rounds or FUZZ_ROUNDS[asked.short], seed))
        except KeyboardInterrupt:
            say("\nstopped")
            return 130
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
