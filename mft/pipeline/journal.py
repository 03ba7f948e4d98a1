"""One command's entry in the ledger: state, audit leaf and event, all or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from mft.audit import log
from mft.clock import new_id, rfc3339
from mft.domain import TENANT
from mft.events import Event
from mft.ledger.database import Books
from mft.ledger.outbox import add_event
from mft.pipeline.subscriptions import Subscriptions, takers


@dataclass(slots=True)
class Journal:
    """Open books, the moment, and what an event says about where it came from.

    `source` is the installation, `node` this machine, `subscriptions` say whom events go to. What a command did that
    somebody waits for is kept in `noted` (a leaf to number), `arrived` (a transfer to work on), `announced` (an event),
    and `forgotten` (objects whose files can go once this is committed).
    """

    books: Books
    at: int
    source: str
    node: str
    subscriptions: Subscriptions
    noted: bool = field(default=False, init=False)
    arrived: bool = field(default=False, init=False)
    announced: bool = field(default=False, init=False)
    forgotten: list[str] = field(default_factory=list, init=False)

    def leaf(
        self,
        kind: str,
        *,
        actor: str,
        connection: str | None = None,
        transfer: str | None = None,
        result: str = "ok",
        facts: Mapping[str, log.Fact] | None = None,
        private: Mapping[str, str] | None = None,
    ) -> str:
        """Add a leaf to the audit log; see `mft.audit.log.append`."""
        self.noted = True
        return log.append(
            self.books,
            kind,
            at=self.at,
            actor=actor,
            connection=connection,
            transfer=transfer,
            result=result,
            facts=facts,
            private=private,
        )

    def announce(self, event: Event) -> None:
        """Put an event into the outbox, as a CloudEvent (version 1.0, JSON format)."""
        event_id = new_id()
        envelope = {
            "specversion": "1.0",
            "id": event_id,
            "source": self.source,
            "type": event.type,
            "subject": event.subject,
            "time": rfc3339(self.at),
            "datacontenttype": "application/json",
            "partner": event.partner,
            "standard": event.standard,
            "usage": event.usage,
            "node": self.node,
            "data": event.data(),
        }
        row = {
            "id": event_id,
            "tenant_id": TENANT,
            "at": self.at,
            "type": event.type,
            "transfer_id": event.subject if event.about == "transfer" else None,
            "lane": event.partner or "",
            "body": msgspec.json.encode({k: v for k, v in envelope.items() if v is not None}).decode(),
        }
        add_event(self.books, row, takers(self.subscriptions, event))
        self.announced = True
