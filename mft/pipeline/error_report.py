"""What a partner reads in /errors: what was wrong with their file, where, and how to mend it, in plain words."""

from collections.abc import Sequence

from mft.clock import rfc3339
from parsers.findings import Finding

_SHOWN = 100


def error_report(
    name: str, *, transfer: str, size_bytes: int, received_at: int, verdict: str, findings: Sequence[Finding]
) -> str:
    """A page of text. `name` is printable; findings hold no value out of the file, so neither does the page."""
    lines = [
        f"Your file     {name}",
        f"received      {rfc3339(received_at)[:19]}Z, {size_bytes:,} bytes, transfer {transfer}",
        f"was judged    {verdict}",
        "",
    ]
    told = [finding for finding in findings if finding.severity != "info"]
    for number, finding in enumerate(told[:_SHOWN], start=1):
        lines.append(f"{number:3}. {finding.severity}: {finding.message}")
        place = where(finding)
        if place:
            lines.append(f"     where: {place}")
        if finding.hint:
            lines.append(f"     what to do: {finding.hint}")
    if len(told) > _SHOWN:
        lines.append(f"     … and {len(told) - _SHOWN:,} more.")
    lines += ["", "Mend the file and send it again whole, under the same name or a new one.", ""]
    return "\n".join(lines)


def where(finding: Finding) -> str:
    """A finding's place in words: `segment 12 (SE), element SE01, byte 3,407`."""
    parts = []
    if finding.position is not None:
        parts.append(f"segment {finding.position:,}" + (f" ({finding.segment})" if finding.segment else ""))
    if finding.element:
        parts.append(f"element {finding.element}")
    if finding.offset is not None:
        parts.append(f"byte {finding.offset:,}")
    return ", ".join(parts)
