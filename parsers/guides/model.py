"""A guide: what one set must look like, as data. The same for every standard whose sets are segments in an order.

    Guide
      Loop                  a stretch that may repeat as a whole: 2300, SG25, PATIENT_RESULT
        Position            where a segment may stand: its tags, whether it must, how often
          SegmentSpec       what is in it
            ElementSpec     an element, or a composite of components
      Balance Check Situation     rules beyond the order of segments

A guide holds facts: positions, lengths, codes; words of its own, and for each rule the source that it was taken from.
"""

from typing import Annotated, Literal

import msgspec

Usage = Literal["R", "S", "N"]
"""Required, situational (may stand), not used (must not stand)."""

UNBOUNDED = 1 << 30

Level = Literal[1, 2, 3, 4, 5, 6, 7]
"""WEDI SNIP: 1 integrity, 2 requirement, 3 balancing, 4 situation, 5 code sets, 6 product, 7 partner."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class ElementSpec(_Part, frozen=True, kw_only=True):
    """Attributes:
    type: as the standard writes it: "AN", "N2", "DT"; "an", "n"; "ST", "NM". In X12 "period" is a text in the format
        that the element before it names (D8, RD8, TM …).
    min, max: characters; digits alone for numbers.
    codes: the values that it may have, None for any. `open` says that the list is known to be incomplete, so that
        another value is worth a warning only.
    pattern: a regular expression that a value must hold, where the guide has one ("[0-9]{9}").
    repeat: how often it may stand, with the repetition separator between.
    components: of a composite, whose own type is "".
    label: what it is, in a few own words: "purchase order number".
    """

    usage: Usage
    type: str = ""
    min: int = 0
    max: int = UNBOUNDED
    codes: frozenset[str] | None = None
    open: bool = False
    pattern: str = ""
    repeat: int = 1
    components: tuple["ElementSpec", ...] = ()
    label: str = ""


class SegmentSpec(_Part, frozen=True, kw_only=True):
    """Attributes:
    notes: relations between elements, as X12 writes them: "P0304" (both or none), "R0203" (one at least), "E0203"
        (one at most), "C0405" (if the first then all others), "L040506" (if the first then one of the others).
    format: of a SWIFT field, in SWIFT's own notation: "16x"; its elements are then looked at for codes only.
    defined: False where the guide says nothing of what is in it.
    """

    tag: str
    elements: tuple[ElementSpec, ...] = ()
    notes: tuple[str, ...] = ()
    label: str = ""
    format: str = ""
    defined: bool = True


class Position(_Part, frozen=True, kw_only=True, tag="position"):
    """Attributes:
    order: within its loop; what has the same order may come in any.
    specs: one for each tag that may stand here; more than one is a choice (MT940 60F or 60M).
    max: how often it may stand in one turn of its loop.
    """

    order: int
    specs: tuple[SegmentSpec, ...]
    usage: Usage = "S"
    max: int = 1


class Loop(_Part, frozen=True, kw_only=True, tag="loop"):
    """Attributes:
    id: as the standard or the guide calls it: "2300", "SG25", "PO1".
    """

    id: str
    order: int
    children: tuple["Position | Loop", ...]
    usage: Usage = "S"
    max: int = 1
    label: str = ""


class Balance(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A total that must be the sum of its parts, in each turn of a loop.

    Attributes:
        loop: whose every turn is looked at; "" for the set.
        total: "CLM02".
        terms: each with its sign and the loops on the way from `loop`: "+2400/SV102", "-CAS03", "+count(LIN)". A
            term counts wherever it stands in the loop, or in loops within.
        where: only where these elements of the total's segment have one of these values. A term may have its own:
            "-CAS03[CAS01=CO]".
        implied: how many implied decimals the total has (N2).
    """

    loop: str
    total: str
    terms: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    where: dict[str, tuple[str, ...]] = {}
    implied: int = 0
    level: Level = 3
    source: str
    hint: str = ""


class Check(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A check digit.

    Attributes:
        at: the element, in whatever loop: "NM109"; or the elements that make the number together.
        where: only where these elements of the same segment have one of these values.
    """

    kind: Literal["npi", "gtin", "sscc", "gln", "iban", "aba"]
    at: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    where: dict[str, tuple[str, ...]] = {}
    level: Level = 5
    source: str


class Situation(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """If something stands in a turn of a loop, then something else must, or must not.

    Attributes:
        name: "original-claim-number"; the finding's code is the guide's standard, a point, "rule-" and this.
        when: elements and the values of which they must have one; an empty tuple asks that it stands at all.
            "REF02[REF01=F8]" is REF02 of a REF whose REF01 is F8.
        require, forbid: what must, and what must not stand then, written alike.
        codes: elements and the values of which they must have one then.
    """

    name: str
    loop: str
    when: Annotated[dict[str, tuple[str, ...]], msgspec.Meta(min_length=1)]
    require: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    codes: dict[str, tuple[str, ...]] = {}
    level: Level = 4
    message: str
    hint: str
    source: str


Rule = Balance | Check | Situation


class Guide(_Part, frozen=True, kw_only=True):
    """Attributes:
    id: "x12/005010X222A1"; with an overlay "x12/005010X222A1+acme-837p@3".
    standard, sets: what it judges: "x12", ("837",); of HL7 all messages of one structure.
    versions: the versions, as sent (ST03 or GS08, UNH S009 as D96A, MSH-12), that it is for, aliases too; a star at
        the end stands for any ending.
    sources: where its facts are from, by a short mark.
    unchecked: what it does not look at, in words.
    root: the set from its header to its trailer, which stand in it as positions.
    hash: of everything it was made of, SHA-256 in hex, for the books.
    """

    id: str
    standard: str
    sets: tuple[str, ...]
    versions: tuple[str, ...]
    title: str
    root: Loop
    sources: dict[str, str] = {}
    unchecked: tuple[str, ...] = ()
    balances: tuple[Balance, ...] = ()
    checks: tuple[Check, ...] = ()
    situations: tuple[Situation, ...] = ()
    hash: str = ""
