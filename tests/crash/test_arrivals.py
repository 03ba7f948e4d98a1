"""A few hundred random arrivals, through both doors, with kills; thousands are a long loop."""

from random import Random

from tests.crash import arrivals
from tests.harness import Partner, Site


def test_every_file_is_delivered_held_or_asked_about_with_a_reason(site: Site, acme: Partner) -> None:
    seed = Random().randrange(1_000_000)  # noqa: S311  Dice, not keys.
    try:
        ended = arrivals.run(site, acme, Random(seed), rounds=4, files=40, told=lambda _: None)  # noqa: S311
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    assert sum(ended.values()) == 160
