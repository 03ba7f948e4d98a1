"""What a partner says of what we sent: taken, taken with errors, or refused; and what is wrong with it."""

from parsers.canonical.values import Code, Day, Decimal, Identifier, Provenance, Reference, Value


class ElementError(Value, frozen=True):
    """`copy` is the bad value, which is plain text."""

    element: Code | None = None
    component: Code | None = None
    repetition: Code | None = None
    name: Code | None = None
    code: Code | None = None
    copy: str | None = None


class AcknowledgedError(Value, frozen=True):
    """Where an error lies, and the standard's codes of it.

    `position` counts segments of the message from 1, `occurrence` those of the same name; `references` say in which
    claim, order or payment it is.
    """

    segment: Code | None = None
    position: Decimal | None = None
    occurrence: Decimal | None = None
    loop: Code | None = None
    codes: tuple[Code, ...] = ()
    references: tuple[Identifier, ...] = ()
    elements: tuple[ElementError, ...] = ()
    severity: Code | None = None
    text: str | None = None
    notes: tuple[str, ...] = ()


class AcknowledgedSet(Value, frozen=True):
    """`verdict` is "accepted", "accepted-with-errors", "rejected", else the standard's code.

    `level` is "functional-group", "batch" or "item" where it is no set, but a group, many sets, or a document of one.
    """

    level: Code | None = None
    set: Code | None = None
    control_number: Reference | None = None
    version: Code | None = None
    verdict: Code | None = None
    reasons: tuple[Code, ...] = ()
    references: tuple[Identifier, ...] = ()
    errors: tuple[AcknowledgedError, ...] = ()


class Acknowledgment(Value, frozen=True, kw_only=True, tag_field="schema", tag="acknowledgment/1"):
    """Attributes:
    number: of the acknowledgment itself, where it has one.
    level: what is answered: "interchange", "functional-group", "message".
    control_number: of what is answered, as it was sent; `functional_id` and `version` likewise.
    verdict: "accepted", "accepted-with-errors", "partially-accepted", "rejected", else the standard's code.
    """

    provenance: Provenance
    number: Reference | None = None
    kind: Code | None = None
    level: Code | None = None
    control_number: Reference | None = None
    functional_id: Code | None = None
    version: Code | None = None
    sender: Reference | None = None
    receiver: Reference | None = None
    date: Day | None = None
    verdict: Code | None = None
    reasons: tuple[Code, ...] = ()
    text: str | None = None
    sets_included: Decimal | None = None
    sets_received: Decimal | None = None
    sets_accepted: Decimal | None = None
    sets: tuple[AcknowledgedSet, ...] = ()
    errors: tuple[AcknowledgedError, ...] = ()
