"""What was found of a patient: the results of one order, as a laboratory or a device reports them.

As with patient events, absent is not sent, and null is deleted.
"""

from msgspec import UNSET, UnsetType

from parsers.canonical.patient import (
    Coded,
    Condition,
    Extension,
    Health,
    Moment,
    Number,
    Patient,
    Practitioner,
    Sent,
    Visit,
)
from parsers.canonical.values import ClaimNumber, Clinical, Code, Provenance, Value
from parsers.canonical.values import Moment as OpenMoment

OrderNumber = ClaimNumber | UnsetType | None


class Observation(Value, frozen=True):
    """Attributes:
    type: how `values` are written: "NM", "ST", "CE", as sent.
    code: what was observed.
    values: what was found, a text for each; of a coded value the code.
    value_text: the words of a coded value.
    flags: "H", "L", "A", "N": out of what is normal, and how.
    status: "F" final, "P" preliminary, "C" corrected.
    """

    number: Number = UNSET
    type: Sent = UNSET
    code: Coded | UnsetType | None = UNSET
    part: Sent = UNSET
    values: tuple[Clinical | None, ...] | UnsetType | None = UNSET
    value_text: Health = UNSET
    units: Coded | UnsetType | None = UNSET
    reference_range: Sent = UNSET
    flags: tuple[Code | None, ...] | UnsetType | None = UNSET
    status: Sent = UNSET
    observed_at: Moment = UNSET
    performer: Coded | UnsetType | None = UNSET
    notes: tuple[str, ...] = ()


class Specimen(Value, frozen=True):
    id: OrderNumber = UNSET
    type: Condition | UnsetType | None = UNSET
    site: Condition | UnsetType | None = UNSET
    collected_at: Moment = UNSET
    received_at: Moment = UNSET


class Order(Value, frozen=True):
    """Attributes:
    placer_id: the number of whoever ordered; `filler_id` of whoever does it.
    control: "NW" new, "CA" cancelled, "RE" results follow, as sent.
    """

    control: Sent = UNSET
    placer_id: OrderNumber = UNSET
    filler_id: OrderNumber = UNSET
    status: Sent = UNSET
    ordered_at: Moment = UNSET
    service: Coded | UnsetType | None = UNSET
    priority: Sent = UNSET
    observed_at: Moment = UNSET
    reported_at: Moment = UNSET
    result_status: Sent = UNSET
    section: Sent = UNSET
    reasons: tuple[Condition, ...] | UnsetType | None = UNSET
    ordering_providers: tuple[Practitioner, ...] | UnsetType | None = UNSET
    interpreter: Practitioner | UnsetType | None = UNSET


class ObservationReport(Value, frozen=True, kw_only=True, tag_field="schema", tag="observation-report/1"):
    """One for each order (OBR) of a message, be there results yet or not."""

    provenance: Provenance
    event: Sent = UNSET
    message_type: Sent = UNSET
    sending_application: Sent = UNSET
    sending_facility: Sent = UNSET
    message_id: Number = UNSET
    sent_at: OpenMoment | UnsetType | None = UNSET
    patient: Patient | UnsetType = UNSET
    visit: Visit | UnsetType = UNSET
    order: Order | UnsetType = UNSET
    specimens: tuple[Specimen, ...] = ()
    observations: tuple[Observation, ...] = ()
    diagnoses: tuple[Condition, ...] | UnsetType | None = UNSET
    notes: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()
