"""837 professional (005010X222, 004010X098) into claims.

What stands where decides what it means: `where` follows the guide's loops, and `SLOTS` says which party an NM1 names
there. Levels (HL) carry over: a claim takes billing provider, subscriber and payer from the levels above it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from parsers.canonical.claim import (
    Claim,
    ClaimDate,
    ClaimLine,
    Diagnosis,
    Payer,
    Period,
    Person,
    Procedure,
    Provider,
)
from parsers.canonical.values import Address, Identifier, Money, Provenance, Quantity
from parsers.findings import Location
from parsers.x12.delimiters import Delimiters
from parsers.x12.mapping import Elements, SegmentMap, person_name


class Where(StrEnum):
    """The guide's loops, as far as they change what a segment means."""

    HEADER = "1000"
    BILLING = "2000A"
    SUBSCRIBER = "2000B"
    PATIENT = "2000C"
    CLAIM = "2300"
    OTHER_PAYER = "2320"
    LINE = "2400"


LEVELS = {"20": Where.BILLING, "22": Where.SUBSCRIBER, "23": Where.PATIENT}
SLOTS = {
    (Where.BILLING, "85"): "billing_provider",
    (Where.SUBSCRIBER, "IL"): "subscriber",
    (Where.SUBSCRIBER, "PR"): "payer",
    (Where.PATIENT, "QC"): "patient",
    (Where.CLAIM, "82"): "rendering_provider",
    (Where.CLAIM, "DN"): "referring_provider",
    (Where.CLAIM, "77"): "service_facility",
    (Where.LINE, "82"): "line_rendering_provider",
}
OF_THE_LEVEL = {
    Where.BILLING: ("billing_provider", "subscriber", "payer", "patient"),
    Where.SUBSCRIBER: ("subscriber", "payer", "patient"),
    Where.PATIENT: ("patient",),
}
"""What a level says anew; what stands above it stays known."""

SCHEMES = {
    "XX": "npi",
    "MI": "member-id",
    "II": "unique-health-id",
    "PI": "payer-id",
    "XV": "plan-id",
    "24": "ein",
    "34": "ssn",
    "EI": "ein",
    "SY": "ssn",
    "0B": "state-license",
    "1G": "upin",
    "F8": "original-claim",
    "D9": "clearinghouse-claim",
    "G1": "prior-authorization",
    "9F": "referral",
    "EA": "medical-record",
    "6R": "line-control",
    "X4": "clia",
    "2U": "payer-id",
    "FY": "claim-office",
    "Y4": "property-casualty-claim",
}
DATE_KINDS = {
    "431": "onset",
    "454": "initial-treatment",
    "304": "last-seen",
    "453": "acute-manifestation",
    "439": "accident",
    "484": "last-menstrual-period",
    "455": "last-x-ray",
    "471": "prescription",
    "314": "disability",
    "360": "disability-begin",
    "361": "disability-end",
    "297": "last-worked",
    "296": "return-to-work",
    "435": "admission",
    "096": "discharge",
    "090": "care-assumed",
    "091": "care-relinquished",
    "444": "first-contact",
    "050": "repricer-received",
}
DIAGNOSES = {
    "ABK": ("ICD-10-CM", "principal"),
    "ABF": ("ICD-10-CM", "other"),
    "BK": ("ICD-9-CM", "principal"),
    "BF": ("ICD-9-CM", "other"),
}

POINTERS = frozenset(str(number) for number in range(1, 13))
"""A claim has at most twelve diagnoses to point at."""


def _identifier(qualifier: str, value: str) -> Identifier:
    return Identifier(SCHEMES.get(qualifier, f"x12:{qualifier}"), value)


@dataclass(slots=True)
class _Party:
    """What NM1 and the segments behind it say of one party, while they come in."""

    name: Elements
    identifiers: list[Identifier] = field(default_factory=list)
    street: list[str] = field(default_factory=list)
    town: Elements | None = None
    birth_date: str | None = None
    gender: str | None = None
    relationship: str | None = None
    built: Provider | Person | Payer | None = None

    def address(self) -> Address | None:
        if not self.street and self.town is None:
            return None
        town = self.town or [""] * 5
        return Address(
            lines=tuple(self.street),
            city=town[1] or None,
            state=town[2] or None,
            postal_code=town[3] or None,
            country=town[4] or None,
        )

    def provider(self) -> Provider:
        """Built once, because thousands of claims may share a billing provider."""
        if not isinstance(self.built, Provider):
            is_person = self.name[2] == "1"
            self.built = Provider(
                name=None if is_person else self.name[3] or None,
                person=person_name(self.name) if is_person else None,
                identifiers=tuple(self.identifiers),
                address=self.address(),
            )
        return self.built

    def person(self) -> Person:
        if not isinstance(self.built, Person):
            is_person = self.name[2] != "2"
            self.built = Person(
                name=person_name(self.name) if is_person else None,
                organization=None if is_person else self.name[3] or None,
                identifiers=tuple(self.identifiers),
                relationship=self.relationship,
                birth_date=self.birth_date,
                gender=self.gender,
                address=self.address(),
            )
        return self.built


@dataclass(slots=True)
class _Line:
    """`elements` are those of SV1."""

    number: str | None
    elements: Elements = field(default_factory=lambda: [""] * 11)
    charge: Money | None = None
    units: Quantity | None = None
    service: Period | None = None
    control_number: str | None = None


class ProfessionalClaims(SegmentMap):
    """A claim for each CLM; it ends where the next claim or level begins, or with the set."""

    schema: ClassVar[str] = "claim/1"
    version: ClassVar[str] = "837p-1"
    closers: ClassVar[frozenset[str]] = frozenset({"HL", "CLM"})

    def __init__(self, delimiters: Delimiters, place: Location) -> None:
        super().__init__(delimiters, place)
        self._where = Where.HEADER
        self._currency: str | None = None
        self._coverage: Elements = [""] * 10  # SBR of the subscriber in hand.
        self._relationship: str | None = None
        self._billing_taxonomy: Identifier | None = None
        self._parties: dict[str, _Party] = {}
        self._party: _Party | None = None
        self._claim: Elements | None = None
        self._claim_start = 0
        self._total_charge: Money | None = None
        self._dates: list[ClaimDate] = []
        self._references: list[Identifier] = []
        self._diagnoses: list[Diagnosis] = []
        self._claim_parties: dict[str, _Party] = {}
        self._lines: list[ClaimLine] = []
        self._line: _Line | None = None

    # --- levels ---

    def _level(self, elements: Elements) -> None:
        self.close_record()
        self._enter(LEVELS.get(elements[3], Where.HEADER))
        if self._where is Where.BILLING:
            self._currency = self._billing_taxonomy = None
        if self._where is Where.PATIENT:
            self._relationship = None

    def _enter(self, where: Where) -> None:
        self._where = where
        self._party = None
        for slot in OF_THE_LEVEL.get(where, ()):
            self._parties.pop(slot, None)

    def _subscriber_coverage(self, elements: Elements) -> None:
        self._party = None
        if self._where is Where.SUBSCRIBER:
            self._coverage = elements
        else:
            self._where = Where.OTHER_PAYER

    def _patient_relationship(self, elements: Elements) -> None:
        if self._where is Where.PATIENT:
            self._relationship = elements[1] or None

    def _foreign_currency(self, elements: Elements) -> None:
        if self._where is Where.BILLING:
            self._currency = elements[2] or None

    # --- parties ---

    def _name(self, elements: Elements) -> None:
        self._party = party = _Party(elements)
        if elements[9]:
            party.identifiers.append(_identifier(elements[8], elements[9]))
        slot = SLOTS.get((self._where, elements[1]))
        if slot is None:
            return
        if self._claim is not None:
            self._claim_parties[slot] = party
            return
        self._parties[slot] = party
        if slot == "patient":
            party.relationship = self._relationship
        elif slot == "billing_provider" and self._billing_taxonomy is not None:
            party.identifiers.append(self._billing_taxonomy)

    def _street(self, elements: Elements) -> None:
        if self._party is not None:
            self._party.street += [line for line in elements[1:3] if line]

    def _town(self, elements: Elements) -> None:
        if self._party is not None:
            self._party.town = elements

    def _demographics(self, elements: Elements) -> None:
        if self._party is not None:
            self._party.birth_date = self.date(elements[2], "DMG02")
            self._party.gender = elements[3] or None

    def _specialty(self, elements: Elements) -> None:
        """PRV stands before the NM1 of the billing provider, and behind that of any other."""
        if not elements[3]:
            return
        taxonomy = Identifier("taxonomy", elements[3])
        if self._party is not None:
            self._party.identifiers.append(taxonomy)
        elif self._where is Where.BILLING:
            self._billing_taxonomy = taxonomy

    def _reference(self, elements: Elements) -> None:
        if not elements[2]:
            return
        identifier = _identifier(elements[1], elements[2])
        if self._party is not None:
            self._party.identifiers.append(identifier)
        elif self._where is Where.CLAIM:
            self._references.append(identifier)
        elif self._line is not None and elements[1] == "6R":
            self._line.control_number = elements[2]

    # --- the claim ---

    def _claim_header(self, elements: Elements) -> None:
        self.close_record()
        self._enter(Where.CLAIM)
        self.begin_record()
        self._claim, self._claim_start = elements, self.offset
        self._total_charge = self.money(elements[2], self._currency, "CLM02")

    def _date(self, elements: Elements) -> None:
        if self._where is Where.LINE:
            if self._line is not None and elements[1] == "472":
                self._line.service = self._period(elements)
        elif self._where is Where.CLAIM:
            period = self._period(elements)
            if period is not None:
                self._dates.append(ClaimDate(DATE_KINDS.get(elements[1], f"x12:{elements[1]}"), period))

    def _period(self, elements: Elements) -> Period | None:
        """DTP02 says how DTP03 is written: D8 a day, RD8 two days, DT a moment, TM a time of day."""
        form, text = elements[2], elements[3]
        if form == "RD8":
            first, _, last = text.partition("-")
            start, end = self.date(first, "DTP03"), self.date(last, "DTP03")
            return Period(start, end) if start else None
        day = self.moment(text[:8], text[8:], "DTP03") if form == "DT" else self.date(text, "DTP03")
        return Period(day) if day else None

    def _health_codes(self, elements: Elements) -> None:
        if self._where is not Where.CLAIM:
            return
        for element in elements[1:]:
            if element:
                qualifier, _, rest = element.partition(self.component)
                kind = DIAGNOSES.get(qualifier)
                code = rest.split(self.component, 1)[0]
                if kind is not None and code:
                    self._diagnoses.append(Diagnosis(kind[0], code, kind[1]))

    # --- service lines ---

    def _line_number(self, elements: Elements) -> None:
        if self._claim is None:
            return
        self._close_line()
        self._where = Where.LINE
        self._party = None
        self._line = _Line(elements[1] or None)

    def _service(self, elements: Elements) -> None:
        line = self._line
        if line is None:
            return
        line.elements = elements
        line.charge = self.money(elements[2], self._currency, "SV102")
        units = self.number(elements[4], "SV104")
        if units is not None:
            line.units = Quantity(units, elements[3] or None)

    def _procedure(self, composite: str) -> Procedure | None:
        parts = composite.split(self.component)
        if len(parts) < 2 or not parts[1]:
            return None
        return Procedure(
            system="HCPCS" if parts[0] == "HC" else f"x12:{parts[0]}",
            code=parts[1],
            modifiers=tuple(modifier for modifier in parts[2:6] if modifier),
            description=(parts[6] or None) if len(parts) > 6 else None,
        )

    def _close_line(self) -> None:
        line = self._line
        if line is None:
            return
        rendering = self._claim_parties.pop("line_rendering_provider", None)
        self._lines.append(
            ClaimLine(
                number=line.number,
                procedure=self._procedure(line.elements[1]),
                charge=line.charge,
                units=line.units,
                place_of_service=line.elements[5] or None,
                diagnosis_pointers=tuple(
                    [int(pointer) for pointer in line.elements[7].split(self.component) if pointer in POINTERS]
                ),
                service=line.service,
                control_number=line.control_number,
                rendering_provider=rendering.provider() if rendering else None,
            )
        )
        self._line = None

    def close_record(self) -> None:
        if self._claim is None:
            return
        self._close_line()
        elements, above, own = self._claim, self._parties.get, self._claim_parties.get
        setting = [*elements[5].split(self.component), "", "", ""]
        billing, subscriber, patient, payer = map(above, ("billing_provider", "subscriber", "patient", "payer"))
        rendering, referring, facility = map(own, ("rendering_provider", "referring_provider", "service_facility"))
        self.emit(
            Claim(
                provenance=Provenance(self.set, self._claim_start, self.offset),
                claim_id=elements[1] or None,
                type="P",
                frequency=setting[2] or None,
                total_charge=self._total_charge,
                place_of_service=setting[0] or None,
                dates=tuple(self._dates),
                references=tuple(self._references),
                billing_provider=billing.provider() if billing else None,
                rendering_provider=rendering.provider() if rendering else None,
                referring_provider=referring.provider() if referring else None,
                service_facility=facility.provider() if facility else None,
                subscriber=subscriber.person() if subscriber else None,
                patient=patient.person() if patient else None,
                payer=self._payer(payer) if payer else None,
                diagnoses=tuple(self._diagnoses),
                lines=tuple(self._lines),
            )
        )
        self._claim = None
        self._dates, self._references, self._diagnoses, self._lines = [], [], [], []
        self._claim_parties = {}

    def _payer(self, party: _Party) -> Payer:
        return Payer(
            name=party.name[3] or None,
            identifiers=tuple(party.identifiers),
            responsibility=self._coverage[1] or None,
            group=self._coverage[3] or None,
            filing=self._coverage[9] or None,
        )

    actions: ClassVar[Mapping[str, Callable[[Any, Elements], None]]] = {
        "HL": _level,
        "CUR": _foreign_currency,
        "SBR": _subscriber_coverage,
        "PAT": _patient_relationship,
        "NM1": _name,
        "N3": _street,
        "N4": _town,
        "DMG": _demographics,
        "PRV": _specialty,
        "REF": _reference,
        "CLM": _claim_header,
        "DTP": _date,
        "HI": _health_codes,
        "LX": _line_number,
        "SV1": _service,
    }
