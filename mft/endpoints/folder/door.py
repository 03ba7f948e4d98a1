"""Which folders are watched, as the partner files say now, and what wakes their watches.

Events come from watchdog, where a folder asks for them. Whoever polls has no use for watchdog's polling observer, which
holds all names at once: a watch looks for itself, now and then, in any case.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from os import fsencode
from typing import Final

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyObserver

from mft.endpoints.folder.watch import House, Watch
from partners.load import Directory
from partners.watched_folder import PRIVATE, WatchedFolder

_EVENTS: Final[list[type[FileSystemEvent]]] = [
    FileClosedEvent,
    FileMovedEvent,
    FileCreatedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


class _Waker(FileSystemEventHandler):
    """Wakes a watch at whatever happens that is not our own doing."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def dispatch(self, event: FileSystemEvent) -> None:
        path = fsencode(event.dest_path or event.src_path)
        if b"/" + PRIVATE not in path:
            self._wake()


@dataclass(slots=True)
class _Watched:
    watch: Watch
    observed: ObservedWatch | None = None


class FolderDoor:
    """Watches the folders of all partner files.

    Resource handling: `stop` ends every thread; a file that is under way then is taken up at the next start.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._watched: dict[tuple[str, WatchedFolder], _Watched] = {}
        self._observer: BaseObserver | None = None
        self._lock = threading.Lock()

    def follow(self, directory: Directory) -> None:
        """Watch what partner files say now: folders that are new or changed begin, others end."""
        wanted = {
            (profile.connection.id, folder)
            for profile in directory.profiles.values()
            if profile.connection.enabled
            for folder in profile.connection.watched_folders
        }
        for key in self._watched.keys() - wanted:
            self._end(self._watched.pop(key))
        for key in wanted - self._watched.keys():
            self._begin(*key)
        for watched in self._watched.values():
            watched.watch.wake()  # What is temporary, or of which feed, may have changed.

    def _begin(self, connection: str, folder: WatchedFolder) -> None:
        key = connection, folder
        watch = Watch(self._house, connection, folder, on_seen=lambda: self._observe(key))
        self._watched[key] = _Watched(watch)
        watch.start()

    def _observe(self, key: tuple[str, WatchedFolder]) -> None:
        """Have a folder's events wake its watch, from now on. Where there are none, it polls."""
        watched = self._watched.get(key)
        folder = key[1]
        if watched is None or folder.observer != "native":
            return
        with self._lock:
            if self._observer is None:
                self._observer = InotifyObserver()
                self._observer.start()
            self._unobserve(watched)
            with suppress(OSError):  # Too many watches, or the folder is gone again.
                watched.observed = self._observer.schedule(
                    _Waker(watched.watch.wake), folder.path, recursive=folder.recursive, event_filter=_EVENTS
                )

    def _unobserve(self, watched: _Watched) -> None:
        if watched.observed is not None and self._observer is not None:
            with suppress(KeyError, OSError):  # It has ended with its folder.
                self._observer.unschedule(watched.observed)
            watched.observed = None

    def _end(self, watched: _Watched) -> None:
        watched.watch.stop()
        with self._lock:
            self._unobserve(watched)

    def stop(self) -> None:
        for watched in self._watched.values():
            watched.watch.stop()
        self._watched.clear()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
