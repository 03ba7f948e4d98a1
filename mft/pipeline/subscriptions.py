"""Who is told of what: a sink takes every event, or those that one of its subscriptions fits."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from mft.events import Event


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an event must be; an empty field asks nothing. `types` may have wildcards: `mft.transfer.*`.

    A partner is named as its file names it, or as the trading partner that an interchange is from; a set is that of
    records, so that who names sets hears of records alone.
    """

    types: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    standards: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    usages: tuple[str, ...] = ()

    def takes(self, event: Event) -> bool:
        """Whether an event is one of these."""
        data = {"trading_partner": getattr(event, "trading_partner", None), "set": getattr(event, "set", None)}
        return self._fits(event.type, event.partner, event.standard, event.usage, data)

    def takes_announced(self, event: Mapping[str, Any]) -> bool:
        """The same of a CloudEvent, as the outbox has it."""
        said = event.get
        return self._fits(event["type"], said("partner"), said("standard"), said("usage"), event["data"])

    def _fits(
        self, kind: str, partner: str | None, standard: str | None, usage: str | None, data: Mapping[str, Any]
    ) -> bool:
        return (
            (not self.types or any(fnmatchcase(kind, pattern) for pattern in self.types))
            and (not self.partners or partner in self.partners or data.get("trading_partner") in self.partners)
            and (not self.standards or standard in self.standards)
            and (not self.sets or data.get("set") in self.sets)
            and (not self.usages or usage in self.usages)
        )


Subscriptions = Mapping[str, tuple[Subscription, ...]]
"""By sink; one with none takes everything."""


def takers(subscriptions: Subscriptions, event: Event) -> tuple[str, ...]:
    """The sinks that an event goes to."""
    return tuple(name for name, asked in subscriptions.items() if not asked or any(one.takes(event) for one in asked))
