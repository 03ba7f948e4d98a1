"""What was found of a patient: the results of one order, as a laboratory or a device reports them.

As with patient events, absent is not sent, and null is deleted.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from parsers.canonical.patient import (
    Allergy,
    Coded,
    Condition,
    Extension,
    Health,
    Insurance,
    Moment,
    Number,
    Patient,
    Practitioner,
    Sent,
    Visit,
)
from parsers.canonical.values import ClaimNumber, Clinical, Code, Organization, Provenance, Value
from parsers.canonical.values import Moment as OpenMoment

OrderNumber = ClaimNumber | UnsetType | None
_Measure = Annotated[str, Meta(extra={"class": "CLINICAL", "reads": "decimal"})] | UnsetType | None
_When = Annotated[str, Meta(extra={"class": "DATE", "reads": "moment"})]
_Found = Annotated[str, Meta(extra={"class": "CLINICAL", "reads": "moment"})] | UnsetType | None


class Document(Value, frozen=True):
    """A document among what was found. It is not copied into the record.

    Attributes:
        type: "application", "image", "text"; format: "pdf", "JPEG", as sent; encoding: "Base64", "A" for none.
        stands_in: "message": what was sent has it, where the record's provenance says.
        pointer: else where to find it.
    """

    type: Sent = UNSET
    format: Sent = UNSET
    encoding: Sent = UNSET
    stands_in: Sent = UNSET
    pointer: Number = UNSET


class Observation(Value, frozen=True):
    """Attributes:
    type: how `values` are written: "NM", "ST", "CE", as sent.
    code: what was observed.
    values: what was found, a text for each; of a coded value the code, of a comparison or range all of it: "> 100".
    value_text: the words of a coded value.
    value_codings: coded values with the systems that they are of.
    value_number: of a number. A structured one has, too, what is before it (`value_comparator`: ">"), and behind it
        (`value_separator`: "-", "/", ":", and `value_second_number`).
    value_at: of a day or moment.
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
    value_codings: tuple[Condition, ...] | UnsetType | None = UNSET
    value_number: _Measure = UNSET
    value_comparator: Health = UNSET
    value_separator: Health = UNSET
    value_second_number: _Measure = UNSET
    value_at: _Found = UNSET
    document: Document | UnsetType = UNSET
    observers: tuple[Practitioner, ...] | UnsetType | None = UNSET
    methods: tuple[Coded, ...] | UnsetType | None = UNSET
    analyzed_at: Moment = UNSET
    performing_organization: Organization | UnsetType | None = UNSET


class Specimen(Value, frozen=True):
    """`id` is the number of whoever ordered, `filler_id` of whoever has it."""

    id: OrderNumber = UNSET
    filler_id: OrderNumber = UNSET
    type: Condition | UnsetType | None = UNSET
    site: Condition | UnsetType | None = UNSET
    collected_at: Moment = UNSET
    collected_until: Moment = UNSET
    received_at: Moment = UNSET
    collection_method: Condition | UnsetType | None = UNSET
    roles: tuple[Coded, ...] | UnsetType | None = UNSET


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
    placer_assigner: Sent = UNSET
    filler_assigner: Sent = UNSET
    group_id: OrderNumber = UNSET
    parent_placer_id: OrderNumber = UNSET
    parent_filler_id: OrderNumber = UNSET
    control_reason: Coded | UnsetType | None = UNSET
    requested_at: Moment = UNSET
    starts_at: Moment = UNSET
    ended_at: Moment = UNSET
    received_at: Moment = UNSET
    clinical_information: Health = UNSET
    entered_by: tuple[Practitioner, ...] | UnsetType | None = UNSET
    collectors: tuple[Practitioner, ...] | UnsetType | None = UNSET
    copies_to: tuple[Practitioner, ...] | UnsetType | None = UNSET
    ordering_facilities: tuple[Organization | None, ...] | UnsetType | None = UNSET


class ReportDocument(Value, frozen=True):
    """A document of which a message tells: dictated, transcribed, authenticated.

    Attributes:
        id: unique for ever; `parent_id` the one of which it is an addendum or replacement.
        completion: "DI" dictated, "IN" incomplete, "AU" authenticated, "LA" legally authenticated.
        availability: "AV" available, "CA" deleted, "OB" obsolete, "UN" unavailable.
    """

    id: OrderNumber = UNSET
    parent_id: OrderNumber = UNSET
    placer_ids: tuple[ClaimNumber | None, ...] | UnsetType | None = UNSET
    filler_id: OrderNumber = UNSET
    type: Condition | UnsetType | None = UNSET
    presentation: Sent = UNSET
    file_name: Annotated[str, Meta(extra={"class": "FREE_TEXT"})] | UnsetType | None = UNSET
    activity_at: Moment = UNSET
    originated_at: Moment = UNSET
    transcribed_at: Moment = UNSET
    edited_at: (
        tuple[Annotated[str, Meta(extra={"class": "DATE", "reads": "moment"})] | None, ...] | UnsetType | None
    ) = UNSET
    providers: tuple[Practitioner, ...] | UnsetType | None = UNSET
    originators: tuple[Practitioner, ...] | UnsetType | None = UNSET
    authenticators: tuple[Practitioner, ...] | UnsetType | None = UNSET
    transcriptionists: tuple[Practitioner, ...] | UnsetType | None = UNSET
    authenticated_by: tuple[Practitioner, ...] | UnsetType | None = UNSET
    authenticated_at: Moment = UNSET
    completion: Sent = UNSET
    confidentiality: Sent = UNSET
    availability: Sent = UNSET
    storage: Sent = UNSET
    change_reason: Health = UNSET


class ObservationReport(Value, frozen=True, kw_only=True, tag_field="schema", tag="observation-report/1"):
    """One for each order (ORC, OBR) of a message, be there results yet or not; or one for its document (TXA).

    Attributes:
        processing: "P" production, "T" training, "D" debugging.
        requests: the orders that a document is the result of.
        diagnoses: why it was ordered; `allergies` and `insurance` are the patient's.
    """

    provenance: Provenance
    event: Sent = UNSET
    message_type: Sent = UNSET
    sending_application: Sent = UNSET
    sending_facility: Sent = UNSET
    receiving_application: Sent = UNSET
    receiving_facility: Sent = UNSET
    processing: Sent = UNSET
    message_id: Number = UNSET
    sent_at: OpenMoment | UnsetType | None = UNSET
    patient: Patient | UnsetType = UNSET
    visit: Visit | UnsetType = UNSET
    order: Order | UnsetType = UNSET
    document: ReportDocument | UnsetType = UNSET
    requests: tuple[Order, ...] = ()
    specimens: tuple[Specimen, ...] = ()
    observations: tuple[Observation, ...] = ()
    diagnoses: tuple[Condition, ...] | UnsetType | None = UNSET
    allergies: tuple[Allergy, ...] = ()
    insurance: tuple[Insurance, ...] = ()
    notes: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()
