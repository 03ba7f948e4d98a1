"""Real brokers for tests, each on free ports in a folder of its own: started, killed, paused and started again."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from tests.harness import eventually, missing, peer


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """A server that can be ended and started again with all that it kept."""

    name: ClassVar[str]

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        root.mkdir(parents=True, exist_ok=True)
        self.prepare()
        self.start()

    def prepare(self) -> None:
        """Make what the server needs, once."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What starts it, and its environment."""
        raise NotImplementedError

    def is_up(self) -> bool:
        return listens(self.port)

    def start(self) -> None:
        command, env = self.command()
        log = (self.root / "log").open("ab")
        self.process = subprocess.Popen(
            command, env={**os.environ, **env}, cwd=self.root, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        eventually(self._answers, what=f"{self.name} is up: {self.root / 'log'}")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.root / "log").read_text()[-2000:]
        return self.is_up()

    def stop(self) -> None:
        """Let it end by itself."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait()
        self.process = None

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, how)

    def close(self) -> None:
        self.resume()
        self.kill()


class Nats(Broker):
    name = "nats-server"

    def command(self) -> tuple[list[str], dict[str, str]]:
        found = peer("nats-server", also=(str(Path(sys.executable).with_name("nats-server")),))
        config = self.root / "nats.conf"
        config.write_text('jetstream { store_dir: "js" }\nmax_payload: 1MB\n')
        return [found, "-a", "127.0.0.1", "-p", str(self.port), "-c", str(config)], {}

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def events(self, stream: str = "mft") -> list[dict[str, Any]]:
        """All that the stream has, in its order."""
        import asyncio

        import nats
        from nats.errors import TimeoutError as NothingMore

        async def read() -> list[dict[str, Any]]:
            client = await nats.connect(self.url)
            jetstream = client.jetstream()
            left = (await jetstream.stream_info(stream)).state.messages
            found: list[dict[str, Any]] = []
            if left:
                reader = await jetstream.subscribe("", stream=stream, ordered_consumer=True)
                try:
                    while len(found) < left:
                        message = await reader.next_msg(timeout=10)
                        found.append(read_back(message.data, message.headers or {}, "ce-"))
                except NothingMore:
                    pass
            await client.close()
            return found

        return asyncio.run(read())


class RabbitMQServer(Broker):
    name = "rabbitmq-server"
    queue = "mft.events"

    def prepare(self) -> None:
        self.epmd_port, self.dist_port = free_port(), free_port()
        (self.root / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndistribution.listener.port_range.min = {self.dist_port}\n"
            f"distribution.listener.port_range.max = {self.dist_port}\n"
            "vm_memory_high_watermark.absolute = 2GB\ndisk_free_limit.absolute = 50MB\nloopback_users = none\n"
        )
        (self.root / "plugins").write_text("[].\n")
        # Erlang's name server, which else would be started beside it and outlive it.
        self.names = subprocess.Popen([peer("epmd"), "-port", str(self.epmd_port), "-address", "127.0.0.1"])
        eventually(lambda: listens(self.epmd_port), what="epmd is up")

    def command(self) -> tuple[list[str], dict[str, str]]:
        found = peer("rabbitmq-server", also=("/usr/sbin/rabbitmq-server",))
        lib = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # The wrapper in /usr/sbin becomes another user.
        return [str(lib) if lib.exists() else found], {
            "HOME": str(self.root),
            "RABBITMQ_BASE": str(self.root),
            "RABBITMQ_CONFIG_FILE": str(self.root / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.root / "plugins"),
            "RABBITMQ_ERLANG_COOKIE": "a-cookie-of-the-tests",
            "RABBITMQ_LOG_BASE": str(self.root / "logs"),
            "RABBITMQ_MNESIA_BASE": str(self.root / "mnesia"),
            "RABBITMQ_NODENAME": f"mft{self.port}@localhost",
            "RABBITMQ_PID_FILE": str(self.root / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
            "ERL_EPMD_PORT": str(self.epmd_port),
        }

    def is_up(self) -> bool:
        import pika

        if not listens(self.port):
            return False
        try:
            pika.BlockingConnection(self._parameters()).close()
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True

    @property
    def url(self) -> str:
        return f"amqp://127.0.0.1:{self.port}/%2F"

    def _parameters(self) -> Any:
        import pika

        return pika.URLParameters(self.url)

    def close(self) -> None:
        super().close()
        self.names.kill()
        self.names.wait()

    @contextmanager
    def channel(self) -> Iterator[Any]:
        import pika

        connection = pika.BlockingConnection(self._parameters())
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()

    def events(self, queue: str = queue) -> list[dict[str, Any]]:
        """Take all that the queue has, in its order."""
        found = []
        with self.channel() as channel:
            for method, properties, body in channel.consume(queue, inactivity_timeout=1.0):
                if method is None:
                    break
                found.append(read_back(body, properties.headers or {}, "cloudEvents_"))
                channel.basic_ack(method.delivery_tag)
        return found


class Redis(Broker):
    name = "redis-server"
    options: ClassVar[tuple[str, ...]] = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")

    def command(self) -> tuple[list[str], dict[str, str]]:
        found = peer("redis-server")
        return [found, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.root), *self.options], {}

    def is_up(self) -> bool:
        import redis

        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def client(self) -> Any:
        import redis

        return redis.Redis(port=self.port)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def events(self, stream: str = "mft:events") -> list[dict[str, Any]]:
        """All that the stream has, in its order."""
        with self.client() as client:
            return [json.loads(entry[b"event"]) for _, entry in client.xrange(stream)]


def read_back(body: bytes, headers: Any, prefix: str) -> dict[str, Any]:
    """A CloudEvent, in either form."""
    attributes = {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}
    return {**attributes, "data": json.loads(body)} if attributes else json.loads(body)


@contextmanager
def running(kind: Callable[[Path], Broker], root: Path) -> Iterator[Any]:
    """A broker, ended at the end."""
    try:
        broker = kind(root)
    except FileNotFoundError as error:
        missing(str(error))
        raise
    try:
        yield broker
    finally:
        broker.close()
