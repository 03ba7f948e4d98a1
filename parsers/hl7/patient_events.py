"""ADT messages into patient events: one for each patient (PID) of a message, since some triggers swap or link two."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from parsers.canonical.patient import (
    Allergy,
    Coded,
    Extension,
    Insurance,
    Name,
    NextOfKin,
    Patient,
    PatientDiagnosis,
    PatientEvent,
    PatientIdentifier,
    Phone,
    PostalAddress,
    Practitioner,
    Sent,
    Visit,
)
from parsers.canonical.patient import (
    Location as Ward,
)
from parsers.canonical.values import Provenance, iso_moment
from parsers.findings import Finding, Location
from parsers.hl7.delimiters import Delimiters, unescape
from parsers.records import Made

DELETED = '""'
"""HL7 v2.5.1 chapter 2.5.3: the sender asks to delete what the receiver holds."""

MAX_RECORD_BYTES = 4 << 20
"""What stands beyond in one message is left out of its record and reported: it bounds the memory."""

Fields = list[str]
"""A segment's fields: PID-3 is at index 3; absent trailing ones are empty text up to index 55."""

_PADDING = [""] * 56
Part = TypeVar("Part", bound=msgspec.Struct)


class PatientEvents:
    """Collects what a message says of a patient; PID begins the next one's."""

    schema: ClassVar[str] = "patient-event/1"
    version: ClassVar[str] = "adt-1"

    def __init__(self, delimiters: Delimiters, place: Location) -> None:
        self._delimiters = delimiters
        self._place = place
        self._findings: list[Finding] = []
        self._records: list[PatientEvent] = []
        self._message: dict[str, Any] = {}
        self._patient: dict[str, Any] = {}
        self._start = place.offset or 0
        self._limit = self._start + MAX_RECORD_BYTES
        self._overlong = False
        self._offset = self._start
        self._position = 1

    def feed(self, segments: Sequence[str], starts: Sequence[int], position: int) -> Iterator[Made]:
        separator = self._delimiters.field
        for index, segment in enumerate(segments):
            tag = segment[:3]
            action = self.actions.get(tag) or (PatientEvents._extension if tag[0] == "Z" else None)
            if action is None or segment[3:4] not in {separator, ""}:
                continue
            self._offset, self._position = starts[index], position + index
            if self._offset > self._limit:
                self._report_overlong()
                break
            fields = segment.split(separator)
            if tag == "MSH":
                fields.insert(1, separator)  # The separator is MSH-1, so that MSH-9 is at index 9.
            action(self, fields + _PADDING)
        yield from self._findings
        self._findings.clear()

    def finish(self, end: int) -> Iterator[Made]:
        self._close(end)
        yield from self._records

    def _close(self, end: int) -> None:
        place = Provenance(self._place.set or 0, self._start, end)
        patient: dict[str, Any] = {
            name: tuple(told) if isinstance(told, list) else told for name, told in self._patient.items()
        }
        self._records.append(PatientEvent(provenance=place, **self._message, **patient))
        self._patient = {}
        self._start = end

    # --- segments ---

    def _header(self, fields: Fields) -> None:
        message_type, event = self._parts(fields[9], 1, 2)
        self._message.update(message_type=message_type, event=event)

    def _event(self, fields: Fields) -> None:
        if fields[1]:
            self._message["event"] = self._sent(fields[1])
        self._message["recorded_at"] = self._moment(fields[2], "EVN-2")
        self._message["occurred_at"] = self._moment(fields[6], "EVN-6")

    def _identification(self, fields: Fields) -> None:
        if "patient" in self._patient:
            self._close(self._offset)
        identifiers = self._repeated(fields[3], self._identifier)
        older = [self._repeated(fields[number], self._identifier) for number in (2, 4)]
        self._patient["patient"] = Patient(
            identifiers=_joined(identifiers, *older),
            names=_joined(self._repeated(fields[5], self._name), self._repeated(fields[9], self._name)),
            birth_date=self._moment(fields[7], "PID-7"),
            sex=self._first(fields[8]),
            addresses=self._repeated(fields[11], self._address),
            phones=_joined(self._repeated(fields[13], self._phone), self._repeated(fields[14], self._phone)),
            account=self._one(fields[18], self._identifier),
            died_at=self._moment(fields[29], "PID-29"),
        )

    def _merge(self, fields: Fields) -> None:
        self._patient["merged_identifiers"] = self._repeated(fields[1], self._identifier)

    def _visit(self, fields: Fields) -> None:
        self._patient["visit"] = Visit(
            number=self._first(fields[19]),
            patient_class=self._first(fields[2]),
            location=self._one(fields[3], self._ward),
            prior_location=self._one(fields[6], self._ward),
            attending=self._repeated(fields[7], self._practitioner),
            hospital_service=self._first(fields[10]),
            admitted_at=self._moment(fields[44], "PV1-44"),
            discharged_at=self._moment(fields[45], "PV1-45"),
        )

    def _next_of_kin(self, fields: Fields) -> None:
        self._add(
            "next_of_kin",
            NextOfKin(
                names=self._repeated(fields[2], self._name),
                relationship=self._one(fields[3], self._coded),
                addresses=self._repeated(fields[4], self._address),
                phones=self._repeated(fields[5], self._phone),
            ),
        )

    def _diagnosis(self, fields: Fields) -> None:
        self._add(
            "diagnoses",
            PatientDiagnosis(
                diagnosis=self._one(fields[3], self._coded),
                description=self._sent(fields[4]),
                at=self._moment(fields[5], "DG1-5"),
                type=self._first(fields[6]),
            ),
        )

    def _allergy(self, fields: Fields) -> None:
        reactions = [self._sent(part) for part in fields[5].split(self._delimiters.repetition) if part]
        self._add(
            "allergies",
            Allergy(
                type=self._one(fields[2], self._coded),
                allergen=self._one(fields[3], self._coded),
                severity=self._one(fields[4], self._coded),
                reactions=tuple(reaction for reaction in reactions if not isinstance(reaction, UnsetType)) or UNSET,
                identified_on=self._moment(fields[6], "AL1-6"),
            ),
        )

    def _insurance(self, fields: Fields) -> None:
        self._add(
            "insurance",
            Insurance(
                plan=self._one(fields[2], self._coded),
                company_identifiers=self._repeated(fields[3], self._identifier),
                company_name=self._first(fields[4]),
                group_number=self._sent(fields[8]),
                policy_number=self._sent(fields[36]),
                insured=self._repeated(fields[16], self._name),
            ),
        )

    def _extension(self, fields: Fields) -> None:
        sent = fields[1 : len(fields) - len(_PADDING)]
        self._add("extensions", Extension(fields[0], tuple(sent)))

    def _add(self, name: str, value: msgspec.Struct) -> None:
        self._patient.setdefault(name, []).append(value)

    # --- values ---

    def _sent(self, text: str) -> Sent:
        if not text:
            return UNSET
        return None if text == DELETED else unescape(text, self._delimiters)

    def _first(self, text: str) -> Sent:
        """The first component, without its subcomponents."""
        return self._plain(text.split(self._delimiters.component, 1)[0])

    def _plain(self, component: str) -> Sent:
        """A component, without its further subcomponents."""
        if not component:
            return UNSET
        if self._delimiters.subcomponent in component:
            component = component.split(self._delimiters.subcomponent, 1)[0]
        return self._sent(component)

    def _parts(self, text: str, *numbers: int) -> list[Sent]:
        """Components by their number, from 1."""
        components = text.split(self._delimiters.component)
        count = len(components)
        return [self._plain(components[number - 1]) if number <= count else UNSET for number in numbers]

    def _one(self, text: str, make: Callable[[str], Part]) -> Part | UnsetType | None:
        if not text:
            return UNSET
        return None if text == DELETED else make(text)

    def _repeated(self, text: str, make: Callable[[str], Part]) -> tuple[Part, ...] | UnsetType | None:
        if not text:
            return UNSET
        if text == DELETED:
            return None
        return tuple(make(part) for part in text.split(self._delimiters.repetition) if part) or UNSET

    def _moment(self, text: str, name: str) -> Sent:
        text = text.split(self._delimiters.component, 1)[0]
        if not text or text == DELETED:
            return self._sent(text)
        value = iso_moment(text)
        if value is None:
            place = replace(self._place, segment=name[:3], position=self._position, element=name, offset=self._offset)
            self._findings.append(
                Finding.at(
                    place,
                    "hl7.not-a-moment",
                    f"{name} is not a date or time.",
                    "Send YYYYMMDD, with HHMM, HHMMSS and +ZZZZ where known.",
                    severity="warning",
                )
            )
            return UNSET
        return value

    def _identifier(self, text: str) -> PatientIdentifier:
        return PatientIdentifier(*self._parts(text, 1, 4, 5))

    def _name(self, text: str) -> Name:
        return Name(*self._parts(text, 1, 2, 3, 4, 5, 7))

    def _address(self, text: str) -> PostalAddress:
        return PostalAddress(*self._parts(text, 1, 2, 3, 4, 5, 6, 7))

    def _phone(self, text: str) -> Phone:
        """XTN-1 is the number as one text; later versions send country, area and local number apart."""
        number, use, country, area, local = self._parts(text, 1, 2, 5, 6, 7)
        if isinstance(number, UnsetType):
            apart = [part for part in (country, area, local) if isinstance(part, str)]
            number = " ".join(apart) or UNSET
        return Phone(number, use)

    def _coded(self, text: str) -> Coded:
        return Coded(*self._parts(text, 1, 2, 3))

    def _ward(self, text: str) -> Ward:
        return Ward(*self._parts(text, 1, 2, 3, 4))

    def _practitioner(self, text: str) -> Practitioner:
        identifier, *names = self._parts(text, 1, 2, 3, 4, 5, 6)
        named = any(not isinstance(part, UnsetType) for part in names)
        return Practitioner(identifier, Name(*names) if named else UNSET)

    def _report_overlong(self) -> None:
        if self._overlong:
            return
        self._overlong = True
        place = replace(self._place, position=self._position, offset=self._offset)
        self._findings.append(
            Finding.at(
                place,
                "hl7.record-too-long",
                "One message has more than 4 MiB; what follows in it was left out of its record.",
                "Send large documents beside the message and refer to them.",
            )
        )

    actions: ClassVar[Mapping[str, Callable[[Any, Fields], None]]] = {
        "MSH": _header,
        "EVN": _event,
        "PID": _identification,
        "MRG": _merge,
        "PV1": _visit,
        "NK1": _next_of_kin,
        "DG1": _diagnosis,
        "AL1": _allergy,
        "IN1": _insurance,
    }


def _joined(*parts: tuple[Part, ...] | UnsetType | None) -> tuple[Part, ...] | UnsetType | None:
    """One list of what several fields say; a delete of the first stands when nothing else was sent."""
    values = tuple(value for part in parts if isinstance(part, tuple) for value in part)
    return values or parts[0]
