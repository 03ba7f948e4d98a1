"""A member of a health plan comes, changes or goes."""

from parsers.canonical.claim import Person
from parsers.canonical.values import (
    Address,
    Code,
    Day,
    Identifier,
    Money,
    Organization,
    PersonalDate,
    Provenance,
    Reference,
    Value,
)


class PlanParty(Value, frozen=True):
    name: Organization | None = None
    identifiers: tuple[Identifier, ...] = ()


class Coverage(Value, frozen=True):
    """`action`, `line` and `level` are codes of the standard: add or end, which insurance, for whom."""

    action: Code | None = None
    line: Code | None = None
    plan: Reference | None = None
    level: Code | None = None
    dates: tuple[PersonalDate, ...] = ()
    amounts: tuple[Money, ...] = ()
    references: tuple[Identifier, ...] = ()
    provider: PlanParty | None = None


class MemberOtherCoverage(Value, frozen=True):
    responsibility: Code | None = None
    policy: Reference | None = None
    coordination: Code | None = None
    insurer: PlanParty | None = None
    dates: tuple[PersonalDate, ...] = ()


class ReportingCategory(Value, frozen=True):
    """What sponsor and plan count members by: a department, a place of work, a source of money."""

    name: Code | None = None
    identifiers: tuple[Identifier, ...] = ()
    dates: tuple[PersonalDate, ...] = ()


class Enrollment(Value, frozen=True, kw_only=True, tag_field="schema", tag="enrollment/1"):
    """One member of one file; dependents have records of their own.

    Attributes:
        is_subscriber: else a dependent, whose "subscriber-number" is the subscriber's.
        medicare_plan, cobra_event: the standard's codes of a plan, and of why coverage goes on.
        mailing_address: where to write to, if that is not where the member lives.
        maintenance: "addition", "change", "cancellation", "reinstatement", "audit", else the standard's code.
    """

    provenance: Provenance
    purpose: Code | None = None
    action: Code | None = None
    reference: Reference | None = None
    file_date: Day | None = None
    sponsor: PlanParty | None = None
    insurer: PlanParty | None = None
    broker: PlanParty | None = None
    policy: Reference | None = None
    is_subscriber: bool | None = None
    relationship: Code | None = None
    maintenance: Code | None = None
    reason: Code | None = None
    benefit_status: Code | None = None
    medicare_plan: Code | None = None
    cobra_event: Code | None = None
    employment_status: Code | None = None
    student_status: Code | None = None
    handicapped: Code | None = None
    marital_status: Code | None = None
    member: Person | None = None
    member_before: Person | None = None
    mailing_address: Address | None = None
    identifiers: tuple[Identifier, ...] = ()
    dates: tuple[PersonalDate, ...] = ()
    employer: PlanParty | None = None
    coverages: tuple[Coverage, ...] = ()
    other_coverages: tuple[MemberOtherCoverage, ...] = ()
    categories: tuple[ReportingCategory, ...] = ()
