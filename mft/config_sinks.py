"""`[events.sinks.NAME]` of mft.toml: where events go, which of them, and what is done about those that are refused."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mft.events import CATALOGUE
from mft.pipeline.subscriptions import Subscription


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _types(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        asked = Subscription(types=(pattern,))
        if not any(asked.takes_announced({"type": event.type, "data": {}}) for event in CATALOGUE):
            raise ValueError(f"no event is called `{pattern}`: docs/events.md has them all")
    return patterns


class Subscribed(_Strict):
    """Keys of `[[events.sinks.NAME.subscribe]]`. What is left out asks nothing."""

    types: Annotated[tuple[str, ...], AfterValidator(_types)] = ()
    partners: tuple[str, ...] = ()
    standards: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    usages: tuple[str, ...] = ()


class SinkSettings(_Strict):
    """What every sink has."""

    subscribe: Annotated[tuple[Subscribed, ...], Field(description="None: every event.")] = ()
    format: Annotated[
        Literal["structured", "binary"], Field(description="CloudEvents: all in the body, or attributes as headers.")
    ] = "structured"
    records: Annotated[
        Literal["ref", "inline"], Field(description="Records by reference, or in mft.records.ready itself.")
    ] = "ref"
    inline_kib_max: Annotated[int, Field(ge=1, le=8192, description="More stay a reference.")] = 128
    reveal: Annotated[bool, Field(description="Inline records show what tells of persons.")] = False
    refused: Annotated[
        Literal["block", "park"], Field(description="A lane waits for an event that was refused, or goes on.")
    ] = "block"
    give_up_hours: Annotated[float, Field(gt=0, le=8760, description="Refused for so long it is a dead letter.")] = 72.0

    def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(Subscription(**one.model_dump()) for one in self.subscribe)


class FileSinkSettings(SinkSettings):
    """`kind = "file"`: lines of data/events/NAME.ndjson."""

    kind: Literal["file"]
    mib_max: Annotated[int, Field(ge=1, description="A larger file is set aside, and a new one begun.")] = 64
    keep: Annotated[int, Field(ge=1, le=9999, description="So many that were set aside are kept.")] = 10


AnySink = Annotated[FileSinkSettings, Field(discriminator="kind")]
