"""Events to RabbitMQ: into a quorum queue, or through an exchange; each confirmed before it counts as delivered.

Durability: a confirm of a quorum queue says that most of its members have the message on their disks.
Loss: nothing that the outbox does not still have.
Spec: AMQP 0-9-1 with RabbitMQ's publisher confirms; CloudEvents by the AMQP binding's names, `cloudEvents_…`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from mft.pipeline.emit import Outgoing, Unreached
from mft.sinks.cloudevents import Format, framed
from mft.sinks.lines import need, secret_in, tls, token

if TYPE_CHECKING:
    from pika.channel import Channel

PROVEN: Final = "against RabbitMQ 3.10, a real server"
_LOOKS: Final = 3  # The end of a stream is read, then passed on, then told.
_BYTES_MAX: Final = 128 << 20  # What a server takes unless it was told otherwise: larger ones end the channel.


@dataclass(slots=True)
class _Batch:
    """What is on its way: ids by delivery tag, and what came of them."""

    unconfirmed: dict[int, str] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    nacked: bool = False


class RabbitMQ:
    """One connection, made when it is needed. Its loop turns only while something is on its way, so that heartbeats
    would be missed between batches: there are none, and TCP's keepalive and our deadline find a dead server.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        password_file: str = "",
        ca_file: str = "",
        exchange: str = "",
        queue: str = "mft.events",
        declare: bool = True,
        lane_window: int = 1,
        how: Format = "structured",
        seconds: float = 15.0,
    ) -> None:
        """Raises BadConfig: the library is missing, or a file cannot be read."""
        need("pika", "rabbitmq")
        import pika

        self.name = name
        self.window = lane_window
        self._exchange = exchange
        self._queue = queue
        self._declare = declare
        self._how = how
        self._seconds = seconds
        where = urlsplit(url)
        self._parameters = pika.URLParameters(where._replace(netloc=where.netloc.rpartition("@")[2]).geturl())
        if where.username:
            self._parameters.credentials = pika.PlainCredentials(unquote(where.username), secret_in(password_file))
        if self._parameters.ssl_options is not None:
            self._parameters.ssl_options = pika.SSLOptions(tls(ca_file), self._parameters.host)
        self._parameters.heartbeat = 0
        self._parameters.blocked_connection_timeout = seconds
        self._parameters.socket_timeout = self._parameters.stack_timeout = seconds
        self._parameters.tcp_options = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
        self._connection: pika.SelectConnection | None = None
        self._channel: Channel | None = None
        self._why = ""  # The connection or its channel ended, or was not opened.
        self._batch = _Batch()
        self._tag = 0

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        if self._connection is not None:
            self._notice()
        if self._channel is None or self._why:
            self._open()
        batch = self._batch = _Batch()
        for event in events:
            if len(event.body) > _BYTES_MAX:
                batch.refused[event.id] = "rabbitmq.too-large"
            else:
                self._publish(event)
        if batch.unconfirmed and not self._why:
            self._turn(lambda: not batch.unconfirmed or bool(self._why))
        if batch.unconfirmed or batch.nacked:
            why = self._why or ("rabbitmq.nacked" if batch.nacked else "rabbitmq.no-confirm")
            if batch.unconfirmed:
                self._drop()
            raise Unreached(why, batch.confirmed)
        return batch.refused

    def close(self) -> None:
        self._drop()

    def _publish(self, event: Outgoing) -> None:
        import pika

        self._tag += 1
        self._batch.unconfirmed[self._tag] = event.id
        channel = self._channel
        if channel is None or self._why:
            return  # It stays unconfirmed.
        form = framed(event, self._how)
        properties = pika.BasicProperties(
            content_type=form.content_type,
            delivery_mode=2,
            message_id=event.id,
            type=event.type,
            app_id="mft",
            headers={f"cloudEvents_{name}": value for name, value in form.attributes.items()} or None,
        )
        key = f"{event.type}.{token(event.lane)}" if self._exchange else self._queue
        channel.basic_publish(self._exchange, key, form.body, properties, mandatory=True)

    def _open(self) -> None:
        """Connect, declare, and ask for confirms. Raises Unreached."""
        import pika

        self._drop()
        self._why = ""
        self._tag = 0
        self._connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=self._opened,
            on_open_error_callback=lambda _, error: self._ended(_reason(error)),
            on_close_callback=lambda _, error: self._ended(_reason(error)),
        )
        self._turn(lambda: self._channel is not None or bool(self._why))
        if self._channel is None or self._why:
            why = self._why or "rabbitmq.no-answer"
            self._drop()
            raise Unreached(why)

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._channel_opened)

    def _channel_opened(self, channel: "Channel") -> None:
        channel.add_on_close_callback(lambda _, error: self._ended(_reason(error)))
        channel.add_on_return_callback(self._returned)

        def confirm(_: object) -> None:
            channel.confirm_delivery(self._acknowledged, callback=lambda _: self._ready(channel))

        if self._exchange:
            channel.exchange_declare(self._exchange, "topic", durable=True, passive=not self._declare, callback=confirm)
        else:
            channel.queue_declare(
                self._queue,
                durable=True,
                passive=not self._declare,
                arguments={"x-queue-type": "quorum"} if self._declare else None,
                callback=confirm,
            )

    def _ready(self, channel: "Channel") -> None:
        self._channel = channel

    def _returned(self, _channel: object, _method: object, properties: Any, _body: bytes) -> None:
        self._batch.refused[properties.message_id] = "rabbitmq.unroutable"  # Its confirm follows.

    def _acknowledged(self, frame: Any) -> None:
        from pika.spec import Basic

        batch, said = self._batch, frame.method
        tags = [said.delivery_tag]
        if said.multiple:
            tags = [tag for tag in batch.unconfirmed if tag <= said.delivery_tag]
        for tag in tags:
            event = batch.unconfirmed.pop(tag, None)
            if event is None or event in batch.refused:
                continue
            if isinstance(said, Basic.Nack):
                batch.nacked = True
            else:
                batch.confirmed.add(event)

    def _ended(self, why: str) -> None:
        self._why = self._why or why

    def _turn(self, done: Callable[[], bool], seconds: float | None = None) -> None:
        """Let the connection's loop turn until it is done, or our time is over."""
        assert self._connection is not None
        seconds = self._seconds if seconds is None else seconds
        loop, until = self._connection.ioloop, monotonic() + seconds
        timer = loop.call_later(seconds, lambda: None)  # Ends the last wait for events.
        loop.activate_poller()
        try:
            while not done() and monotonic() <= until:
                loop.poll()
                loop.process_timeouts()
        finally:
            loop.deactivate_poller()
            loop.remove_timeout(timer)

    def _notice(self) -> None:
        """See what became of the connection since, without waiting for anything."""
        assert self._connection is not None
        loop = self._connection.ioloop
        loop.activate_poller()
        for _ in range(_LOOKS):
            loop.call_later(0, lambda: None)
            loop.poll()
            loop.process_timeouts()
        loop.deactivate_poller()

    def _cut(self, connection: Any) -> None:
        """End a connection whose other side does not answer; the library knows no such thing."""
        from pika.exceptions import AMQPConnectionError

        connection._terminate_stream(AMQPConnectionError("no answer"))  # noqa: SLF001  It has no other way.
        self._turn(lambda: bool(connection.is_closed), 1)

    def _drop(self) -> None:
        """Let go of the connection, whatever state it is in."""
        connection = self._connection
        if connection is not None:
            if connection.is_open and not self._batch.unconfirmed:
                connection.close()
                self._turn(lambda: bool(connection.is_closed), 1)
            if not connection.is_closed:
                self._cut(connection)
            connection.ioloop.close()
        self._connection = self._channel = None


def _reason(error: BaseException | str) -> str:
    """Why a connection ended, by the kind of it and its AMQP code; a server's text stays out."""
    code = getattr(error, "reply_code", None)
    return f"rabbitmq.{code}" if code else f"rabbitmq.{type(error).__name__}"
