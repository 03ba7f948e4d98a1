"""Our HL7 acknowledgments are right for hl7apy, which judges them by the profiles of the standard."""

from datetime import UTC, datetime

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

import parsers
from parsers.acknowledgment import Numbers, Wish, answer, write
from parsers.guides.terms import Judging
from parsers.judged import interchanges

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
RESULT = (
    "MSH|^~\\&|LAB|HOSP|MFT|US|20260302||ORU^R01^ORU_R01|M1|P|{version}|||{asked}\rPID|1||P1^^^HOSP||DOE^ALBA\r"
    "OBR|1|||14749-6^GLUCOSE\rOBX|1|NM|14749-6||5.1|||||F\rOBX|2|NM|{observed}||{value}|||||F\r"
)


@pytest.mark.parametrize("version", ["2.5", "2.5.1", "2.6"])
@pytest.mark.parametrize("asked", ["AL", "|AL"])
@pytest.mark.parametrize(("observed", "value"), [("14749-6", "5.2"), ("", "5.2"), ("", "much")])
def test_an_acknowledgment_is_what_the_profile_says(version: str, asked: str, observed: str, value: str) -> None:
    text = RESULT.format(version=version, asked=asked, observed=observed, value=value)
    (interchange,) = interchanges(parsers.read([text.encode()], judge=Judging()))
    reply = answer(interchange, Wish())
    assert reply is not None
    sent = write(reply, Numbers(interchange="A7"), AT).decode()
    assert sent.count("ERR|") == (0 if observed else 1)
    message = parse_message(sent.removesuffix("\r"), validation_level=VALIDATION_LEVEL.STRICT)
    assert message.validate()
    assert message.msa.msa_1.value in ({"AA", "CA"} if observed else {"AE", "CE"})
