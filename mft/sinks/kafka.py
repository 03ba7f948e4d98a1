"""Events to a Kafka topic, keyed by partner, so that one partition has them in the order of the ledger.

Durability: `acks=all`: every replica in sync has the event when it is confirmed.
Loss: nothing that the outbox does not still have.
Spec: Kafka's idempotent producer, as librdkafka has it; CloudEvents by the Kafka binding, headers `ce_…`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mft.pipeline.emit import Outgoing, Unreached
from mft.sinks.cloudevents import Format, framed
from mft.sinks.lines import need, secret_in

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer

PROVEN: Final = "against librdkafka's mock cluster: no real broker was at hand"
_OURS: Final = {"enable.idempotence": True, "acks": "all"}
_REFUSED: Final = frozenset({"MSG_SIZE_TOO_LARGE", "INVALID_RECORD", "INVALID_MSG"})


class Kafka:
    """One producer. What it still holds when our time is over is thrown away: it must not arrive behind our back."""

    window = 500

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
        seconds: float = 15.0,
    ) -> None:
        """Raises BadConfig: the library is missing, or a file cannot be read."""
        need("confluent_kafka", "kafka")
        self.name = name
        self._topic = topic
        self._how = how
        self._seconds = seconds
        login = {"sasl.username": user, "sasl.password": secret_in(password_file), "sasl.mechanism": mechanism}
        line = ("sasl_" if user else "") + ("ssl" if tls else "plaintext")
        self._settings: dict[str, Any] = {
            **(options or {}),
            "bootstrap.servers": brokers,
            "security.protocol": line,
            "client.id": "mft",
            "linger.ms": 5,
            "delivery.timeout.ms": int(seconds * 1000),
            "request.timeout.ms": int(seconds * 1000),
            "error_cb": _nothing,
            **(login if user else {}),
            **({"ssl.ca.location": ca_file} if ca_file else {}),
            **_OURS,
        }
        self._producer: Producer | None = None

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        from confluent_kafka import KafkaException, Producer

        if self._producer is None:
            self._producer = Producer({**self._settings, "log_level": 0})
        refused: dict[str, str] = {}
        delivered: list[str] = []
        failed: list[str] = []

        def told(event: str, error: "KafkaError | None", _message: object) -> None:
            if error is None:
                delivered.append(event)
            elif error.name() in _REFUSED:
                refused[event] = _code(error)
            else:
                failed.append(_code(error))

        for event in events:
            form = framed(event, self._how)
            headers: list[tuple[str, str | bytes | None]] = [
                ("content-type", form.content_type),
                *((f"ce_{name}", value) for name, value in form.attributes.items()),
            ]
            try:
                self._producer.produce(
                    self._topic,
                    form.body,
                    event.lane.encode() or None,
                    headers=headers,
                    on_delivery=partial(told, event.id),
                )
            except (KafkaException, BufferError) as error:
                found = error.args[0] if isinstance(error, KafkaException) else None
                if found is not None:
                    told(event.id, found, None)
                else:
                    failed.append("kafka.queue-full")
        self._producer.flush(self._seconds)
        if len(delivered) + len(refused) < len(events):
            why = failed[0] if failed else "kafka.no-answer"
            self._drop()
            raise Unreached(why, delivered)
        return refused

    def close(self) -> None:
        self._drop()

    def _drop(self) -> None:
        """The next one begins anew, with nothing of this one's under way."""
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(1)
            self._producer = None


def _nothing(_error: object) -> None:
    """What the library would print comes as an error where it matters."""


def _code(error: "KafkaError") -> str:
    return f"kafka.{error.name().lstrip('_').lower().replace('_', '-')}"
