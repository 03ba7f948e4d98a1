"""Records in the events that tell of them, for sinks that want them so: masked, unless they shall be shown.

The outbox has the reference alone; what is added here leaves with one delivery and is kept nowhere. A try that is
repeated, and a replay, carry the same as long as the records are the same and sealed for the same key.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mft.errors import Missing, UnsealFailed
from mft.events import RecordsReady
from mft.ledger.database import Books, Row
from mft.ledger.objects import sealed_object
from mft.ledger.record_parts import records_row
from mft.pipeline.emit import as_announced
from mft.records.masks import masked_lines
from mft.vault.store import Vault
from parsers.canonical.catalogue import BY_SCHEMA

TOO_LARGE: Final = "too-large"
ERASED: Final = "erased"
NO_MASKS: Final = "no-masks"
UNREADABLE: Final = "unreadable"
"""Why an event carries no records, though its sink wants them."""


@dataclass(frozen=True, slots=True)
class Inline:
    """Dresses an event for a sink. `bytes_max` is of the records of one set, as JSON; more stay a reference."""

    vault: Vault
    books: Callable[[], Books]
    bytes_max: int
    reveal: bool

    def __call__(self, row: Row) -> bytes:
        body = as_announced(row)
        if row["type"] != RecordsReady.type:
            return body
        event = msgspec.json.decode(body)
        event["data"] |= self._told(event["subject"], event["data"])
        return msgspec.json.encode(event)

    def _told(self, transfer: str, data: dict[str, Any]) -> dict[str, Any]:
        books = self.books()
        row = records_row(books, transfer, data["set_number"], data["ref"].rpartition("@")[2])
        if row is None:
            return {"left_out": ERASED}
        if not self.reveal and row["record_schema"] not in BY_SCHEMA:
            return {"left_out": NO_MASKS}
        try:
            sealed = sealed_object(books, row["object_id"])
            if sealed.whole_size > self.bytes_max:
                return {"left_out": TOO_LARGE}
            reader = self.vault.open(sealed)
            try:
                chunks = list(reader.chunks())
            finally:
                reader.close()
        except Missing:
            return {"left_out": ERASED}
        except UnsealFailed:
            return {"left_out": UNREADABLE}
        # Tokens must be the same at each try, and nobody who has one may guess its salt.
        salt = hashlib.sha256(sealed.wrapped_dek).hexdigest()
        text = b"".join(chunks if self.reveal else masked_lines(chunks, salt))
        return {"content": [msgspec.json.decode(line) for line in text.splitlines()], "masked": not self.reveal}
