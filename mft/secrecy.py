"""What a process does once before it holds a key or a partner's bytes."""

import ctypes
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # prctl(2)


def leave_no_core() -> None:
    """No core file and no debugger: both would show what is in memory. For good: a process cannot take it back."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
