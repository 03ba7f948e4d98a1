"""ISO 20022 out of values: a message in its namespace, counted and summed, behind its header if it has one.

    data = write("pain.001.001.09", {"CstmrCdtTrfInitn": {"GrpHdr": {"MsgId": "M1", ...}, "PmtInf": [...]}})

NbOfTxs, CtrlSum and TtlIntrBkSttlmAmt are computed wherever the values have them, whatever they say, and NbOfTxs also
where it is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from parsers.iso20022.totals import EXACT, MESSAGES, Counted, decimal
from parsers.markup.writer import TEXT, Nested, document, is_name, lines

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_BEFORE_COUNT = ("MsgId", "CreDtTm", "XpryDtTm", "Authstn", "BtchBookg", "PmtInfId", "PmtMtd")
"""What stands before NbOfTxs in GrpHdr and PmtInf; the rest stands behind it."""


def write(
    message: str,
    content: Mapping[str, Nested],
    *,
    header: Mapping[str, Nested] | None = None,
    header_version: str = "head.001.001.02",
    envelope: str = "BizMsg",
    prefix: str = "",
    indent: str = "  ",
    line_break: str = "\n",
    encoding: str = "UTF-8",
) -> bytes:
    """Write one message.

    Args:
        message: "pain.001.001.09". content: what stands in Document.
        header: what stands in AppHdr; then `envelope` is the element around both.
        prefix: of the message's elements; without one, its namespace is the default one.
        indent: "" to write all on one line.

    Raises:
        ValueError: a name is none; a value holds what XML cannot carry; an amount to be summed is none.
    """
    if not is_name(envelope) or (prefix and not is_name(prefix)):
        raise ValueError("the envelope or the prefix is no name")
    counted = MESSAGES.get(message[:8])
    if counted is not None:
        content = {name: _with_totals(counted, root) for name, root in content.items()}
    root = list(_in_namespace("Document", content, message, prefix=prefix, indent=indent))
    if header is not None:
        inside = [*_in_namespace("AppHdr", header, header_version, prefix="", indent=indent), *root]
        root = [f"<{envelope}>", *(indent + line for line in inside), f"</{envelope}>"]
    return document(root, indent=indent, line_break=line_break, encoding=encoding)


def _in_namespace(name: str, content: Mapping[str, Nested], version: str, *, prefix: str, indent: str) -> Iterator[str]:
    declared = {f"@xmlns:{prefix}" if prefix else "@xmlns": NAMESPACE + version}
    return lines(name, {**declared, **content}, indent=indent, prefix=prefix and f"{prefix}:")


# --- counting ---


def _with_totals(counted: Counted, root: Nested) -> Nested:
    if not isinstance(root, Mapping):
        return root
    made = dict(root)
    if counted.batch and counted.batch in made:
        batches = [_counted(counted, one, one) for one in _list(made[counted.batch])]
        made[counted.batch] = batches
    if "GrpHdr" in made:
        made["GrpHdr"] = _counted(counted, made["GrpHdr"], made)
    return made


def _counted(counted: Counted, header: Nested, holder: Nested) -> Nested:
    """A header with the count and the sums of what its holder holds."""
    if not isinstance(header, Mapping):
        return header
    transactions = list(_transactions(counted, holder))
    made: dict[str, Nested] = {name: value for name, value in header.items() if name in _BEFORE_COUNT}
    made["NbOfTxs"] = str(len(transactions))
    made |= {name: value for name, value in header.items() if name == "CtrlSum"}
    made |= {name: value for name, value in header.items() if name not in made}
    for name in ("CtrlSum", "TtlIntrBkSttlmAmt"):
        if name in made:
            total, said = format(_sum(counted, transactions), "f"), made[name]
            made[name] = {**said, TEXT: total} if isinstance(said, Mapping) else total
    return made


def _transactions(counted: Counted, holder: Nested) -> Iterator[Nested]:
    if counted.batch and _at(holder, counted.batch):
        yield from _at(holder, f"{counted.batch}/{counted.transaction}")
    else:
        yield from _at(holder, counted.transaction)


def _sum(counted: Counted, transactions: Sequence[Nested]) -> Decimal:
    total = Decimal(0)
    for nth, transaction in enumerate(transactions, 1):
        for path in counted.amounts[0]:
            for value in _at(transaction, path):
                text = value.get(TEXT, "") if isinstance(value, Mapping) else value
                amount = decimal(text) if isinstance(text, str) else None
                if amount is None:
                    raise ValueError(f"{counted.transaction} {nth} has no amount in {path}")
                total = EXACT.add(total, amount)
    return total


def _at(value: Nested, path: str) -> list[Nested]:
    """All that stands at a path below."""
    found = [value]
    for name in filter(None, path.split("/")):
        found = [inner for one in found if isinstance(one, Mapping) and name in one for inner in _list(one[name])]
    return found


def _list(value: Nested) -> list[Nested]:
    return [value] if isinstance(value, str | Mapping) else list(value)
