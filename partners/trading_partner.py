"""A trading partner: who sends or receives interchanges, by the ids that stand in their envelopes. Pure data.

One connection carries many: a clearinghouse's login brings the interchanges of hundreds of senders.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
EdiId = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
"""An id as an envelope has it, `ACMEHOSP`; or behind its qualifier, `ZZ:ACMEHOSP`, which then counts, too."""


class TradingPartner(BaseModel):
    """Keys of `[[trading_partners]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    ids: Annotated[tuple[EdiId, ...], Field(min_length=1)]


def is_among(ids: tuple[str, ...], qualifier: str | None, edi_id: str | None) -> bool:
    """Whether an envelope's id, and its qualifier where it has one, is one of these."""
    return edi_id is not None and (edi_id in ids or f"{qualifier or ''}:{edi_id}" in ids)
