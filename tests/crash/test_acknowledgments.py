"""Killed while it answers: one acknowledgment lies there, never two, and no control number stands in two of them."""

import pytest

from mft.ledger.acknowledgments import acknowledgment_rows
from mft.ledger.database import Ledger, Row, reading
from tests.crash import scenes
from tests.crash.scenes import ForkedSite, Sent
from tests.harness import Partner, Site, eventually


def put(site: Site, acme: Partner, sent: Sent, name: str, content: bytes) -> None:
    sent.begin(name, content)
    with site.paramiko(acme) as client, client.open(name, "wb") as file:
        file.write(content)
    sent.hear(name)


def acknowledged(site: Site) -> list[Row]:
    with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
        return acknowledgment_rows(books)


@pytest.mark.parametrize("fault", ["dies-with-numbers", "dies-concluding"])
def test_a_server_that_dies_answering_burns_a_number_and_answers_once(
    site: ForkedSite, acme: Partner, fault: str
) -> None:
    sent = Sent()
    for number in range(1, 4):
        site.start(fault=fault)
        if number == 1:
            put(site, acme, sent, "orders.edi", scenes.purchase_order(1))
        process = site.process
        process.wait(60)
        site.kill()
        assert acknowledged(site) == []
    site.start()
    eventually(lambda: scenes.at_rest(site), what="the order comes to rest")
    (one,) = acknowledged(site)
    assert one["control_number"] == "000000004"
    put(site, acme, sent, "again.edi", scenes.purchase_order(1))
    put(site, acme, sent, "others.edi", scenes.purchase_order(30, 2002))
    stages = scenes.check_all(site, sent)
    assert stages["done"] == 6
    assert sorted((row["control_number"], row["repeats"] is not None) for row in acknowledged(site)) == [
        ("000000004", False),
        ("000000004", True),
        ("000000005", False),
    ]


@pytest.mark.parametrize(
    ("fault", "says"),
    [("numbers-again", "given out twice"), ("acknowledged-unseen", "no row tells of")],
)
def test_the_reckoning_notices(site: ForkedSite, acme: Partner, fault: str, says: str) -> None:
    sent = Sent()
    site.start(fault=fault)
    for number in (1, 2):
        put(site, acme, sent, f"{number}.edi", scenes.purchase_order(1, number))
    with pytest.raises(AssertionError, match=says):
        scenes.check_all(site, sent)
