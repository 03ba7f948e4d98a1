"""Messages around what a case says."""

from collections.abc import Callable

import msgspec
import pytest

import parsers
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.events import RecordBatch

ROOTS = {
    "camt.029": "RsltnOfInvstgtn",
    "camt.052": "BkToCstmrAcctRpt",
    "camt.053": "BkToCstmrStmt",
    "camt.054": "BkToCstmrDbtCdtNtfctn",
    "camt.055": "CstmrPmtCxlReq",
    "camt.056": "FIToFIPmtCxlReq",
    "camt.057": "NtfctnToRcv",
    "pacs.002": "FIToFIPmtStsRpt",
    "pacs.003": "FIToFICstmrDrctDbt",
    "pacs.004": "PmtRtr",
    "pacs.008": "FIToFICstmrCdtTrf",
    "pacs.009": "FICdtTrf",
    "pacs.010": "FIDrctDbt",
    "pain.001": "CstmrCdtTrfInitn",
    "pain.002": "CstmrPmtStsRpt",
    "pain.008": "CstmrDrctDbtInitn",
    "pain.013": "CdtrPmtActvtnReq",
    "pain.014": "CdtrPmtActvtnReqStsRpt",
}

Records = Callable[[str, str], list[dict[str, object]]]


@pytest.fixture(scope="session")
def records() -> Records:
    """The records of a message: its name with the version behind it ("pain.001.001.09"), and what stands in it."""

    def read(name: str, inside: str) -> list[dict[str, object]]:
        root = ROOTS[name[:8]]
        data = f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{name}"><{root}>{inside}</{root}></Document>'.encode()
        lines = [
            line
            for event in parsers.read([data])
            if isinstance(event, RecordBatch)
            for line in event.ndjson.splitlines()
        ]
        made: list[dict[str, object]] = [msgspec.json.decode(line) for line in lines]
        for line, record in zip(lines, made, strict=True):
            msgspec.json.decode(line, type=BY_SCHEMA[str(record["schema"])], strict=True)
        return made

    return read
