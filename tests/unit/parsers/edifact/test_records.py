"""What each map makes of a few segments: the part of its record that they say."""

import msgspec
import pytest

import parsers
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.events import RecordBatch, SetClosed
from parsers.findings import Finding


def file_of(name: str, body: str, *, version: str = "D:96A:UN", syntax: str = "UNOC:3") -> bytes:
    segments = f"UNH+1+{name}:{version}'{body}"
    count = segments.count("'") - segments.count("?'") + 1
    return f"UNB+{syntax}+A+B+260302:0915+7'{segments}UNT+{count}+1'UNZ+1+7'".encode()


def read(data: bytes) -> tuple[list[dict], list[tuple[str, str | None]]]:
    events = list(parsers.read([data]))
    records = []
    for event in events:
        for line in event.ndjson.splitlines() if isinstance(event, RecordBatch) else ():
            record = msgspec.json.decode(line)
            msgspec.json.decode(line, type=BY_SCHEMA[record["schema"]], strict=True)
            records.append(record)
    return records, [(event.code, event.element) for event in events if isinstance(event, Finding)]


def of(kind: str, start: str, end: str | None = None) -> dict:
    return {"kind": kind, "period": {"start": start, "end": end} if end else {"start": start}}


def number(scheme: str, value: str) -> dict:
    return {"scheme": scheme, "value": value}


BGM = "BGM+220+PO1+9'"
INV = "BGM+380+I1+9'"
ASN = "BGM+351+S1+9'"
ANS = "BGM+231+R1+4'"

CASES = [
    # --- ORDERS ---
    ("number, type and purpose", "ORDERS", BGM, {"number": "PO1", "type": "purchase-order", "purpose": "original"}),
    ("number with its components", "ORDERS", "BGM+221::9:BLANKET+PO1:1+5'", {"number": "PO1", "type": "blanket", "purpose": "replacement"}),
    ("codes without a word", "ORDERS", "BGM+ZZ1+PO1+99'", {"type": "edifact:ZZ1", "purpose": "edifact:99"}),
    ("nothing but a header", "ORDERS", "BGM+220'", {"number": None, "lines": None, "totals": None, "dates": None}),
    ("date", "ORDERS", BGM + "DTM+137:20260302:102'", {"date": "2026-03-02", "dates": None}),
    ("a date with its time", "ORDERS", BGM + "DTM+137:202603020915:203'", {"date": "2026-03-02", "dates": [of("issued", "2026-03-02T09:15")]}),
    ("the order's own date where there is no other", "ORDERS", BGM + "DTM+4:20260301:102'", {"date": "2026-03-01"}),
    ("the message's date counts, whichever comes first", "ORDERS", BGM + "DTM+137:20260302:102'DTM+4:20260301:102'", {"date": "2026-03-02"}),
    ("dates", "ORDERS", BGM + "DTM+2:20260316:102'DTM+999:202603161200:203'DTM+273:20260301-20260331:718'", {"dates": [of("requested-delivery", "2026-03-16"), of("edifact:999", "2026-03-16T12:00"), of("validity", "2026-03-01", "2026-03-31")]}),
    ("a duration is no date", "ORDERS", BGM + "DTM+361:30:804'", {"dates": None}),
    ("notes", "ORDERS", BGM + "FTX+AAI+++ONE:TWO'FTX+ZZZ++001'", {"notes": [{"topic": "AAI", "text": "ONE TWO"}, {"topic": "ZZZ", "text": "001"}]}),
    ("references, of which their dates are none of the order's", "ORDERS", BGM + "RFF+CT:C1'DTM+171:20250101:102'RFF+ZZZ:X'RFF+PD'", {"references": [number("contract", "C1"), number("edifact:ZZZ", "X")], "dates": None}),
    ("a party", "ORDERS", BGM + "NAD+BY+5412345000013::9++GROVE:STORES+1 MAIN:DOCK+TOWN+IL+62701+US'", {"parties": [{"role": "buyer", "name": "GROVE STORES", "identifiers": [number("gln", "5412345000013") | {"valid": True}], "address": {"lines": ["1 MAIN", "DOCK"], "city": "TOWN", "state": "IL", "postal_code": "62701", "country": "US"}}]}),
    ("a party without structure", "ORDERS", BGM + "NAD+ZZ++GROVE:1 MAIN:TOWN'", {"parties": [{"role": "edifact:ZZ", "name": "GROVE", "address": {"lines": ["1 MAIN", "TOWN"]}}]}),
    ("both ways at once", "ORDERS", BGM + "NAD+BY++CARE OF X+GROVE'", {"parties": [{"role": "buyer", "name": "GROVE", "address": {"lines": ["CARE OF X"]}}]}),
    ("numbers of a party by who gave them", "ORDERS", BGM + "NAD+BY+1'NAD+SU+2::91'NAD+DP+3::92'NAD+IV+4::293'", {"parties": [{"role": "buyer", "identifiers": [number("unnamed", "1")]}, {"role": "supplier", "identifiers": [number("seller-assigned", "2")]}, {"role": "ship-to", "identifiers": [number("buyer-assigned", "3")]}, {"role": "bill-to", "identifiers": [number("edifact:293", "4")]}]}),
    ("a party without a role is nobody", "ORDERS", BGM + "NAD++1::9'RFF+VA:X'", {"parties": None, "references": None}),
    ("a party's references and contacts", "ORDERS", BGM + "NAD+BY+1::92'RFF+VA:V1'DTM+171:20250101:102'CTA+OC+7:ADA ELM'COM+555:TE'COM+a@b.example:EM'CTA+AD+DESK'", {"parties": [{"role": "buyer", "identifiers": [number("buyer-assigned", "1"), number("vat", "V1")], "contacts": [{"role": "OC", "name": "ADA ELM", "phone": "555", "email": "a@b.example"}, {"role": "AD", "name": "DESK"}]}], "dates": None, "references": None}),
    ("channels in one segment", "ORDERS", BGM + "NAD+BY+1::92'CTA+OC'COM+555:TE+a@b.example:EM+556:FX'", {"parties": [{"role": "buyer", "identifiers": [number("buyer-assigned", "1")], "contacts": [{"role": "OC", "phone": "555", "email": "a@b.example", "fax": "556"}]}]}),
    ("currency", "ORDERS", BGM + "CUX+2:EUR:9+3:USD:4'DTM+134:20260301:102'", {"currency": "EUR", "dates": None}),
    ("terms", "ORDERS", BGM + "PAT+1++5:3:D:30'PAT+22++5:3:D:10'DTM+12:20260315:102'PCD+12:2,5'", {"terms": [{"kind": "basic", "basis": "invoice", "net_days": "30"}, {"kind": "discount", "basis": "invoice", "discount_days": "10", "discount_due": "2026-03-15", "discount": "2.5"}], "dates": None}),
    ("carrier", "ORDERS", BGM + "TDT+20++30+31+HAUL:172:182:FAST'LOC+8+X'DTM+132:20260316:102'", {"carrier": {"identifiers": [number("scac", "HAUL")], "name": "FAST", "mode": "road"}, "dates": None}),
    ("charges, whose taxes are none of the order's", "ORDERS", BGM + "ALC+C++++FC:::FREIGHT'PCD+2:1.5'MOA+8:45'TAX+7+VAT'MOA+124:9'ALC+A+7:DI'MOA+204:5'", {"charges": [{"indicator": "charge", "kind": "FC", "rate": "1.5", "amount": "45", "text": "FREIGHT"}, {"indicator": "allowance", "kind": "DI", "amount": "5"}]}),
    ("a line", "ORDERS", BGM + "LIN+1+3+4012345000009:EN'QTY+21:24:PCE'QTY+59:6'MOA+203:300'", {"lines": [{"number": "1", "action": "change", "quantity": {"value": "24", "unit": "PCE"}, "amount": "300", "products": [number("ean", "4012345000009") | {"valid": True}]}]}),
    ("any quantity of a line is better than none", "ORDERS", BGM + "LIN+1'QTY+1:5'LIN+2'QTY+1:5'QTY+21:7'LIN+3'QTY+21:8'QTY+1:5'", {"lines": [{"number": "1", "quantity": {"value": "5"}}, {"number": "2", "quantity": {"value": "7"}}, {"number": "3", "quantity": {"value": "8"}}]}),
    ("products, but for those of others", "ORDERS", BGM + "LIN+1++X1'PIA+1+A:BP+B:SA++C'PIA+4+OLD:EN'", {"lines": [{"number": "1", "products": [number("item", "X1"), number("buyer-item", "A"), number("vendor-item", "B"), number("item", "C")]}]}),
    ("descriptions", "ORDERS", BGM + "LIN+1'IMD+F++:::BLUE CUP:0.3 L'IMD+C++CU::9'", {"lines": [{"number": "1", "descriptions": ["BLUE CUP 0.3 L"]}]}),
    ("prices: the net one counts, and what it is for", "ORDERS", BGM + "LIN+1'PRI+AAA:1250:CT::100:PCE'PRI+AAB:1300:CT::1:KGM'LIN+2'PRI+AAB:4'", {"lines": [{"number": "1", "price": "1250", "price_basis": "PCE", "price_quantity": "100"}, {"number": "2", "price": "4"}]}),
    ("a price's currency is not the order's", "ORDERS", BGM + "CUX+2:EUR:9'LIN+1'PRI+AAA:5'CUX+2:USD:9'DTM+134:20260301:102'", {"currency": "EUR", "lines": [{"number": "1", "price": "5"}]}),
    ("a line that is a part of another", "ORDERS", BGM + "LIN+1'LIN+2+++1:1'", {"lines": [{"number": "1"}, {"number": "2", "part_of": "1"}]}),
    ("a line's references, notes and dates", "ORDERS", BGM + "LIN+1'DTM+2:20260317:102'FTX+LIN+++FRAGILE'RFF+CT:C1'DTM+171:20250101:102'", {"lines": [{"number": "1", "dates": [of("requested-delivery", "2026-03-17")], "notes": [{"topic": "LIN", "text": "FRAGILE"}], "references": [number("contract", "C1")]}], "dates": None, "notes": None, "references": None}),
    ("deliveries to places", "ORDERS", BGM + "LIN+1'QTY+21:24'LOC+7+SHOP9::92'QTY+11:14'DTM+2:20260318:102'LOC+27+PL'QTY+11:9'", {"lines": [{"number": "1", "quantity": {"value": "24"}, "deliveries": [{"location": "SHOP9", "quantity": {"value": "14"}, "dates": [of("requested-delivery", "2026-03-18")]}]}]}),
    ("deliveries at times", "ORDERS", BGM + "LIN+1'SCC+1'QTY+113:3:KGM'DTM+2:202612:616'QTY+113:2:KGM'", {"lines": [{"number": "1", "deliveries": [{"quantity": {"value": "3", "unit": "KGM"}, "dates": [of("requested-delivery", "2026-W12")]}, {"quantity": {"value": "2", "unit": "KGM"}}]}]}),
    ("a line's party is not the order's", "ORDERS", BGM + "NAD+BY+1::92'LIN+1'NAD+ST+9::92'RFF+VA:V'LIN+2'", {"parties": [{"role": "buyer", "identifiers": [number("buyer-assigned", "1")]}], "lines": [{"number": "1", "parties": [{"role": "ship-to", "identifiers": [number("buyer-assigned", "9"), number("vat", "V")]}]}, {"number": "2"}]}),
    ("totals", "ORDERS", BGM + "LIN+1'MOA+203:5'UNS+S'MOA+79:300'MOA+128:340'MOA+86:345'CNT+2:1'CNT+1:24'CNT+7:12:KGM'", {"totals": {"amount": "345", "line_amount": "300", "line_count": "1", "hash_total": "24", "weight": {"value": "12", "unit": "KGM"}}}),
    # --- ORDCHG ---
    ("a change: the order's number, and its own", "ORDCHG", "BGM+230+CH1+4'RFF+ON:PO1'DTM+171:20260301:102'LIN+1+2'", {"number": "PO1", "change": "CH1", "purpose": "change", "references": None, "dates": None, "lines": [{"number": "1", "action": "delete"}]}),
    # --- ORDRSP ---
    ("an answer by the message's function", "ORDRSP", "BGM+231+R1+29'RFF+ON:PO1'DTM+171:20260301:102'", {"number": "R1", "order": "PO1", "order_date": "2026-03-01", "status": "accepted", "references": None, "dates": None}),
    ("an answer by the type of response", "ORDRSP", "BGM+231+R1+27+AC'", {"status": "accepted-with-changes", "purpose": "rejected"}),
    ("a wish for an answer is none", "ORDRSP", "BGM+231+R1+9+AB'", {"status": None}),
    ("what becomes of lines", "ORDRSP", ANS + "LIN+1+5'QTY+21:24:PCE'LIN+2+6'QTY+21:10'QTY+113:7'QTY+83:3'LIN+3+7'", {"lines": [{"number": "1", "ordered": {"value": "24", "unit": "PCE"}, "responses": [{"status": "accepted"}]}, {"number": "2", "ordered": {"value": "10"}, "responses": [{"status": "accepted-with-changes"}, {"status": "accepted", "quantity": {"value": "7"}}, {"status": "backordered", "quantity": {"value": "3"}}]}, {"number": "3", "responses": [{"status": "rejected"}]}]}),
    ("what comes when", "ORDRSP", ANS + "LIN+1'SCC+1'QTY+113:3'DTM+69:20260320:102'", {"lines": [{"number": "1", "responses": [{"quantity": {"value": "3"}, "dates": [of("promised-delivery", "2026-03-20")]}]}]}),
    ("a line's charge is not the answer's", "ORDRSP", ANS + "ALC+C++++FC'MOA+8:5'LIN+1'ALC+C++++HD'MOA+8:9'", {"charges": [{"indicator": "charge", "kind": "FC", "amount": "5"}], "lines": [{"number": "1"}]}),
    # --- DESADV and RECADV ---
    ("a notice", "DESADV", ASN + "DTM+137:202603161130:203'DTM+11:20260316:102'MEA+PD+AAD+KGM:812,5'", {"kind": "notice", "number": "S1", "issued_at": "2026-03-16T11:30", "dates": [of("shipped", "2026-03-16")], "weight": {"value": "812.5", "unit": "KGM"}}),
    ("its orders", "DESADV", ASN + "RFF+ON:PO1'DTM+171:20260301:102'RFF+DQ:D1'RFF+ON'", {"orders": [{"number": "PO1", "date": "2026-03-01"}], "references": [number("delivery-note", "D1")]}),
    ("transport", "DESADV", ASN + "TDT+20+V1+30+31+HAUL:172:182'EQD+TE+TR9'MEA+PD+AAD+KGM:9'", {"carrier": {"identifiers": [number("scac", "HAUL")], "mode": "road", "equipment": "TR9"}, "weight": None}),
    ("levels of packing", "DESADV", ASN + "CPS+1++4'PAC+2++201'CPS+2+1+3'PAC+1++CT'MEA+PD+AAB+KGM:9'PCI+33E'RFF+AAT:X'GIN+BJ+340123450000000000'PAC+1++PX'CPS+3+1'", {"packages": [{"id": "1", "level": "no-hierarchy", "count": {"value": "2"}, "packaging": "201"}, {"id": "2", "within": "1", "level": "outer", "count": {"value": "1"}, "packaging": "CT", "weight": {"value": "9", "unit": "KGM"}, "identifiers": [number("sscc", "340123450000000000") | {"valid": True}]}, {"id": "2", "within": "1", "level": "outer", "count": {"value": "1"}, "packaging": "PX"}], "references": None, "weight": None}),
    ("several numbers, and both ends of a range", "DESADV", ASN + "CPS+1'PAC+4'PCI+17'GIN+ML+A1+A5:A9'GIN+XX+B'", {"packages": [{"id": "1", "count": {"value": "4"}, "identifiers": [number("label", "A1"), number("label", "A5"), number("label", "A9"), number("edifact:XX", "B")]}]}),
    ("items keep the number of their level", "DESADV", ASN + "CPS+1'PAC+1'CPS+2+1'PAC+1'LIN+1'QTY+12:5:PCE'QTY+21:6:PCE'CPS+3+1'LIN+2'QTY+46:4'", {"items": [{"package": "2", "number": "1", "quantity": {"value": "5", "unit": "PCE"}, "ordered": {"value": "6", "unit": "PCE"}}, {"package": "3", "number": "2", "quantity": {"value": "4"}}]}),
    ("an item's order, lots and serial numbers", "DESADV", ASN + "CPS+1'LIN+1'QTY+12:5'RFF+ON:PO1:3'RFF+BT:L1'RFF+CT:C'PCI+17'DTM+36:20270401:102'QTY+1:2'GIN+BX+L2+L3'GIN+BN+S1:S5'", {"items": [{"package": "1", "number": "1", "quantity": {"value": "5"}, "order": "PO1", "order_line": "3", "lots": ["L1", "L2", "L3"], "references": [number("contract", "C"), number("serial", "S1"), number("serial", "S5")], "dates": [of("expiration", "2027-04-01")]}]}),
    ("no levels at all", "DESADV", ASN + "LIN+1'QTY+12:5'CNT+2:1'CNT+11:2'", {"items": [{"number": "1", "quantity": {"value": "5"}}], "totals": {"line_count": "1"}, "package_count": {"value": "2"}}),
    ("totals behind an item's places", "DESADV", ASN + "CPS+1'LIN+1'LOC+27+PL'CNT+2:1'", {"totals": {"line_count": "1"}}),
    ("a receipt", "RECADV", "BGM+632+R1+9'DOC+351+S1'DTM+171:20260316:102'CPS+1'LIN+1'QTY+12:24'QTY+48:22'LIN+2'QTY+194:3'", {"kind": "receipt", "references": [number("ship-notice", "S1")], "dates": None, "items": [{"package": "1", "number": "1", "quantity": {"value": "22"}}, {"package": "1", "number": "2", "quantity": {"value": "3"}}]}),
    # --- INVOIC ---
    ("an invoice", "INVOIC", INV + "DTM+137:20260320:102'RFF+ON:PO1'DTM+171:20260302:102'RFF+DQ:D1'", {"kind": "goods", "number": "I1", "type": "invoice", "date": "2026-03-20", "order": "PO1", "order_date": "2026-03-02", "references": [number("delivery-note", "D1")], "dates": None}),
    ("a freight invoice", "INVOIC", "BGM+780+I1'", {"kind": "freight", "type": "freight-invoice"}),
    ("due by its terms", "INVOIC", INV + "PAT+3'DTM+13:20260419:102'", {"due": "2026-04-19", "terms": [{"kind": "fixed-date", "net_due": "2026-04-19"}], "dates": None}),
    ("due by its header", "INVOIC", INV + "DTM+140:20260419:102'", {"due": "2026-04-19", "dates": [of("due", "2026-04-19")]}),
    ("amounts in the invoice's currency, or in their own", "INVOIC", INV + "NAD+BY+1::92'CUX+2:EUR:4'LIN+1'MOA+203:12,50'LIN+2'MOA+66:-5:USD'CUX+2:USD:4'LIN+3'MOA+203:1'", {"currency": "EUR", "lines": [{"number": "1", "amount": {"amount": "12.50", "currency": "EUR"}}, {"number": "2", "amount": {"amount": "-5", "currency": "USD"}}, {"number": "3", "amount": {"amount": "1", "currency": "EUR"}}]}),
    ("no currency", "INVOIC", INV + "LIN+1'MOA+203:5'", {"currency": None, "lines": [{"number": "1", "amount": {"amount": "5"}}]}),
    ("a line's order, taxes and charges", "INVOIC", INV + "LIN+1'QTY+47:2'QTY+12:3'MOA+203:10'PRI+AAA:5'RFF+ON:PO1:7'TAX+7+VAT+++:::23+S'MOA+124:2.30'MOA+125:10'ALC+A++++DI'PCD+1:4'MOA+204:1'TAX+7+VAT'MOA+124:9'", {"taxes": None, "charges": None, "lines": [{"number": "1", "quantity": {"value": "2"}, "amount": {"amount": "10"}, "price": "5", "order": "PO1", "order_line": "7", "taxes": [{"kind": "VAT", "category": "standard", "rate": "23", "amount": {"amount": "2.30"}, "base": {"amount": "10"}}], "charges": [{"indicator": "allowance", "kind": "DI", "rate": "4", "amount": "1"}]}]}),
    ("totals and taxes of all", "INVOIC", INV + "LIN+1'MOA+203:280'UNS+S'CNT+2:1'MOA+9:300'MOA+77:354'RFF+AFL:X'DTM+3:20260101:102'MOA+79:280'MOA+125:313'MOA+176:41'TAX+7+VAT+++:::23+S'MOA+124:41'MOA+125:313'ALC+C++++HD'MOA+8:1'", {"totals": {"line_count": "1", "amount": {"amount": "354"}, "payable": {"amount": "300"}, "net": {"amount": "313"}, "tax": {"amount": "41"}}, "taxes": [{"kind": "VAT", "category": "standard", "rate": "23", "amount": {"amount": "41"}, "base": {"amount": "313"}}], "charges": [{"indicator": "charge", "kind": "HD", "amount": "1"}], "references": None, "dates": None}),
    ("only what is to be paid", "INVOIC", INV + "UNS+S'MOA+9:5'MOA+79:4'", {"totals": {"amount": {"amount": "5"}, "payable": {"amount": "5"}, "net": {"amount": "4"}}}),
    # --- REMADV ---
    ("a payment, and what it is for", "REMADV", "BGM+481+R1'DTM+137:20260401:102'RFF+PQ:P9'FII+PB+ACC+BANKPLPW::5'NAD+PR+1::92++GROVE'NAD+PE+2::92'NAD+MS+3::92'CUX+2:EUR:11'DOC+380+I1'MOA+9:354'MOA+12:347'DTM+137:20260320:102'RFF+ON:P1'DTM+171:20260101:102'AJT+19'MOA+12:1'UNS+S'MOA+12:346'MOA+139:999'", {"kind": "advice", "message_id": "R1", "trace": "P9", "created_at": "2026-04-01", "amount": {"amount": "346", "currency": "EUR"}, "debtor": {"name": "GROVE", "identifiers": [number("buyer-assigned", "1")]}, "debtor_account": {"number": "ACC"}, "debtor_agent": {"identifiers": [number("bic", "BANKPLPW")]}, "creditor": {"identifiers": [number("buyer-assigned", "2")]}, "documents": [{"kind": "invoice", "number": "I1", "billed": {"amount": "354", "currency": "EUR"}, "paid": {"amount": "347", "currency": "EUR"}, "date": "2026-03-20"}]}),
    # --- APERAK ---
    ("a refusal", "APERAK", "BGM+313+A1'DTM+137:20260303:102'RFF+ACW:PO1'DTM+171:20260302:102'NAD+MS+1::9'ERC+E20'FTX+AAO+++UNKNOWN:ARTICLE'RFF+LI:1'FTX+AAO+++OF LINE'ERC+E21'", {"kind": "application", "level": "message", "verdict": "rejected", "control_number": "PO1", "date": "2026-03-03", "text": None, "errors": [{"codes": ["E20"], "text": "UNKNOWN ARTICLE"}, {"codes": ["E21"]}]}),
    ("what the function says counts", "APERAK", "BGM+313+A1+29'FTX+AAI+++ALL WELL'RFF+TN:T1'RFF+AGO:M1'", {"verdict": "accepted", "text": "ALL WELL", "control_number": "M1"}),
    ("an acknowledgment that says nothing of a verdict", "APERAK", "BGM+312+A1+9'", {"verdict": None}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "body", "expected"), [case[1:] for case in CASES], ids=[f"{one[1]}: {one[0]}" for one in CASES]
)
@pytest.mark.parametrize("version", ["D:93A:UN", "D:96A:UN:EAN008", "D:01B:UN", "D:20B:UN:1.1"])
def test_a_record_says_what_its_segments_say(name, version, body, expected):
    (record,), said = read(file_of(name, body, version=version))
    assert said == []
    assert {key: record.get(key) for key in expected} == expected


UCI = "UCI+70+S:14+R:14+"
ACKNOWLEDGMENTS = [
    ("all of it", UCI + "7'", {"level": "interchange", "kind": "syntax", "control_number": "70", "sender": "S", "receiver": "R", "verdict": "accepted", "sets": None}),
    ("received", UCI + "8'", {"verdict": "received"}),
    ("nothing of it", UCI + "4+23+UNZ+2'", {"verdict": "rejected", "reasons": ["23"], "errors": [{"segment": "UNZ", "codes": ["23"], "elements": [{"element": "2"}]}]}),
    ("a message", UCI + "7'UCM+1+ORDERS:D:96A:UN:EAN008+4'UCS+3+12'UCS+7'UCD+35+2:1'UCD+12+3'", {"sets": [{"control_number": "1", "set": "ORDERS", "version": "D96A", "verdict": "rejected", "errors": [{"position": "3", "codes": ["12"]}, {"position": "7", "elements": [{"element": "2", "component": "1", "code": "35"}, {"element": "3", "code": "12"}]}]}]}),
    ("a group, and a message of it", UCI + "7'UCF+G1+S+R+4+29+UNE+1'UCM+1+ORDERS:D:96A:UN+7'", {"sets": [{"level": "functional-group", "control_number": "G1", "verdict": "rejected", "reasons": ["29"], "errors": [{"segment": "UNE", "codes": ["29"], "elements": [{"element": "1"}]}]}, {"control_number": "1", "set": "ORDERS", "version": "D96A", "verdict": "accepted"}]}),
    ("an action that nobody knows", UCI + "9'", {"verdict": "edifact:9"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "expected"), [case[1:] for case in ACKNOWLEDGMENTS], ids=[one[0] for one in ACKNOWLEDGMENTS]
)
@pytest.mark.parametrize(("version", "syntax"), [("D:3:UN", "UNOC:3"), ("4:1:UN", "UNOC:4"), ("2:2:UN", "UNOA:1")])
def test_an_acknowledgment_of_any_syntax_version(version, syntax, body, expected):
    (record,), said = read(file_of("CONTRL", body, version=version, syntax=syntax))
    assert said == []
    assert {key: record.get(key) for key in expected} == expected


def test_repetitions_of_version_4():
    body = BGM + "NAD+BY+1::92'CTA+OC'COM+555:TE*a@b.example:EM'"
    ((record,), _) = read(file_of("ORDERS", body, syntax="UNOC:4"))
    assert record["parties"][0]["contacts"] == [{"role": "OC", "phone": "555", "email": "a@b.example"}]
    ((record,), _) = read(file_of("ORDERS", body, syntax="UNOC:3"))  # In which an asterisk is one.
    assert record["parties"][0]["contacts"] == [{"role": "OC"}]


def test_separators_of_the_interchange():
    data = b"UNA|*,! ~" + file_of("ORDERS", BGM + "LIN+1++X:EN'PRI+AAA:12,50'IMD+F++:::A?:B?+C'").translate(
        bytes.maketrans(b":+?'", b"|*!~")
    )
    ((record,), said) = read(data)
    assert said == []
    assert record["lines"] == [
        {
            "number": "1",
            "products": [number("ean", "X") | {"valid": False}],
            "price": "12.50",
            "descriptions": ["A|B*C"],
        }
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("DTM+2:20261332:102'", [("edifact.not-a-date", "DTM-1.2")]),
        ("DTM+2:1200:401'", [("edifact.date-format", "DTM-1.2")]),
        ("DTM+137:20261332:203'", [("edifact.not-a-date", "DTM-1.2")]),
        ("LIN+1'QTY+21:MANY'", [("edifact.not-a-number", "QTY-1.2")]),
        ("LIN+1'PRI+AAA:1.234,50'", [("edifact.not-a-number", "PRI-1.2")]),
    ],
)
def test_a_value_that_makes_no_sense_is_said_once(body, said):
    assert read(file_of("ORDERS", BGM + body))[1] == said


def test_an_order_for_each_message_and_each_stands_in_its_own():
    one, two = "BGM+220+A'LIN+1'", "BGM+220+B'LIN+2'"
    data = f"UNB+UNOC:3+A+B+260302:0915+7'UNH+1+ORDERS:D:96A:UN'{one}UNT+4+1'UNH+2+ORDERS:D:96A:UN'{two}UNT+4+2'UNZ+2+7'".encode()
    records, _ = read(data)
    places = [record["provenance"] for record in records]
    assert [data[place["start"] : place["end"]].decode() for place in places] == [one, two]
    assert [(record["number"], record["provenance"]["map"]) for record in records] == [
        ("A", "orders-1"),
        ("B", "orders-1"),
    ]


@pytest.mark.parametrize("name", ["ORDERS", "ORDRSP", "DESADV", "INVOIC", "APERAK", "CONTRL"])
def test_a_message_without_its_first_segment_makes_no_record(name):
    events = list(parsers.read([file_of(name, "DTM+2:20260316:102'")]))
    assert [(event.verdict, event.records) for event in events if isinstance(event, SetClosed)] == [("accepted", 0)]
