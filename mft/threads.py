"""Threads whose end is never unseen."""

import threading
from collections.abc import Callable

from mft.errors import Broken


def watched(name: str, run: Callable[[], None], on_broken: Callable[[Broken], None]) -> threading.Thread:
    """A thread that runs until it is done; if it fails instead, `on_broken` is told why, and the service stops.

    Work that has stopped while the doors still say yes would be worse than no service.
    """

    def guarded() -> None:
        try:
            run()
        except Broken as error:
            on_broken(error)
        except Exception as error:  # noqa: BLE001  Whatever it was, this work has stopped.
            on_broken(Broken(f"{name} failed: {type(error).__name__}"))

    return threading.Thread(target=guarded, name=name, daemon=True)
