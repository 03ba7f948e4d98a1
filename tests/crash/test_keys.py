"""Keys are rotated while partners upload, by commands that are killed: no upload fails, and all opens by the keys in force."""

import sys

import pytest

from tests.crash import scenes
from tests.crash.scenes import Sent
from tests.harness import Partner, Site

ROUNDS = 2
STRIKES = 4


def test_rotations_that_are_killed_harm_nobody(site: Site, acme: Partner) -> None:
    rng, sent, done = scenes.seeded(31), Sent(), 0
    for number in range(ROUNDS):
        if site.process is None or site.process.returncode is not None:
            site.kill()
            site.start()
        done += scenes.keys_round(site, acme, sent, rng, name=f"{number:02}", strikes=STRIKES, files=30)
    if site.process.returncode is not None:
        site.kill()
        site.start()
    scenes.send_what_is_owed(site, acme, sent, rng)
    scenes.rotate_to_the_end(site, acme, sent, rng)
    sys.stdout.write(f"{ROUNDS * STRIKES} rotations, {done} came to their end; {len(sent.promised)} files promised\n")
    assert sent.refused == []
    scenes.check_keys(site.home)
    scenes.check_promises(site.home, sent)
    scenes.check_books(site.home)
    scenes.check_log(site)


@pytest.mark.parametrize(
    ("fault", "says"),
    [("one-dek", "sealed under one DEK"), ("one-signature", "is not signed by")],
)
def test_with_a_fault_the_reckoning_is_red(site: Site, acme: Partner, fault: str, says: str) -> None:
    rng, sent = scenes.seeded(32), Sent()
    site.start(fault=fault)
    scenes.rotate_to_the_end(site, acme, sent, rng)
    with pytest.raises(AssertionError, match=says):
        scenes.check_keys(site.home)
