"""Events to a Kafka topic, keyed by partner, so that one partition has them in the order of the ledger.

Durability: `acks=all`: every replica in sync has the event when it is confirmed.
Loss: nothing that the outbox does not still have.
Spec: Kafka's idempotent producer, as librdkafka has it; CloudEvents by the Kafka binding, headers `ce_…`.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from mft.errors import BadConfig
from mft.pipeline.emit import Outgoing, Unreached
from mft.sinks.cloudevents import Format, framed
from mft.sinks.lines import need, secret_in

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer

PROVEN: Final = "against librdkafka's mock cluster: no real broker was at hand"
_OURS: Final = {"enable.idempotence": True, "acks": "all"}
_REFUSED: Final = frozenset({"MSG_SIZE_TOO_LARGE", "INVALID_RECORD", "INVALID_MSG"})
_OF_NO_INTEREST: Final = frozenset({"_PURGE_QUEUE", "_PURGE_INFLIGHT"})
_LONGER_THAN_OURS: Final = 4  # No event may time out by itself, and let those behind it pass: our time ends them all.


@dataclass(slots=True)
class _Told:
    """What became of events, by id."""

    delivered: list[str] = field(default_factory=list)
    too_large: dict[str, str] = field(default_factory=dict)  # By our own limit: nothing of them was sent.
    suspects: dict[str, str] = field(default_factory=dict)  # The broker refused a request that they were part of.
    failed: list[str] = field(default_factory=list)  # Why others did not arrive.

    def take(self, event: str, error: "KafkaError | None", _message: object) -> None:
        if error is None:
            self.delivered.append(event)
        elif error.name() in _REFUSED:
            self.suspects[event] = _code(error)
        elif error.name() not in _OF_NO_INTEREST:
            self.failed.append(_code(error))


class Kafka:
    """One producer. What it still holds when our time is over is thrown away: it must not arrive behind our back."""

    def __init__(
        self,
        name: str,
        brokers: str,
        *,
        topic: str = "mft.events",
        user: str = "",
        password_file: str = "",
        mechanism: str = "SCRAM-SHA-512",
        tls: bool = True,
        ca_file: str = "",
        options: Mapping[str, str] | None = None,
        how: Format = "structured",
        lane_window: int = 1,
        seconds: float = 15.0,
    ) -> None:
        """Raises BadConfig: the library is missing, a file cannot be read, or librdkafka has no such option."""
        need("confluent_kafka", "kafka")
        self.name = name
        self.window = lane_window
        self._topic = topic
        self._how = how
        self._seconds = seconds
        login = {"sasl.username": user, "sasl.password": secret_in(password_file), "sasl.mechanism": mechanism}
        line = ("sasl_" if user else "") + ("ssl" if tls else "plaintext")
        self._settings: dict[str, Any] = {
            "client.id": "mft",
            "linger.ms": 5,
            "partitioner": "consistent",  # As Kafka's default, but that events of no partner share a partition too.
            **(options or {}),
            "bootstrap.servers": brokers,
            "security.protocol": line,
            "delivery.timeout.ms": int(seconds * 1000) * _LONGER_THAN_OURS,
            "request.timeout.ms": int(seconds * 1000),
            "error_cb": self._heard,
            "log_level": 0,
            "logger": logging.getLogger("confluent_kafka"),  # Which `need` has made silent.
            **(login if user else {}),
            **({"ssl.ca.location": ca_file} if ca_file else {}),
            **_OURS,
        }
        self._last_error = ""
        self._producer: Producer | None = None
        self._check()

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        told = self._send(events)
        refused, delivered, failed = dict(told.too_large), list(told.delivered), list(told.failed)
        suspects = [event for event in events if event.id in told.suspects]
        for event in suspects:
            # A broker refuses a request with all that is in it: which of them it means, each shows when it goes alone.
            alone = self._send([event]) if len(events) > 1 else told
            refused |= alone.suspects
            delivered += alone.delivered if alone is not told else ()
            failed += alone.failed
            if not alone.suspects and not alone.delivered:
                break
        if len(delivered) + len(refused) < len(events):
            raise Unreached((failed or [self._last_error or "kafka.no-answer"])[0], delivered)
        return refused

    def close(self) -> None:
        self._drop()

    def _check(self) -> None:
        """A producer that is never used says what is wrong with its settings. Raises BadConfig."""
        from confluent_kafka import KafkaException, Producer

        try:
            Producer({**self._settings, "bootstrap.servers": ""})
        except KafkaException as error:
            raise BadConfig(f"librdkafka does not take these settings: {error.args[0].str()}") from None

    def _send(self, events: Sequence[Outgoing]) -> _Told:
        """Hand events over, and wait until all were answered, or our time is over."""
        from confluent_kafka import KafkaException, Producer

        self._last_error = ""
        told, until = _Told(), monotonic() + self._seconds
        producer = self._producer = self._producer or Producer(self._settings)
        try:
            for event in events:
                self._produce(producer, event, told)
            while len(producer) and (left := until - monotonic()) > 0:
                producer.poll(left)
        except BufferError:
            told.failed.append("kafka.queue-full")
        except KafkaException as error:  # Of the producer as a whole: it is of no use any more.
            told.failed.append(_code(error.args[0]))
        if len(told.delivered) + len(told.too_large) + len(told.suspects) < len(events):
            self._drop()
        return told

    def _produce(self, producer: "Producer", event: Outgoing, told: _Told) -> None:
        """Raises KafkaException, BufferError: no other would be taken either."""
        from confluent_kafka import KafkaException

        form = framed(event, self._how)
        headers: list[tuple[str, str | bytes | None]] = [
            ("content-type", form.content_type),
            *((f"ce_{name}", value) for name, value in form.attributes.items()),
        ]
        key = event.lane.encode() or None
        try:
            producer.produce(self._topic, form.body, key, headers=headers, on_delivery=partial(told.take, event.id))
        except KafkaException as error:
            if error.args[0].name() not in _REFUSED:
                raise
            told.too_large[event.id] = _code(error.args[0])

    def _heard(self, error: "KafkaError") -> None:
        """Of a line that fails nothing is told but this."""
        self._last_error = _code(error)

    def _drop(self) -> None:
        """The next one begins anew, with nothing of this one's under way."""
        from confluent_kafka import KafkaException

        producer, self._producer = self._producer, None
        if producer is None:
            return
        producer.purge()
        until = monotonic() + 1
        while len(producer) and monotonic() < until:
            with suppress(KafkaException):  # `flush` would call back with it pending, which Python does not bear.
                producer.poll(0.1)


def _code(error: "KafkaError") -> str:
    return f"kafka.{error.name().lstrip('_').lower().replace('_', '-')}"
