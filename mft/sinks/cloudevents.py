"""CloudEvents 1.0 on the wire: all in the body ("structured"), or the attributes as headers ("binary").

Spec: cloudevents/spec v1.0.2, the bindings for HTTP, NATS, Kafka and AMQP, and the JSON event format.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from mft.pipeline.emit import Outgoing

Format = Literal["structured", "binary"]
STRUCTURED: Final = "application/cloudevents+json"


class Framed(NamedTuple):
    """An event as a protocol carries it. Header names have no prefix yet: each binding has its own."""

    content_type: str
    attributes: dict[str, str]
    body: bytes


def framed(event: Outgoing, how: Format) -> Framed:
    """An event in one of the two forms; the structured one has no attributes beside its body."""
    if how == "structured":
        return Framed(STRUCTURED, {}, event.body)
    said = msgspec.json.decode(event.body, type=dict[str, msgspec.Raw])
    data = bytes(said.pop("data"))
    content_type = _text(said.pop("datacontenttype"))
    return Framed(content_type, {name: _text(value) for name, value in said.items()}, data)


def _text(value: msgspec.Raw) -> str:
    """An attribute's canonical text: strings as they are, `true` as it is written."""
    found = msgspec.json.decode(value)
    return found if isinstance(found, str) else bytes(value).decode()
