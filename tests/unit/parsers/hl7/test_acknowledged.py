"""What partners answer, as records: each case is MSA and ERR, and what they make."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch, SetClosed

HEAD = "MSH|^~\\&|EHR|B|LAB|A|20260302101500||{}|K1|P|2.5.1\r"


def read(text: str, kind: str = "ACK^A01^ACK") -> list[dict]:
    events = list(parsers.read([(HEAD.format(kind) + text).encode()]))
    assert [event.verdict for event in events if isinstance(event, SetClosed)] == ["accepted"]
    return [
        msgspec.json.decode(line)
        for event in events
        if isinstance(event, RecordBatch)
        for line in event.ndjson.splitlines()
    ]


CASES = [
    ("AA", "MSA|AA|M1\r", {"kind": "application", "verdict": "accepted", "control_number": "M1", "reasons": None}),
    ("AE", "MSA|AE|M1|Text ^ more\r", {"kind": "application", "verdict": "rejected", "reasons": ["AE"], "text": "Text ^ more"}),
    ("AR", "MSA|AR|M1||||207^Internal error\r", {"kind": "application", "verdict": "rejected", "reasons": ["AR", "207"]}),
    ("CA", "MSA|CA|M1\r", {"kind": "accept", "verdict": "accepted", "reasons": None}),
    ("CE", "MSA|CE|M1\r", {"kind": "accept", "verdict": "rejected", "reasons": ["CE"]}),
    ("CR", "MSA|CR|M1\r", {"kind": "accept", "verdict": "rejected", "reasons": ["CR"]}),
    ("another code", "MSA|XX|M1\r", {"kind": "hl7:XX", "verdict": "hl7:XX", "reasons": ["XX"]}),
    ("of what, by whom", "MSA|AA|M1\r", {"level": "message", "functional_id": "A01", "version": "2.5.1", "sender": "LAB", "receiver": "EHR", "date": "2026-03-02"}),
    ("errors", "MSA|AE|M1\rERR||PID^2^5^3^1|101^Missing|E|E17\rERR||PV1|102^Type|W|||INFO|Say so\r", {"errors": [{"segment": "PID", "occurrence": "2", "codes": ["101", "E17"], "severity": "error", "text": "Missing", "elements": [{"element": "5", "repetition": "3", "component": "1"}]}, {"segment": "PV1", "codes": ["102"], "severity": "warning", "text": "Say so"}]}),
    ("errors until 2.4", "MSA|AE|M1\rERR|PID^1^5^101&Missing&HL70357~PV1^2^3^103\r", {"errors": [{"segment": "PID", "occurrence": "1", "codes": ["101"], "text": "Missing", "elements": [{"element": "5"}]}, {"segment": "PV1", "occurrence": "2", "codes": ["103"], "elements": [{"element": "3"}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_answer(body, expected):
    (record,) = read(body)
    assert {name: record.get(name) for name in expected} == expected


@pytest.mark.parametrize("kind", ["ORR^O02", "RSP^K22^RSP_K21", "RRE^O12", "SRR^S01", "MCF"])
def test_the_answer_in_any_response(kind):
    (record,) = read("MSA|AR|M1\rERR||OBR^1|204\rPID|||M1\rORC|UA|P1\r", kind)
    assert (record["verdict"], record["control_number"], len(record["errors"])) == ("rejected", "M1", 1)


def test_a_response_without_an_answer_is_none():
    assert read("PID|||M1\r") == []
