"""The long loops: python -m tests.torture [kill] [power] [--short] [--seed N].

What the tests do fifty and five times, here a few thousand times, with new seeds. Each seed is a site of its own, a few
rounds long; a failed one is printed with its seed and its home is kept.

Resource handling: whatever ends a loop, Ctrl-C and SIGTERM too, its server is killed and its disk unmounted.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from types import FrameType

from tests.crash import scenes
from tests.crash.scenes import NoDisk, Sent
from tests.harness import Partner, Site

ROUNDS = 20  # Of one site, before its books are checked and the next one begins.


@dataclass
class Tally:
    """What a loop has done so far."""

    name: str
    goal: int
    rounds: int = 0
    begun: int = 0
    promised: int = 0
    swept: int = 0
    started_at: float = 0.0

    def tell(self, *, seed: int) -> None:
        seconds = time.monotonic() - self.started_at
        say(
            f"\r{self.name} {self.rounds:,}/{self.goal:,}  seed {seed}  files {self.begun:,}  "
            f"promised {self.promised:,}  lost 0  swept {self.swept:,}  {seconds:,.0f} s ",
            end="",
        )


def say(text: str, *, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


def kills(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """Kill -9 after kill -9 on one site, then the reckoning."""
    rng, sent = scenes.seeded(seed), Sent()

    def one(number: int) -> None:
        if rng.random() < 0.1:
            scenes.kill_in_start(site, rng)
        tally.swept += scenes.start_and_sweep(site)
        scenes.kill_round(site, partner, sent, rng, name=f"{number:04}")

    _rounds(one, sent, seed, rounds, tally)
    assert sent.refused == []
    _reckon(site, sent, tally)


def power_cuts(site: Site, partner: Partner, seed: int, rounds: int, tally: Tally) -> None:
    """Power cut after power cut on one site, then the reckoning."""
    rng, sent = scenes.seeded(seed), Sent()
    with scenes.data_on_disk(site) as disk:

        def one(number: int) -> None:
            tally.swept += scenes.start_and_sweep(site)
            scenes.power_round(site, partner, sent, rng, disk, name=f"{number:04}")

        _rounds(one, sent, seed, rounds, tally)
        _reckon(site, sent, tally)


def _rounds(one: Callable[[int], None], sent: Sent, seed: int, rounds: int, tally: Tally) -> None:
    begun, promised = tally.begun, tally.promised
    for number in range(1, rounds + 1):
        one(number)
        tally.rounds += 1
        tally.begun, tally.promised = begun + len(sent.begun), promised + len(sent.promised)
        tally.tell(seed=seed)


def _reckon(site: Site, sent: Sent, tally: Tally) -> None:
    tally.swept += scenes.start_and_sweep(site)
    scenes.check_all(site, sent)


LOOPS = {"kill": (kills, 2_000, 12), "power": (power_cuts, 500, 8)}  # The loop, its long and its short count.


def loop(name: str, rounds: int, seed: int, fresh: Path) -> bool:
    """Run one of LOOPS; returns whether nothing was lost."""
    scene = LOOPS[name][0]
    tally = Tally(name, rounds, started_at=time.monotonic())
    while tally.rounds < rounds:
        root = Path(tempfile.mkdtemp(prefix=f"mft-torture-{name}-"))
        shutil.copytree(fresh, root, dirs_exist_ok=True)
        site = Site(root)
        try:
            scene(site, Partner("acme", root / "acme"), seed, min(ROUNDS, rounds - tally.rounds), tally)
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
    say(f"\n{name}: {tally.rounds:,} rounds, {tally.promised:,} promises, all kept")
    return True


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    about = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.splitlines()[0])
    about.add_argument("loops", nargs="*", metavar="kill|power", help="which loops [default: all]")
    about.add_argument("--short", action="store_true", help="a minute or two, as CI runs it")
    about.add_argument("--rounds", type=int, help="so many of each")
    about.add_argument("--seed", type=int, help="of the first site [default: a new one]")
    asked = about.parse_args()
    if unknown := set(asked.loops) - LOOPS.keys():
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
        except KeyboardInterrupt:
            say("\nstopped")
            return 130
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
