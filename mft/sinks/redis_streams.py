"""Events to a Redis stream: entries that are added all or none, in the order of the ledger.

Durability: what Redis' own `appendonly` and `appendfsync` make of it; with `replicas` so many others have it too.
Loss: nothing that the outbox does not still have, unless Redis loses what it said it had.
Spec: Redis commands MULTI, XADD, WAIT. There is no CloudEvents binding: an entry has the JSON text, and its id.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mft.pipeline.emit import Outgoing, Unreached
from mft.sinks.lines import need, secret_in

PROVEN: Final = "against Redis 7.0, a real server"
_WHY: Final = {
    "AuthenticationError": "redis.login",
    "BusyLoadingError": "redis.loading",
    "NoPermissionError": "redis.not-permitted",
    "OutOfMemoryError": "redis.full",
    "ReadOnlyError": "redis.read-only",
    "MISCONF": "redis.cannot-save",
    "NOAUTH": "redis.login",
    "NOREPLICAS": "redis.too-few-replicas",
    "WRONGTYPE": "redis.no-stream",
}
"""By the class that the library has for an error of Redis, or else by the word that the error begins with."""


class RedisStreams:
    """One connection. What one event meets, the next one would meet too: nothing is refused alone."""

    window = 500

    def __init__(
        self,
        name: str,
        url: str,
        *,
        password_file: str = "",
        ca_file: str = "",
        stream: str = "mft:events",
        entries_max: int = 0,
        replicas: int = 0,
        seconds: float = 15.0,
    ) -> None:
        """Raises BadConfig: the library is missing, or a file cannot be read."""
        need("redis", "redis")
        import redis

        self.name = name
        self._stream = stream
        self._entries_max = entries_max
        self._replicas = replicas
        self._seconds = seconds
        given: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        if password_file:
            given["password"] = secret_in(password_file)
        if ca_file:
            given["ssl_ca_certs"] = ca_file
        self._client: redis.Redis = redis.Redis.from_url(url, **given)

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        import redis

        limit: dict[str, Any] = {"maxlen": self._entries_max, "approximate": True} if self._entries_max else {}
        try:
            with self._client.pipeline(transaction=True) as together:
                for event in events:
                    entry: dict[Any, Any] = {"id": event.id, "type": event.type, "event": event.body}
                    together.xadd(self._stream, entry | ({"partner": event.lane} if event.lane else {}), **limit)
                together.execute()
            if self._replicas and self._client.wait(self._replicas, int(self._seconds * 500)) < self._replicas:
                raise Unreached("redis.too-few-replicas")
        except redis.RedisError as error:
            raise Unreached(_code(error)) from None
        return {}

    def close(self) -> None:
        self._client.close()


def _code(error: Exception) -> str:
    kind = type(error).__name__
    word = str(error).rpartition("caused error: ")[2].partition(" ")[0]  # What is before it, the library adds.
    return _WHY.get(kind) or _WHY.get(word) or f"redis.{kind}"
