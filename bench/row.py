"""A row of the speed table."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure, ours beside a peer's. `ratio` above 1: we are better. `first_bar` and `goal` are ratios or limits."""

    name: str
    ours: float
    theirs: float | None
    unit: str
    ratio: float | None
    first_bar: float | None = None
    goal: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        theirs = f"peer {self.theirs:10.2f}" if self.theirs is not None else " " * 15
        ratio = f"ratio {self.ratio:5.2f}" if self.ratio is not None else " " * 11
        bars = f"first bar {self.first_bar}" if self.first_bar is not None else ""
        bars += f", goal {self.goal}" if self.goal is not None else ""
        return f"{self.name:76} ours {self.ours:10.2f} {theirs} {self.unit:10} {ratio}  {bars}".rstrip()


def speed(name: str, ours: float, theirs: float, unit: str, *bars: float) -> Row:
    """More is better."""
    return Row(name, ours, theirs, unit, ours / theirs, *bars)


def cost(name: str, ours: float, theirs: float, unit: str, *bars: float) -> Row:
    """Less is better: the ratio is the peer's to ours, and its name says so."""
    return Row(f"{name} (ratio: peer/ours)", ours, theirs, unit, theirs / ours, *bars)
