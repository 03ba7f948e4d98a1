"""Events to NATS JetStream: each published to a stream, and answered by it before it counts as delivered.

Durability: an answer says that the stream has the message, on the disks of most of its replicas where it is kept in
files; when these are synced the server's `sync_interval` decides.
Loss: nothing that the outbox does not still have.
Spec: the JetStream wire API (ADR-1, ADR-22); CloudEvents by the NATS binding, headers `ce-…`.
"""

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from mft.pipeline.emit import Outgoing, Unreached
from mft.sinks.cloudevents import Format, framed
from mft.sinks.lines import need, secret_in, tls, token

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

T = TypeVar("T")
PROVEN: Final = "against NATS 2.15 with JetStream, a real server"
_HEADERS_BYTES: Final = 4096  # Set aside for them of what a server takes at once.
_DUPLICATES_SECONDS: Final = 3600
_WHY: Final = {
    10054: "nats.too-large",
    10023: "nats.full",  # Insufficient resources.
    10047: "nats.full",  # Of the server's storage.
    10060: "nats.other-stream",  # The subject belongs to another stream than was named.
    10077: "nats.full",  # Maximum messages, or bytes.
}
"""Error codes of JetStream (server/errors.json), as far as one can say more of them than their number."""


class _Error(msgspec.Struct):
    err_code: int = 0


class _PubAck(msgspec.Struct):
    error: _Error | None = None


class NatsJetStream:
    """One connection, on a loop in a thread of its own, which answers the server's pings between batches.

    Answers come to a subscription of ours: the library's `publish_async` never ends where one is an error.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        user: str = "",
        password_file: str = "",
        token_file: str = "",
        creds_file: str = "",
        ca_file: str = "",
        stream: str = "mft",
        prefix: str = "",
        declare: bool = True,
        lane_window: int = 1,
        how: Format = "structured",
        seconds: float = 15.0,
    ) -> None:
        """Raises BadConfig: the library is missing, or a file cannot be read."""
        need("nats", "nats")
        self.name = name
        self.window = lane_window
        self._url = url
        self._login: dict[str, Any] = {}
        if user:
            self._login = {"user": user, "password": secret_in(password_file)}
        elif token_file:
            self._login = {"token": secret_in(token_file)}
        elif creds_file:
            secret_in(creds_file)
            self._login = {"user_credentials": str(Path(creds_file))}
        if url.startswith("tls://"):
            self._login["tls"] = tls(ca_file)
        self._stream = stream
        self._prefix = prefix
        self._declare = declare
        self._how = how
        self._seconds = seconds
        self._client: Client | None = None
        self._inbox = ""
        self._sent = 0
        self._answers: dict[str, asyncio.Future[str]] = {}  # By the last word of where they are sent to.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"nats-{name}", daemon=True)
        self._thread.start()

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        return self._do(self._deliver(events))

    def close(self) -> None:
        self._do(self._drop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        try:
            async with asyncio.timeout(self._seconds):
                client = await self._connected()
        except TimeoutError:
            await self._drop()
            raise Unreached("nats.no-answer") from None
        refused: dict[str, str] = {}
        answers: dict[str, asyncio.Future[str]] = {}
        self._answers = answers
        why = await self._publish(client, events, refused)
        if answers:
            await asyncio.wait(answers.values(), timeout=self._seconds)
        delivered = []
        for event, answer in zip([one for one in events if one.id not in refused], answers.values(), strict=False):
            said = answer.result() if answer.done() else "nats.no-answer"
            if not said:
                delivered.append(event.id)
            elif said == "nats.too-large":
                refused[event.id] = said
            else:
                why = said
        if why:
            if why == "nats.no-answer":
                await self._drop()
            raise Unreached(why, delivered)
        return refused

    async def _publish(self, client: "Client", events: Sequence[Outgoing], refused: dict[str, str]) -> str:
        """Send what fits. Returns why not all of it was."""
        room = client.max_payload - _HEADERS_BYTES
        for event in events:
            form = framed(event, self._how)
            if len(form.body) > room:  # The server would end the connection.
                refused[event.id] = "nats.too-large"
                continue
            headers = {f"ce-{name}": value for name, value in form.attributes.items()}
            headers |= {"Nats-Msg-Id": event.once, "Nats-Expected-Stream": self._stream}
            headers["content-type"] = form.content_type
            subject = f"{self._prefix}{event.type}.{token(event.lane)}"
            self._sent += 1
            self._answers[str(self._sent)] = self._loop.create_future()
            try:
                await client.publish(subject, form.body, reply=f"{self._inbox}.{self._sent}", headers=headers)
            except Exception as error:  # noqa: BLE001  Whatever a closed connection raises here.
                return _reason(error)
        return ""

    async def _answered(self, message: "Msg") -> None:
        """What a stream, or the lack of one, says of one event: nothing, or why it has it not."""
        answer = self._answers.get(message.subject.rpartition(".")[2])
        if answer is None or answer.done():
            return
        if (message.headers or {}).get("Status") == "503":  # Nobody listens to the subject.
            answer.set_result("nats.no-stream")
            return
        try:
            error = msgspec.json.decode(message.data, type=_PubAck).error
        except msgspec.DecodeError:
            answer.set_result("nats.strange-answer")
            return
        answer.set_result("" if error is None else _WHY.get(error.err_code, f"nats.{error.err_code}"))

    async def _connected(self) -> "Client":
        """Raises Unreached."""
        from nats.aio.client import Client
        from nats.js.errors import NotFoundError

        if self._client is not None and self._client.is_connected:
            return self._client
        await self._drop()
        client = Client()
        try:
            await client.connect(
                self._url,
                name="mft",
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=max(1, int(self._seconds)),
                error_cb=_nothing,
                ping_interval=20,
                **self._login,
            )
            jetstream = client.jetstream(timeout=self._seconds)
            try:
                await jetstream.stream_info(self._stream)
            except NotFoundError:
                if not self._declare:
                    raise Unreached("nats.no-stream") from None
                await jetstream.add_stream(
                    name=self._stream,
                    subjects=[f"{self._prefix}mft.>"],
                    storage="file",
                    duplicate_window=_DUPLICATES_SECONDS,
                )
            self._inbox = client.new_inbox()
            await client.subscribe(f"{self._inbox}.*", cb=self._answered)
        except Unreached:
            raise
        except Exception as error:  # noqa: BLE001  Of whatever kind: it is tried again.
            raise Unreached(_reason(error)) from None
        else:
            self._client = client
            return client
        finally:
            if self._client is None:
                await _close(client)

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _close(client)


async def _close(client: "Client") -> None:
    """End a connection, also one that is half made or half dead."""
    with suppress(Exception):  # It is gone either way.
        async with asyncio.timeout(1):
            await client.close()
    transport: Any = client._transport  # noqa: SLF001  Left open where its end was not reached.
    writer = getattr(transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()


async def _nothing(_error: Exception) -> None:
    """What the library would print comes as an error where it matters."""


def _reason(error: BaseException) -> str:
    code = getattr(error, "err_code", None)
    if code:
        return _WHY.get(code, f"nats.{code}")
    kind = type(error).__name__
    return "nats.no-stream" if kind == "NoStreamResponseError" else f"nats.{kind}"
