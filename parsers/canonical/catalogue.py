"""All types of records, by the name that their schema begins with."""

from collections.abc import Mapping
from typing import Final

import msgspec

from parsers.canonical.acknowledgment import Acknowledgment
from parsers.canonical.authorization import Authorization
from parsers.canonical.claim import Claim
from parsers.canonical.claim_status import ClaimStatus
from parsers.canonical.eligibility import Eligibility
from parsers.canonical.enrollment import Enrollment
from parsers.canonical.invoice import Invoice
from parsers.canonical.logistics import LogisticsEvent, LogisticsOrder
from parsers.canonical.observation import ObservationReport
from parsers.canonical.order import OrderResponse, PurchaseOrder
from parsers.canonical.patient_event import PatientEvent
from parsers.canonical.payment import Payment
from parsers.canonical.remittance import Remittance
from parsers.canonical.shipment import ShipNotice
from parsers.canonical.statement import AccountStatement

_TYPES: Final = (
    Claim,
    Remittance,
    Enrollment,
    Eligibility,
    ClaimStatus,
    Authorization,
    PurchaseOrder,
    OrderResponse,
    ShipNotice,
    Invoice,
    LogisticsOrder,
    LogisticsEvent,
    PatientEvent,
    ObservationReport,
    Payment,
    AccountStatement,
    Acknowledgment,
)


def schema_of(record: type[msgspec.Struct]) -> str:
    """The name of a type of record with its major version: "claim/1"."""
    return str(record.__struct_config__.tag)


BY_SCHEMA: Final[Mapping[str, type[msgspec.Struct]]] = {schema_of(record): record for record in _TYPES}
