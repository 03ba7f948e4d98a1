"""270 and 271: who is asked about, what is answered, and repetitions of an element."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch

UP_TO_THE_SUBSCRIBER = "BHT*0022*11*R1*20260301*0905~HL*1**20*1~NM1*PR*2*PLAN*****PI*P1~HL*2*1*21*1~NM1*1P*2*CLINIC~"
SUBSCRIBER = "HL*3*2*22*0~TRN*2*T1*9X~NM1*IL*1*DOE*ANN****MI*M1~"


def records(data: bytes) -> list[dict]:
    return [
        msgspec.json.decode(line)
        for event in parsers.read([data])
        if isinstance(event, RecordBatch)
        for line in event.ndjson.splitlines()
    ]


@pytest.mark.parametrize(
    ("element", "service_types"),
    [("30", ["30"]), ("30^1^MH", ["30", "1", "MH"]), ("30^^1", ["30", "1"]), ("", None), ("^", None)],
)
def test_each_repetition_is_a_value(x12, element, service_types):
    body = UP_TO_THE_SUBSCRIBER + SUBSCRIBER + f"EB*1*IND*{element}~"
    (record,) = records(x12(body, functional_id="HB", version="005010X279A1"))
    (benefit,) = record["subscriber"]["benefits"]
    assert benefit.get("service_types") == service_types
    assert benefit["coverage_level"] == "IND"


def test_what_is_said_of_a_dependent_is_not_said_of_the_subscriber(x12):
    body = UP_TO_THE_SUBSCRIBER + SUBSCRIBER + "EB*1**30~HL*4*3*23*0~TRN*2*T2*9X~NM1*03*1*DOE*BEN~EB*6**30~"
    (record,) = records(x12(body, functional_id="HB", version="005010X279A1"))
    (dependent,) = record["dependents"]
    assert [one["kind"] for one in record["subscriber"]["benefits"]] == ["active-coverage"]
    assert [one["kind"] for one in dependent["benefits"]] == ["inactive"]
    assert (record["subscriber"]["traces"][0]["number"], dependent["traces"][0]["number"]) == ("T1", "T2")


def test_a_question_that_is_rejected_as_a_whole_is_a_record(x12):
    body = "BHT*0022*11*R1*20260301*0905~HL*1**20*0~NM1*PR*2*PLAN*****PI*P1~AAA*Y**42*R~"
    (record,) = records(x12(body, functional_id="HB", version="005010X279A1"))
    assert (record["payer"]["name"], record["rejections"]) == (
        "PLAN",
        [{"valid": True, "reason": "42", "follow_up": "R"}],
    )
    assert "subscriber" not in record
