"""Events to a queue of AWS SQS: a FIFO queue keeps the order of each partner, another one does not.

Durability: SQS has a message on several servers when it answers.
Loss: nothing that the outbox does not still have.
Spec: SQS' SendMessageBatch. There is no CloudEvents binding: a message has the JSON text, and its type as an attribute.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mft.pipeline.emit import Outgoing, Unreached
from mft.sinks.lines import need, secret_in, token

PROVEN: Final = "against moto, an emulator: no real account was at hand"
_BYTES_MAX: Final = 262_144
_ATTRIBUTES_BYTES: Final = 256
_MESSAGES_MAX: Final = 10
_OF_THE_QUEUE: Final = ("AccessDenied", "Kms", "KMS")  # A sender's fault too, but another event would fare no better.


class Sqs:
    """One client, which finds credentials as AWS' own tools do, unless a key is named."""

    window = 1

    def __init__(
        self,
        name: str,
        queue_url: str,
        *,
        region: str = "",
        endpoint: str = "",
        access_key_id: str = "",
        secret_key_file: str = "",
        seconds: float = 15.0,
    ) -> None:
        """Raises BadConfig: the library is missing, or a file cannot be read."""
        need("boto3", "sqs")
        self.name = name
        self._queue_url = queue_url
        self._fifo = queue_url.endswith(".fifo")
        self._given: dict[str, Any] = {"region_name": region or None, "endpoint_url": endpoint or None}
        if access_key_id:
            self._given |= {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret_in(secret_key_file)}
        self._seconds = seconds
        self._client: Any = None

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        refused = {event.id: "sqs.too-large" for event in events if _size(event) > _BYTES_MAX}
        delivered: list[str] = []
        for some in _batches([event for event in events if event.id not in refused]):
            answer = self._send(some, delivered)
            ids = {str(number): event.id for number, event in enumerate(some)}
            delivered += [ids[one["Id"]] for one in answer.get("Successful", ())]
            for one in answer.get("Failed", ()):
                if not one.get("SenderFault") or str(one.get("Code")).rpartition(".")[2].startswith(_OF_THE_QUEUE):
                    raise Unreached(_code(one.get("Code")), delivered)
                refused[ids[one["Id"]]] = _code(one.get("Code"))
        return refused

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _send(self, events: Sequence[Outgoing], delivered: Sequence[str]) -> Mapping[str, Any]:
        """Raises Unreached."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                self._client = self._connect()
            answer: Mapping[str, Any] = self._client.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[self._entry(number, event) for number, event in enumerate(events)],
            )
        except ClientError as error:
            raise Unreached(_code(error.response.get("Error", {}).get("Code")), delivered) from None
        except BotoCoreError as error:
            raise Unreached(f"sqs.{type(error).__name__}", delivered) from None
        return answer

    def _connect(self) -> Any:
        import boto3
        from botocore.config import Config

        times = {"connect_timeout": self._seconds, "read_timeout": self._seconds}
        return boto3.client("sqs", config=Config(**times, retries={"total_max_attempts": 1}), **self._given)

    def _entry(self, number: int, event: Outgoing) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "Id": str(number),
            "MessageBody": event.body.decode(),
            "MessageAttributes": {"type": {"DataType": "String", "StringValue": event.type}},
        }
        if self._fifo:
            entry |= {"MessageGroupId": token(event.lane), "MessageDeduplicationId": event.once}
        return entry


def _size(event: Outgoing) -> int:
    return len(event.body) + _ATTRIBUTES_BYTES


def _batches(events: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """As many as one request may have: by number, and by size."""
    some: list[Outgoing] = []
    for event in events:
        if some and (len(some) == _MESSAGES_MAX or sum(map(_size, some)) + _size(event) > _BYTES_MAX):
            yield some
            some = []
        some.append(event)
    if some:
        yield some


def _code(word: object) -> str:
    """An error code of AWS, without what it may carry: `AWS.SimpleQueueService.NonExistentQueue` ends so."""
    return f"sqs.{str(word or 'failed').rpartition('.')[2]}"
