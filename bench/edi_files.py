"""Files of partners that never were: every value is made up, and the same in every run."""

import base64
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from parsers.check_digits import is_valid

Pieces = Callable[[int], Iterator[str]]
"""A file of about so many characters."""

GIVEN = ("ADA", "BRAM", "CLEO", "DEVI", "EMIL", "FAYE", "GUS", "HANA", "IVO", "JUNE", "KOFI", "LENA")
FAMILY = ("ALDER", "BIRCH", "CEDAR", "DOGWOOD", "ELM", "FIR", "GINKGO", "HAZEL", "IVY", "JUNIPER", "KAPOK", "LARCH")
TOWNS = ("SPRINGFIELD*IL*62701", "RIVERTON*UT*84065", "LAKESIDE*CA*92040", "HILLTOP*OH*43201")
PROCEDURES = ("99213", "99214", "87070", "36415", "80053", "93000")
DIAGNOSES = ("J0300", "E119", "I10", "M545", "Z0000", "K219")

_CLAIMS_OF_PROVIDER = 200
_PROVIDERS_OF_SET = 10
_PROVIDERS = 16
_CLAIMS_OF_PAYMENT = 200


def write(path: Path, pieces: Iterator[str]) -> int:
    """Write a file; returns its size."""
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece.encode("ascii"))
        return file.tell()


def _dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  Dice, not keys.


# --- X12 ---


class _Provider(NamedTuple):
    """The claims of one billing provider.

    Attributes:
        text: has a "%d" for each number of a level; `numbers` are those, counted from the provider's own level, 1.
    """

    text: str
    numbers: list[int]
    levels: int


def claims(size: int, *, in_one_set: bool = False) -> Iterator[str]:
    """An 837P: sets of 2,000 claims, or one of all. After 3,200 claims the same come again at other levels."""
    dice = _dice(837)
    providers = [_provider(dice, 1 + nth * _CLAIMS_OF_PROVIDER) for nth in range(_PROVIDERS)]
    written = sets = nth = 0
    yield _x12_header("HC", "005010X222A1", repetition="^")
    while written < size:
        sets += 1
        head = (
            f"ST*837*{sets:04}*005010X222A1~BHT*0019*00*{sets}*20260110*1023*CH~"
            "NM1*41*2*GROVE BILLING*****46*GROVE1~PER*IC*JUNE HAZEL*TE*5550100~NM1*40*2*MEADOW PAYER*****46*MEADOW1~"
        )
        yield head
        segments, level, begun = head.count("~"), 0, nth
        while written < size if in_one_set else nth - begun < _PROVIDERS_OF_SET:
            provider = providers[nth % _PROVIDERS]
            nth += 1
            text = provider.text % tuple([level + number for number in provider.numbers])
            level += provider.levels
            segments += text.count("~")
            written += len(text)
            yield text
        yield f"SE*{segments + 1}*{sets:04}~"
    yield f"GE*{sets}*1~IEA*1*000000001~"


def _provider(dice: random.Random, first_claim: int) -> _Provider:
    def address() -> str:
        return f"N3*{dice.randrange(1, 9999)} ORCHARD RD~N4*{dice.choice(TOWNS)}~"

    def birth() -> str:
        day = f"{dice.randrange(1940, 2015)}{dice.randrange(1, 13):02}{dice.randrange(1, 29):02}"
        return f"DMG*D8*{day}*{dice.choice('FM')}~"

    levels, numbers = 1, [1]
    made = [
        "HL*%d**20*1~PRV*BI*PXC*203BF0100Y~",
        f"NM1*85*2*{dice.choice(FAMILY)} CLINIC*****XX*{_npi(dice)}~{address()}",
        f"REF*EI*{dice.randrange(10**8, 10**9)}~",
    ]
    for claim in range(first_claim, first_claim + _CLAIMS_OF_PROVIDER):
        family, is_dependent = dice.choice(FAMILY), dice.random() < 0.3
        levels += 1
        numbers += [levels, 1]
        made.append(
            f"HL*%d*%d*22*{is_dependent:d}~SBR*P*{'' if is_dependent else '18'}*G{dice.randrange(1000, 9999)}******CI~"
            f"NM1*IL*1*{family}*{dice.choice(GIVEN)}****MI*M{claim:011}~{address()}{birth()}"
            f"NM1*PR*2*MEADOW PAYER*****PI*{dice.randrange(10**8, 10**9)}~"
        )
        if is_dependent:
            levels += 1
            numbers += [levels, levels - 1]
            made.append(f"HL*%d*%d*23*0~PAT*19~NM1*QC*1*{family}*{dice.choice(GIVEN)}~{address()}{birth()}")
        cents = [dice.randrange(1500, 40000) for _ in range(dice.choice((1, 1, 2, 3, 4)))]
        made.append(
            f"CLM*C{claim}*{sum(cents) / 100:.2f}***11:B:1*Y*A*Y*I~DTP*431*D8*20260103~REF*D9*{claim:017}~"
            f"HI*ABK:{dice.choice(DIAGNOSES)}*ABF:{dice.choice(DIAGNOSES)}~"
            f"NM1*82*1*{dice.choice(FAMILY)}*{dice.choice(GIVEN)}****XX*{_npi(dice)}~"
            "PRV*PE*PXC*203BF0100Y~"
        )
        for line, charge in enumerate(cents, 1):
            made.append(
                f"LX*{line}~SV1*HC:{dice.choice(PROCEDURES)}:25*{charge / 100:.2f}*UN*{dice.randrange(1, 4)}***1:2~"
                f"DTP*472*D8*202601{dice.randrange(1, 10):02}~REF*6R*{claim}L{line}~"
            )
    return _Provider("".join(made), numbers, levels)


def _npi(dice: random.Random) -> str:
    """Ten digits, the last of which makes them right: see `parsers.check_digits`."""
    nine = str(dice.randrange(10**8, 2 * 10**8))
    return next(f"{nine}{last}" for last in range(10) if is_valid("npi", f"{nine}{last}"))


def remittances(size: int) -> Iterator[str]:
    """An 835 of 5010: payments of 200 claims, of one to four lines; lines, claims and payments add up."""
    dice = _dice(835)
    written = sets = claim = 0
    yield _x12_header("HP", "005010X221A1", repetition="^")
    while written < size:
        sets += 1
        paid_of_all = 0
        made = ["LX*1~"]
        for _ in range(_CLAIMS_OF_PAYMENT):
            claim += 1
            charges = [dice.randrange(1500, 40000) for _ in range(dice.choice((1, 1, 2, 3, 4)))]
            cut = [dice.randrange(100, 1400) for _ in charges]
            charged, paid = sum(charges), sum(charges) - sum(cut)
            paid_of_all += paid
            made.append(
                f"CLP*C{claim}*1*{charged / 100:.2f}*{paid / 100:.2f}**12*R{claim:09}*11*1~"
                f"NM1*QC*1*{dice.choice(FAMILY)}*{dice.choice(GIVEN)}****MI*M{claim:011}~DTM*232*20260103~"
            )
            made += [
                f"SVC*HC:{dice.choice(PROCEDURES)}*{charge / 100:.2f}*{(charge - less) / 100:.2f}**1~"
                f"DTM*472*202601{dice.randrange(1, 10):02}~CAS*CO*45*{less / 100:.2f}~REF*6R*{claim}L{line}~"
                for line, (charge, less) in enumerate(zip(charges, cut, strict=True), 1)
            ]
        head = (
            f"ST*835*{sets:04}~BPR*I*{paid_of_all / 100:.2f}*C*CHK************20260110~TRN*1*{sets:09}*1999999999~"
            "DTM*405*20260110~N1*PR*MEADOW PAYER~N3*1 ORCHARD RD~N4*SPRINGFIELD*IL*62701~"
            f"PER*BL*JUNE HAZEL*TE*5550100100~N1*PE*IVY CLINIC*XX*{_npi(dice)}~"
        )
        text = head + "".join(made)
        text += f"SE*{text.count('~') + 1}*{sets:04}~"
        written += len(text)
        yield text
    yield f"GE*{sets}*1~IEA*1*000000001~"


def purchase_orders(size: int) -> Iterator[str]:
    """An 850 of 4010: sets of 3 to 24 lines."""
    dice = _dice(850)
    written = sets = 0
    yield _x12_header("PO", "004010", repetition="U")
    while written < size:
        sets += 1
        quantities = [dice.randrange(1, 500) for _ in range(dice.randrange(3, 25))]
        text = (
            f"ST*850*{sets:04}~BEG*00*SA*P{sets:09}**20260110~REF*DP*{dice.randrange(100, 999)}~"
            f"PER*BD*{dice.choice(GIVEN)} {dice.choice(FAMILY)}*TE*5550100~DTM*002*20260201~"
            f"N1*BY*GROVE SHOPS*92*{dice.randrange(1000)}~N1*ST*GROVE WEST*92*{dice.randrange(1000)}~"
            f"N3*{dice.randrange(1, 9999)} ORCHARD RD~N4*{dice.choice(TOWNS)}~"
        )
        text += "".join(
            f"PO1*{line}*{quantity}*EA*{dice.randrange(100, 99999) / 100:.2f}**VP*{dice.randrange(10**7, 10**8)}"
            f"*UP*{dice.randrange(10**11, 10**12)}~PID*F****{dice.choice(FAMILY)} CRATE {dice.randrange(1000)}~"
            for line, quantity in enumerate(quantities, 1)
        )
        text += f"CTT*{len(quantities)}*{sum(quantities)}~"
        text += f"SE*{text.count('~') + 1}*{sets:04}~"
        written += len(text)
        yield text
    yield f"GE*{sets}*1~IEA*1*000000001~"


def _x12_header(functional_id: str, version: str, *, repetition: str) -> str:
    release = "00501" if version.startswith("005") else "00401"
    return (
        f"ISA*00*{'':10}*00*{'':10}*ZZ*{'GROVE':15}*ZZ*{'MEADOW':15}*260110*1205*{repetition}*{release}*000000001*0*T*:~"
        f"GS*{functional_id}*GROVE*MEADOW*20260110*1205*1*X*{version}~"
    )


# --- EDIFACT ---


def orders(size: int) -> Iterator[str]:
    """ORDERS of D.96A, with released characters in each message and in every third of its lines."""
    dice = _dice(96)
    written = messages = 0
    yield "UNA:+.? 'UNB+UNOA:3+GROVE:14+MEADOW:14+260110:1237+27221661'"
    while written < size:
        messages += 1
        lines = dice.randrange(3, 20)
        segments = [
            f"UNH+{messages}+ORDERS:D:96A:UN:EAN008",
            f"BGM+220+P{messages:09}+9",
            "DTM+137:20260110:102",
            "FTX+PUR+1++DELIVER BEFORE 9 O?'CLOCK ?+ CALL FIRST",
            f"NAD+BY+{dice.randrange(10**12, 10**13)}::9",
            f"NAD+SU+{dice.randrange(10**12, 10**13)}::9+{dice.choice(FAMILY)} MILLS",
            "CUX+2:EUR:9",
        ]
        for line in range(1, lines + 1):
            inches = " 3?:4" if line % 3 == 0 else ""
            segments += [
                f"LIN+{line}++{dice.randrange(10**12, 10**13)}:EN",
                f"PIA+1+{dice.randrange(10**6, 10**7)}:BP",
                f"IMD+F++:::{dice.choice(FAMILY)} CRATE{inches}",
                f"QTY+21:{dice.randrange(1, 500)}",
                f"PRI+AAA:{dice.randrange(100, 99999) / 100:.2f}:CT:AAE",
            ]
        segments += ["UNS+S", f"CNT+2:{lines}"]
        text = "'".join([*segments, f"UNT+{len(segments) + 1}+{messages}", ""])
        written += len(text)
        yield text
    yield f"UNZ+{messages}+27221661'"


# --- HL7 ---


def messages(size: int) -> Iterator[str]:
    """A batch of ADT^A01 and ORU^R01, as many of each."""
    dice = _dice(25)
    written = number = 0
    yield "FHS|^~\\&|LAB|GROVE|EHR|GROVE|20260110120500\rBHS|^~\\&|LAB|GROVE|EHR|GROVE|20260110120500\r"
    while written < size:
        number += 1
        text = dice.choice((_result, _admission))(dice, number)
        written += len(text)
        yield text
    yield f"BTS|{number}\rFTS|1\r"


def document(size: int) -> Iterator[str]:
    """One ORU^R01 with a document of so many characters of base64 in OBX-5."""
    yield _head("ORU^R01^ORU_R01", 1, "20260110120500")
    yield "PID|1||1^^^GROVE^MR||ELM^ADA\rOBR|1|O1|F1|11502-2^Report^LN\rOBX|1|ED|11502-2^Report^LN||^AP^PDF^Base64^"
    piece = base64.b64encode(bytes(range(256)) * 192).decode()
    for _ in range(size // len(piece)):
        yield piece
    yield "||||||F\r"


def transfers(size: int) -> Iterator[str]:
    """One pacs.008 with so many characters of transactions, a few hundred different ones again and again."""
    dice = _dice(8)
    pool = [_transfer(dice, number) for number in range(400)]
    count = max(size // (sum(map(len, pool)) // len(pool)), 1)
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08">\n'
        "  <FIToFICstmrCdtTrf>\n    <GrpHdr>\n      <MsgId>GROVE-1</MsgId>\n"
        f"      <CreDtTm>2026-01-10T12:05:00+01:00</CreDtTm>\n      <NbOfTxs>{count}</NbOfTxs>\n"
        "      <SttlmInf><SttlmMtd>CLRG</SttlmMtd><ClrSys><Cd>ST2</Cd></ClrSys></SttlmInf>\n    </GrpHdr>\n"
    )
    for number in range(count):
        yield pool[number % len(pool)]
    yield "  </FIToFICstmrCdtTrf>\n</Document>\n"


def _transfer(dice: random.Random, number: int) -> str:
    def party() -> str:
        return (
            f"<Nm>{dice.choice(GIVEN)} {dice.choice(FAMILY)}</Nm><PstlAdr><StrtNm>ORCHARD RD</StrtNm>"
            f"<BldgNb>{dice.randrange(1, 9999)}</BldgNb><PstCd>{dice.randrange(1000, 9999)}</PstCd>"
            "<TwnNm>LAKESIDE</TwnNm><Ctry>BE</Ctry></PstlAdr>"
        )

    uetr = f"{dice.randrange(16**8):08x}-0000-4000-8000-{dice.randrange(16**12):012x}"
    lines = (
        "    <CdtTrfTxInf>",
        (
            f"      <PmtId><InstrId>I{number:08}</InstrId><EndToEndId>E{number:08}</EndToEndId>"
            f"<TxId>T{number:08}</TxId><UETR>{uetr}</UETR></PmtId>"
        ),
        "      <PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>",
        f'      <IntrBkSttlmAmt Ccy="EUR">{dice.randrange(100, 10**7) / 100:.2f}</IntrBkSttlmAmt>',
        f"      <IntrBkSttlmDt>2026-01-{dice.randrange(1, 29):02}</IntrBkSttlmDt>",
        "      <ChrgBr>SLEV</ChrgBr>",
        "      <InstgAgt><FinInstnId><BICFI>GROVBEBBXXX</BICFI></FinInstnId></InstgAgt>",
        "      <InstdAgt><FinInstnId><BICFI>MEADDEFFXXX</BICFI></FinInstnId></InstdAgt>",
        f"      <Dbtr>{party()}</Dbtr>",
        "      <DbtrAcct><Id><IBAN>BE68539007547034</IBAN></Id></DbtrAcct>",
        "      <DbtrAgt><FinInstnId><BICFI>GROVBEBBXXX</BICFI></FinInstnId></DbtrAgt>",
        "      <CdtrAgt><FinInstnId><BICFI>MEADDEFFXXX</BICFI></FinInstnId></CdtrAgt>",
        f"      <Cdtr>{party()}</Cdtr>",
        "      <CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct>",
        f"      <RmtInf><Ustrd>INVOICE {dice.randrange(10**6)}</Ustrd></RmtInf>",
        "    </CdtTrfTxInf>",
    )
    return "".join(f"{line}\n" for line in lines)


def _head(kind: str, number: int, at: str) -> str:
    return f"MSH|^~\\&|LAB|GROVE|EHR|GROVE|{at}||{kind}|M{number:08}|P|2.5.1\r"


def _patient(dice: random.Random, number: int, at: str) -> str:
    doctor = f"{dice.randrange(1000, 9999)}^{dice.choice(FAMILY)}^{dice.choice(GIVEN)}^^^DR"
    return (
        f"PID|1||{number:08}^^^GROVE^MR~{dice.randrange(10**8, 10**9)}^^^STATE^SS"
        f"||{dice.choice(FAMILY)}^{dice.choice(GIVEN)}||{dice.randrange(1940, 2015)}0{dice.randrange(1, 10)}15"
        f"|{dice.choice('FM')}||2106-3^White^HL70005|{dice.randrange(1, 9999)} ORCHARD RD^^SPRINGFIELD^IL^62701^USA^H"
        f"||^PRN^PH^^1^555^5550100||en^English^ISO639|M||A{number:09}\r"
        f"PV1|1|I|4EAST^{dice.randrange(400, 499)}^1^GROVE||||{doctor}|||MED||||7|||{doctor}|IP|V{number:09}"
        f"|||||||||||||||||||||||||{at}\r"
    )


def _at(dice: random.Random) -> str:
    return f"202601{dice.randrange(1, 29):02}{dice.randrange(24):02}3015"


def _admission(dice: random.Random, number: int) -> str:
    at = _at(dice)
    return (
        f"{_head('ADT^A01^ADT_A01', number, at)}EVN|A01|{at}|||DESK1\r{_patient(dice, number, at)}"
        f"NK1|1|{dice.choice(FAMILY)}^{dice.choice(GIVEN)}|SPO^Spouse^HL70063|1 ORCHARD RD^^SPRINGFIELD^IL^62701\r"
        f"AL1|1|DA|^PENICILLIN|SV|HIVES \\T\\ RASH\rDG1|1||{dice.choice(DIAGNOSES)}^Dx^I10||{at}|A\r"
        f"IN1|1|PLAN1|I{dice.randrange(999)}|MEADOW PAYER||||G{dice.randrange(9999)}\r"
    )


def _result(dice: random.Random, number: int) -> str:
    at = _at(dice)
    observations = "".join(
        f"OBX|{nth}|NM|{dice.randrange(1000, 9999)}-{nth % 10}^Analyte {nth}^LN||{dice.randrange(10, 9999) / 10}"
        f"|mmol/L^^UCUM|3.5-5.1|{dice.choice('NHL')}|||F|||{at}\r"
        for nth in range(1, dice.randrange(4, 14))
    )
    return (
        f"{_head('ORU^R01^ORU_R01', number, at)}{_patient(dice, number, at)}ORC|RE|O{number:08}|F{number:08}||CM\r"
        f"OBR|1|O{number:08}|F{number:08}|80053^CMP^CPT|||{at}|||||||||{dice.choice(FAMILY)}||||||{at}||CH|F\r"
        f"{observations}NTE|1|L|REVIEWED \\F\\ OK\r"
    )
