"""What a process of ours asks of the kernel for itself."""

import ctypes
import os
import resource
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_DUMPABLE: Final = 4


def leave_no_core() -> None:
    """No core file and no debugger: both would show what is in memory. Before a process holds a key or plaintext."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def keep_to_ourselves() -> None:
    """The same, and as many open files as we may have: what a server asks for."""
    leave_no_core()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def die_with(parent: int) -> bool:
    """Be killed when this parent is gone, however it ends. False: it is gone already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent
