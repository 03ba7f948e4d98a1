"""Each fault that would break the promise, planted into a server: the reckoning of the long loops turns red for it."""

import asyncio
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest

from tests.crash import scenes
from tests.crash.scenes import NoDisk, Senders, Sent
from tests.harness import Partner, Site, missing


def play(site: Site, acme: Partner, sent: Sent, seed: int) -> None:
    """Upload over breaking connections, then lose a yes on its way, then send again whatever is owed."""
    rng = scenes.seeded(seed)
    scenes.break_round(site, acme, sent, rng, name="breaking", breaks=15)
    asyncio.run(_unheard(site, acme, sent, seed))
    scenes.send_what_is_owed(site, acme, sent, rng)


async def _unheard(site: Site, acme: Partner, sent: Sent, seed: int) -> None:
    """A CLOSE is answered, and its sender never gets to hear it."""

    class Deaf(Sent):
        def hear(self, name: str) -> None:
            client.abort()

    deaf = Deaf(sent.begun, sent.promised, sent.owed)
    senders = Senders(site, acme, deaf, scenes.seeded(seed), round_name="unheard", files_max=1)
    with suppress(asyncssh.Error, OSError):
        async with senders.connected() as client:
            await senders.upload_all(client)
    assert sent.owed


def test_without_a_fault_it_all_adds_up(site: Site, acme: Partner) -> None:
    sent = Sent()
    site.start()
    play(site, acme, sent, 21)
    scenes.check_all(site, sent)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("publish-on-disconnect", r"is not what was sent|never got through|received twice"),
        ("nothing-is-a-repeat", "received twice"),
        ("event-dropped", "has 0 received events"),
        ("leaf-skipped", "has 0 leaves of its arrival"),
    ],
)
def test_with_it_the_reckoning_is_red(site: Site, acme: Partner, fault: str, says: str) -> None:
    sent = Sent()
    site.start(fault=fault)
    with pytest.raises(AssertionError, match=says):  # noqa: PT012  Any of them may notice first.
        play(site, acme, sent, 21)
        scenes.check_all(site, sent)


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_library_that_swallows_every_sync_is_noticed(site: Site, acme: Partner, kind: str) -> None:
    library = next(Path("/usr/lib").glob("*/libeatmydata.so"), None)
    if library is None:
        missing("eatmydata is not installed")
    sent = Sent()
    swallowing = Site(site.root)  # Not forked: the library comes in with a new program.
    try:
        with scenes.data_on_disk(swallowing, kind=kind) as disk:
            swallowing.start(env={"LD_PRELOAD": str(library)})
            scenes.power_round(swallowing, acme, sent, scenes.seeded(22), disk, name="cut", promises=20)
            with pytest.raises(AssertionError, match=r"promised files are lost|cannot be read"):
                scenes.check_promises(swallowing.home, sent)
    except NoDisk as error:
        missing(str(error)) if "mkfs" in str(error) else pytest.skip(str(error))
