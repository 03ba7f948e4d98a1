"""A row of the speed table."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure, ours beside a peer's. `ratio` above 1: we are faster. `first_bar` and `goal` are ratios or limits."""

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
        bars = f"first bar {self.first_bar}, goal {self.goal}" if self.first_bar is not None else ""
        return f"{self.name:44} ours {self.ours:10.2f} {theirs} {self.unit:12} {ratio}  {bars}".rstrip()
