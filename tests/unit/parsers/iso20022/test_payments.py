"""Payments, returns, statuses and recalls: what stands in a message, and the part of its record that says so."""

import pytest

PAIN_1, PAIN_8, PAIN_2 = "pain.001.001.09", "pain.008.001.08", "pain.002.001.10"
PACS_8, PACS_3, PACS_9, PACS_4, PACS_2 = (f"pacs.{name}.001.08" for name in ("008", "003", "009", "004", "002"))
BIC = "<FinInstnId><BICFI>AAAABEBB</BICFI></FinInstnId>"
AAAA = {"identifiers": [{"scheme": "bic", "value": "AAAABEBB"}]}


def order(tx: str = "", batch: str = "", header: str = "") -> str:
    return f"<GrpHdr>{header}</GrpHdr><PmtInf>{batch}<CdtTrfTxInf>{tx}<X/></CdtTrfTxInf></PmtInf>"


def debit(tx: str, batch: str = "") -> str:
    return f"<GrpHdr/><PmtInf>{batch}<DrctDbtTxInf>{tx}</DrctDbtTxInf></PmtInf>"


def transfer(tx: str, header: str = "") -> str:
    return f"<GrpHdr>{header}</GrpHdr><CdtTrfTxInf>{tx}</CdtTrfTxInf>"


def returned(tx: str) -> str:
    return f"<GrpHdr/><TxInf>{tx}</TxInf>"


def status(tx: str) -> str:
    return f"<GrpHdr/><TxInfAndSts>{tx}</TxInfAndSts>"


def agent(role: str) -> dict:
    return {"role": role, **AAAA}


CASES = [
    ("ids", PAIN_1, order("<PmtId><InstrId>I</InstrId><EndToEndId>E</EndToEndId><UETR>U</UETR></PmtId>", "<PmtInfId>B</PmtInfId>", "<MsgId>M</MsgId><CreDtTm>2026-03-02T09:00:00.5Z</CreDtTm>"), {"kind": "credit-transfer", "message_id": "M", "batch_id": "B", "instruction_id": "I", "end_to_end_id": "E", "uetr": "U", "created_at": "2026-03-02T09:00:00.5Z"}),
    ("an id that says that there is none", PAIN_1, order("<PmtId><EndToEndId>NOTPROVIDED</EndToEndId></PmtId><Purp><Cd>A</Cd></Purp>"), {"end_to_end_id": None, "purpose": "A"}),
    ("amount", PAIN_1, order('<Amt><InstdAmt Ccy="EUR">1.50</InstdAmt></Amt>'), {"amount": {"amount": "1.50", "currency": "EUR"}, "transfer_currency": None}),
    ("equivalent amount", PAIN_1, order('<Amt><EqvtAmt><Amt Ccy="EUR">1</Amt><CcyOfTrf>USD</CcyOfTrf></EqvtAmt></Amt>'), {"amount": {"amount": "1", "currency": "EUR"}, "transfer_currency": "USD"}),
    ("the day, in three ways", PAIN_1, order("", "<ReqdExctnDt><Dt>2026-03-02</Dt></ReqdExctnDt>"), {"execution_date": "2026-03-02"}),
    ("with its time", PAIN_1, order("", "<ReqdExctnDt><DtTm>2026-03-02T10:00:00Z</DtTm></ReqdExctnDt>"), {"execution_date": "2026-03-02T10:00:00Z"}),
    ("as before 2018", "pain.001.001.03", order("", "<ReqdExctnDt>2026-03-02</ReqdExctnDt>"), {"execution_date": "2026-03-02"}),
    ("type, of all and of one", PAIN_1, order("<PmtTpInf><InstrPrty>HIGH</InstrPrty><LclInstrm><Prtry>L</Prtry></LclInstrm></PmtTpInf>", "<PmtMtd>TRA</PmtMtd><PmtTpInf><InstrPrty>NORM</InstrPrty><SvcLvl><Cd>SEPA</Cd></SvcLvl><CtgyPurp><Cd>SALA</Cd></CtgyPurp></PmtTpInf>"), {"method": "transfer-advice", "priority": "high", "service": "SEPA", "local_instrument": "L", "category_purpose": "SALA"}),
    ("who bears charges", PAIN_1, order("", "<ChrgBr>SHAR</ChrgBr>"), {"charge_bearer": "shared"}),
    ("a code that is not in the book", PAIN_1, order("", "<ChrgBr>WHO</ChrgBr>"), {"charge_bearer": "iso20022:WHO"}),
    ("party", PAIN_1, order("<Cdtr><Nm>N</Nm><PstlAdr><StrtNm>S</StrtNm><BldgNb>1</BldgNb><PstCd>P</PstCd><TwnNm>T</TwnNm><CtrySubDvsn>D</CtrySubDvsn><Ctry>BE</Ctry><AdrLine>L</AdrLine></PstlAdr></Cdtr>"), {"creditor": {"name": "N", "address": {"lines": ["S 1", "L"], "postal_code": "P", "city": "T", "state": "D", "country": "BE"}}}),
    ("an organisation's identifiers", PAIN_1, order("<Cdtr><Id><OrgId><AnyBIC>B</AnyBIC><LEI>5493001KJTIIGC8Y1R12</LEI><Othr><Id>1</Id><SchmeNm><Cd>TXID</Cd></SchmeNm></Othr><Othr><Id>2</Id><SchmeNm><Prtry>OURS</Prtry></SchmeNm></Othr><Othr><Id>3</Id></Othr></OrgId></Id></Cdtr>"), {"creditor": {"identifiers": [{"scheme": "bic", "value": "B"}, {"scheme": "lei", "value": "5493001KJTIIGC8Y1R12", "valid": True}, {"scheme": "tax-id", "value": "1"}, {"scheme": "iso20022:OURS", "value": "2"}, {"scheme": "other", "value": "3"}]}}),
    ("a person's", PAIN_1, order("", "<Dbtr><Id><PrvtId><Othr><Id>1</Id><SchmeNm><Cd>CCPT</Cd></SchmeNm></Othr></PrvtId></Id></Dbtr>"), {"debtor": {"identifiers": [{"scheme": "passport", "value": "1"}]}}),
    ("and of 2006", "pain.001.001.02", order("<Cdtr><Id><OrgId><BEI>B</BEI><TaxIdNb>T</TaxIdNb><PrtryId><Id>P</Id></PrtryId></OrgId></Id></Cdtr>"), {"creditor": {"identifiers": [{"scheme": "bic", "value": "B"}, {"scheme": "tax-id", "value": "T"}, {"scheme": "other", "value": "P"}]}}),
    ("accounts", PAIN_1, order("<CdtrAcct><Id><Othr><Id>1</Id></Othr></Id><Nm>N</Nm></CdtrAcct>", "<DbtrAcct><Id><IBAN>BE68539007547034</IBAN></Id><Tp><Cd>CACC</Cd></Tp><Ccy>EUR</Ccy></DbtrAcct>"), {"debtor_account": {"number": "BE68539007547034", "scheme": "iban", "kind": "CACC", "currency": "EUR"}, "creditor_account": {"number": "1", "scheme": "other", "name": "N"}}),
    ("banks by their numbers", PAIN_1, order("<CdtrAgt><FinInstnId><ClrSysMmbId><ClrSysId><Cd>USABA</Cd></ClrSysId><MmbId>021000021</MmbId></ClrSysMmbId><Nm>N</Nm></FinInstnId></CdtrAgt>", "<DbtrAgt><FinInstnId><BIC>AAAABEBB</BIC><ClrSysMmbId><MmbId>5</MmbId></ClrSysMmbId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId></DbtrAgt>"), {"creditor_agent": {"name": "N", "identifiers": [{"scheme": "aba", "value": "021000021", "valid": True}]}, "debtor_agent": {"identifiers": [{"scheme": "bic", "value": "AAAABEBB"}, {"scheme": "clearing-code", "value": "5"}]}}),
    ("banks between, with their accounts", PAIN_1, order(f"<IntrmyAgt1>{BIC}</IntrmyAgt1><IntrmyAgt1Acct><Id><IBAN>X</IBAN></Id></IntrmyAgt1Acct><IntrmyAgt2>{BIC}</IntrmyAgt2>"), {"intermediaries": [{"role": "intermediary", "identifiers": [{"scheme": "bic", "value": "AAAABEBB"}, {"scheme": "account", "value": "X"}]}, agent("intermediary")]}),
    ("the ultimate ones, of all and of one", PAIN_1, order("<UltmtDbtr><Nm>own</Nm></UltmtDbtr><UltmtCdtr><Nm>C</Nm></UltmtCdtr>", "<UltmtDbtr><Nm>all</Nm></UltmtDbtr>"), {"ultimate_debtor": {"name": "own"}, "ultimate_creditor": {"name": "C"}}),
    ("who sends it", PAIN_1, order("", "", "<InitgPty><Nm>I</Nm></InitgPty>"), {"initiating_party": {"name": "I"}}),
    ("remittance", PAIN_1, order("<RmtInf><Ustrd>1</Ustrd><Ustrd>2</Ustrd></RmtInf>"), {"remittance": ["1", "2"]}),
    ("documents", PAIN_1, order('<RmtInf><Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp><Nb>1</Nb><RltdDt>2026-01-01</RltdDt></RfrdDocInf><RfrdDocAmt><RmtdAmt Ccy="EUR">5</RmtdAmt></RfrdDocAmt><AddtlRmtInf>A</AddtlRmtInf></Strd><Strd><RfrdDocInf><Nb>2</Nb></RfrdDocInf><CdtrRefInf><Ref>R</Ref></CdtrRefInf></Strd></RmtInf>'), {"documents": [{"kind": "invoice", "number": "1", "date": "2026-01-01", "paid": {"amount": "5", "currency": "EUR"}}, {"number": "2"}], "remittance": ["A"], "references": [{"scheme": "creditor-reference", "value": "R"}]}),
    ("direct debit", PAIN_8, debit('<InstdAmt Ccy="EUR">5</InstdAmt><DrctDbtTx><MndtRltdInf><MndtId>M</MndtId></MndtRltdInf></DrctDbtTx><Dbtr><Nm>D</Nm></Dbtr>', "<PmtTpInf><SeqTp>FRST</SeqTp></PmtTpInf><ReqdColltnDt>2026-03-02</ReqdColltnDt><Cdtr><Nm>C</Nm></Cdtr><CdtrSchmeId><Id><PrvtId><Othr><Id>S</Id></Othr></PrvtId></Id></CdtrSchmeId>"), {"kind": "direct-debit", "amount": {"amount": "5", "currency": "EUR"}, "sequence": "first", "execution_date": "2026-03-02", "debtor": {"name": "D"}, "creditor": {"name": "C"}, "references": [{"scheme": "creditor-id", "value": "S"}, {"scheme": "mandate-id", "value": "M"}]}),
    ("between banks", PACS_8, transfer('<PmtId><TxId>T</TxId></PmtId><IntrBkSttlmAmt Ccy="EUR">5</IntrBkSttlmAmt><IntrBkSttlmDt>2026-03-02</IntrBkSttlmDt><InstdAmt Ccy="USD">6</InstdAmt><XchgRate>1.2</XchgRate>'), {"transaction_id": "T", "amount": {"amount": "5", "currency": "EUR"}, "settlement_date": "2026-03-02", "instructed": {"amount": "6", "currency": "USD"}, "exchange_rate": "1.2"}),
    ("what the header says of all", PACS_8, transfer("<Purp><Cd>A</Cd></Purp>", f"<MsgId>M</MsgId><IntrBkSttlmDt>2026-03-02</IntrBkSttlmDt><SttlmInf><SttlmMtd>CLRG</SttlmMtd><ClrSys><Cd>TGT</Cd></ClrSys></SttlmInf><InstgAgt>{BIC}</InstgAgt>"), {"message_id": "M", "settlement_date": "2026-03-02", "settlement_method": "clearing-system", "clearing_system": "TGT", "intermediaries": [agent("instructing-agent")]}),
    ("correspondents", PACS_8, transfer("<Purp><Cd>A</Cd></Purp>", f"<SttlmInf><InstgRmbrsmntAgt>{BIC}</InstgRmbrsmntAgt><InstdRmbrsmntAgt>{BIC}</InstdRmbrsmntAgt><ThrdRmbrsmntAgt>{BIC}</ThrdRmbrsmntAgt></SttlmInf>"), {"intermediaries": [agent("sender-correspondent"), agent("receiver-correspondent"), agent("reimbursement")]}),
    ("charges", PACS_8, transfer(f'<ChrgsInf><Amt Ccy="EUR">1</Amt><Agt>{BIC}</Agt></ChrgsInf><ChrgsInf><Amt Ccy="EUR">2</Amt></ChrgsInf>'), {"charges": [{"amount": {"amount": "1", "currency": "EUR"}, "agent": AAAA}, {"amount": {"amount": "2", "currency": "EUR"}}]}),
    ("a bank's debit", PACS_3, "<GrpHdr/><DrctDbtTxInf><Dbtr><Nm>D</Nm></Dbtr><Cdtr><Nm>C</Nm></Cdtr></DrctDbtTxInf>", {"kind": "direct-debit", "debtor": {"name": "D"}, "creditor": {"name": "C"}}),
    ("a cover", PACS_9, transfer(f"<Dbtr>{BIC}</Dbtr><Cdtr>{BIC}</Cdtr><UndrlygCstmrCdtTrf><Dbtr><Nm>D</Nm></Dbtr><CdtrAgt>{BIC}</CdtrAgt><Cdtr><Nm>C</Nm></Cdtr><CdtrAcct><Id><IBAN>X</IBAN></Id></CdtrAcct><RmtInf><Ustrd>U</Ustrd></RmtInf></UndrlygCstmrCdtTrf>"), {"debtor": AAAA, "creditor": AAAA, "ultimate_debtor": {"name": "D"}, "ultimate_creditor": {"name": "C", "identifiers": [{"scheme": "account", "value": "X"}]}, "remittance": ["U"], "intermediaries": [agent("ultimate-creditor-agent")]}),
    ("a return", PACS_4, returned('<RtrId>R</RtrId><OrgnlGrpInf><OrgnlMsgId>M</OrgnlMsgId></OrgnlGrpInf><OrgnlEndToEndId>E</OrgnlEndToEndId><OrgnlUETR>U</OrgnlUETR><OrgnlIntrBkSttlmAmt Ccy="EUR">5</OrgnlIntrBkSttlmAmt><RtrdIntrBkSttlmAmt Ccy="EUR">4</RtrdIntrBkSttlmAmt><RtrRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>A</AddtlInf></RtrRsnInf>'), {"kind": "return", "transaction_id": "R", "uetr": "U", "original_message_id": "M", "original_end_to_end_id": "E", "amount": {"amount": "4", "currency": "EUR"}, "original": {"amount": {"amount": "5", "currency": "EUR"}}, "reasons": ["AC04"], "reason_text": ["A"]}),
    ("whose money comes back, and whose it was", PACS_4, returned(f"<RtrChain><Dbtr><Pty><Nm>C</Nm></Pty></Dbtr><Cdtr><Agt>{BIC}</Agt></Cdtr></RtrChain><OrgnlTxRef><Dbtr><Pty><Nm>D</Nm></Pty></Dbtr><Cdtr><Nm>C</Nm></Cdtr></OrgnlTxRef>"), {"debtor": {"name": "C"}, "creditor": AAAA, "original": {"debtor": {"name": "D"}, "creditor": {"name": "C"}}}),
    ("a status", PACS_2, status("<StsId>S</StsId><OrgnlInstrId>I</OrgnlInstrId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Prtry>X</Prtry></Rsn></StsRsnInf>"), {"kind": "status", "transaction_id": "S", "original_instruction_id": "I", "status": "RJCT", "reasons": ["X"]}),
    ("a status of all", PACS_2, "<GrpHdr/><OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId><GrpSts>ACTC</GrpSts></OrgnlGrpInfAndSts>", {"original_message_id": "M", "status": "ACTC"}),
    ("one has the last word", PACS_2, "<OrgnlGrpInfAndSts><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts><TxInfAndSts><TxSts>RJCT</TxSts></TxInfAndSts>", {"status": "RJCT"}),
    ("a status of an order", PAIN_2, "<OrgnlPmtInfAndSts><OrgnlPmtInfId>P</OrgnlPmtInfId><TxInfAndSts><TxSts>ACCP</TxSts><OrgnlTxRef><ReqdColltnDt>2026-03-02</ReqdColltnDt><DbtrAcct><Id><IBAN>X</IBAN></Id></DbtrAcct></OrgnlTxRef></TxInfAndSts></OrgnlPmtInfAndSts>", {"original_batch_id": "P", "status": "ACCP", "original": {"execution_date": "2026-03-02", "debtor_account": {"number": "X", "scheme": "iban"}}}),
    ("a status of a batch", PAIN_2, "<OrgnlPmtInfAndSts><OrgnlPmtInfId>P</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts></OrgnlPmtInfAndSts>", {"original_batch_id": "P", "status": "RJCT"}),
    ("as in 2006", "pain.002.001.02", "<TxInfAndSts><OrgnlPmtInfId>P</OrgnlPmtInfId><TxSts>RJCT</TxSts><StsRsnInf><StsRsn><Cd>X</Cd></StsRsn></StsRsnInf></TxInfAndSts>", {"original_batch_id": "P", "status": "RJCT", "reasons": ["X"]}),
    ("a recall", "camt.056.001.08", f"<Assgnmt><Id>A</Id><Assgnr><Agt>{BIC}</Agt></Assgnr></Assgnmt><Undrlyg><TxInf><CxlId>C</CxlId><Case><Id>K</Id></Case><OrgnlTxId>T</OrgnlTxId><CxlRsnInf><Rsn><Cd>DUPL</Cd></Rsn></CxlRsnInf></TxInf></Undrlyg>", {"kind": "recall", "message_id": "A", "intermediaries": [agent("assigner")], "transaction_id": "C", "references": [{"scheme": "case", "value": "K"}], "original_transaction_id": "T", "reasons": ["DUPL"]}),
    ("a recall of a batch", "camt.055.001.08", "<Assgnmt/><Undrlyg><OrgnlPmtInfAndCxl><OrgnlPmtInfId>P</OrgnlPmtInfId></OrgnlPmtInfAndCxl></Undrlyg>", {"kind": "recall", "original_batch_id": "P"}),
    ("its answer", "camt.029.001.09", "<Sts><Conf>PDCR</Conf></Sts><CxlDtls><TxInfAndSts><TxCxlSts>RJCR</TxCxlSts><CxlStsRsnInf><Rsn><Cd>NOAS</Cd></Rsn></CxlStsRsnInf></TxInfAndSts></CxlDtls>", {"kind": "recall-answer", "status": "RJCR", "reasons": ["NOAS"]}),
    ("an answer to all", "camt.029.001.09", "<Sts><Conf>RJCR</Conf></Sts>", {"kind": "recall-answer", "status": "RJCR"}),
    ("a request to pay", "pain.013.001.07", "<GrpHdr/><PmtInf><Dbtr><Nm>D</Nm></Dbtr><CdtTrfTx><Cdtr><Nm>C</Nm></Cdtr></CdtTrfTx></PmtInf>", {"kind": "request", "debtor": {"name": "D"}, "creditor": {"name": "C"}}),
    ("its status", "pain.014.001.07", "<OrgnlPmtInfAndSts><TxInfAndSts><TxSts>RJCT</TxSts></TxInfAndSts></OrgnlPmtInfAndSts>", {"kind": "status", "status": "RJCT"}),
    ("money to come", "camt.057.001.06", '<Ntfctn><Id>N</Id><XpctdValDt>2026-03-02</XpctdValDt><Itm><Id>I</Id><Amt Ccy="EUR">5</Amt></Itm></Ntfctn>', {"kind": "advice", "batch_id": "N", "instruction_id": "I", "settlement_date": "2026-03-02", "amount": {"amount": "5", "currency": "EUR"}}),
    ("a debit between banks", "pacs.010.001.03", f"<CdtInstr><CdtId>C</CdtId><Cdtr>{BIC}</Cdtr><DrctDbtTxInf><Dbtr>{BIC}</Dbtr></DrctDbtTxInf></CdtInstr>", {"kind": "direct-debit", "batch_id": "C", "creditor": AAAA, "debtor": AAAA}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "inside", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_payment_says_what_its_message_says(records, name, inside, expected):
    (record,) = records(name, inside)
    assert record["schema"] == "payment/1"
    assert {key: record.get(key) for key in expected} == expected


def test_each_transaction_has_what_all_have_and_nothing_of_the_others(records):
    batches = "".join(
        f"<PmtInf><PmtInfId>{batch}</PmtInfId>"
        + "".join(f"<CdtTrfTxInf><PmtId><EndToEndId>{nth}</EndToEndId></PmtId></CdtTrfTxInf>" for nth in range(2))
        + "</PmtInf>"
        for batch in "AB"
    )
    made = records(PAIN_1, f"<GrpHdr><MsgId>M</MsgId></GrpHdr>{batches}")
    assert [(one["message_id"], one["batch_id"], one["end_to_end_id"]) for one in made] == [
        ("M", "A", "0"),
        ("M", "A", "1"),
        ("M", "B", "0"),
        ("M", "B", "1"),
    ]
