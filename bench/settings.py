"""Sizes and counts, each from the environment; and what went wrong, in words."""

import os
from collections.abc import Mapping

SETTINGS = {
    "BENCH_ROUNDS": (5, "measured rounds of each bench, after one that warms up and is checked"),
    "BENCH_UPLOAD_MIB": (1024, "size of the file of upload"),
    "BENCH_DOWNLOAD_MIB": (1024, "size of the file of download"),
    "BENCH_FILES": (2000, "how many files of 8 KiB files sends in a round"),
    "BENCH_READY_STAGED": (10_000, "staged things that ready finds"),
    "BENCH_SEALING_MIB": (512, "size of the file of sealing"),
    "BENCH_AUDIT_LEAVES": (50_000, "leaves that audit appends in a round"),
    "BENCH_AUDIT_ROWS": (1_000_000, "leaves that audit asks and verifies"),
    "BENCH_CLOSE_GIB": (2, "size of the file of close"),
    "BENCH_LOGINS": (100, "logins in a round of login"),
    "BENCH_UPLOADS": (500, "uploads of latency"),
    "BENCH_EVENTS": (20_000, "events that events drains to each sink"),
    "BENCH_EVENTS_UPLOADS": (100, "uploads of events, for each sink"),
    "BENCH_PARSE_MB": (50, "size of the files of parse; slow peers get a part of it"),
    "BENCH_PARSE_SIZES_MB": (1000, "size of the largest file of parse-sizes"),
    "BENCH_RECORDS": (1_000_000, "cached records that records asks"),
    "BENCH_RECORDS_SETS": (5_000, "sets of one record that records caches"),
    "BENCH_PARSE_MEMORY_MIB": (1024, "size of the file of parse-memory"),
}
PATHS = {"BENCH_STAEDI_JAR": "path of StAEDI's jar, which you bring; without it, parse leaves StAEDI out"}


class Unmeasured(Exception):
    """A figure could not be measured; the message says why, and what to do where that is known."""


def number(name: str) -> int:
    """The value of a setting. Raises Unmeasured: it is no whole number above zero."""
    text = os.environ.get(name) or str(SETTINGS[name][0])
    if not (text.isascii() and text.isdigit() and int(text)):
        raise Unmeasured(f"{name}={text}: expected a whole number, 1 or more")
    return int(text)


def check(environment: Mapping[str, str]) -> None:
    """Raises Unmeasured: a setting is wrong, or there is none of its name."""
    for name in environment:
        if name.startswith("BENCH_") and name not in SETTINGS | PATHS:
            raise Unmeasured(f"{name} is no setting; there are {', '.join(SETTINGS | PATHS)}")
    for name in SETTINGS:
        number(name)
