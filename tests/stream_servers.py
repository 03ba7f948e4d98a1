"""Kafka's mock cluster with the faults that librdkafka gives it, here or in a process that can be paused; a Redis replica."""

import ctypes
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.brokers import Redis, running
from tests.harness import eventually

PRODUCE: Final = 0  # Kafka's number of that request.
_PRODUCER: Final = 0  # librdkafka's of that kind of client.
_CHILD: Final = """
import sys
from tests.stream_servers import MockCluster
cluster = MockCluster()
print(cluster.brokers, flush=True)
sys.stdin.read()
"""


def _librdkafka() -> Any:
    import confluent_kafka

    folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    library = ctypes.CDLL(str(next(folder.glob("librdkafka-*.so*"))))
    for name, result, arguments in (
        ("rd_kafka_conf_new", ctypes.c_void_p, []),
        (
            "rd_kafka_conf_set",
            ctypes.c_int,
            [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t],
        ),
        ("rd_kafka_new", ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]),
        ("rd_kafka_destroy", None, [ctypes.c_void_p]),
        ("rd_kafka_mock_cluster_new", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int]),
        ("rd_kafka_mock_cluster_destroy", None, [ctypes.c_void_p]),
        ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, [ctypes.c_void_p]),
        ("rd_kafka_mock_broker_set_down", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_up", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int32]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class MockCluster:
    """One broker in this process, which fails as told."""

    def __init__(self) -> None:
        self._library = _librdkafka()
        conf = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(conf, b"log_level", b"0", None, 0)
        self._client = self._library.rd_kafka_new(_PRODUCER, conf, None, 0)
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)

    @property
    def brokers(self) -> str:
        found: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return found.decode()

    def answer_next(self, *codes: int, request: int = PRODUCE) -> None:
        """The next requests of that kind are answered with these of Kafka's error codes; 0 is none."""
        self._library.rd_kafka_mock_push_request_errors(
            ctypes.c_void_p(self._cluster), ctypes.c_int16(request), ctypes.c_size_t(len(codes)), *codes
        )

    def down(self) -> None:
        self._library.rd_kafka_mock_broker_set_down(self._cluster, 1)

    def up(self) -> None:
        self._library.rd_kafka_mock_broker_set_up(self._cluster, 1)

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


class MockProcess:
    """The same in a process of its own, which can be paused: what was sent to it waits in its sockets."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.brokers = self._process.stdout.readline().strip()
        assert self.brokers

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.resume()
        self._process.kill()
        self._process.communicate()


def partitions(brokers: str, topic: str = "mft.events") -> list[list[dict[str, Any]]]:
    """All that a topic has now: the CloudEvents of each partition that has any, in their order."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "t", "enable.auto.commit": False})
    with closing(consumer):
        found: list[list[dict[str, Any]]] = []
        for number in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=20)
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING)])
            mine: list[dict[str, Any]] = []
            while len(mine) < end:
                message = consumer.poll(20)
                assert message is not None, f"{len(mine)} of {end} came"
                assert message.error() is None, message.error()
                mine.append(json.loads(message.value()))
            found += [mine] if mine else []
        return found


@contextmanager
def replica_of(server: Redis, root: Path) -> Iterator[Redis]:
    """A second Redis that follows the first, once it has caught up."""

    class Replica(Redis):
        name = "redis-server (replica)"

        def command(self) -> tuple[list[str], dict[str, str]]:
            command, env = super().command()
            return [*command, "--replicaof", "127.0.0.1", str(server.port)], env

    def follows(port: int) -> bool:
        with server.client() as client:
            said = client.info("replication")
        return any(
            one.get("port") == port and one["state"] == "online" for one in said.values() if isinstance(one, dict)
        )

    with server.client() as client:
        client.config_set("repl-diskless-sync-delay", "0")
    with running(Replica, root) as replica:
        eventually(lambda: follows(replica.port), what="the replica follows")
        yield replica
