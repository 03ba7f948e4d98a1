"""The audit log is verified and exported alike on both databases."""

from functools import partial
from pathlib import Path

from mft.audit import log, mft_verify
from mft.audit.export import export
from mft.audit.selection import of_log, of_range, of_time, of_transfer
from mft.audit.verify import verify_log
from mft.ledger.database import Ledger, Writer, reading
from tests.forgeries import OLD


def test_verified_and_exported(ledger: Ledger, tmp_path: Path) -> None:
    writer = Writer(ledger)
    for number in range(6):
        leaf = partial(log.append, actor="server", transfer="t1", facts={"size_bytes": number}, private={"name": "a"})
        writer.run(lambda books, leaf=leaf, number=number: leaf(books, "transfer.received", at=number))
    writer.run(lambda books: log.make_checkpoint(books, OLD, at=9))
    writer.close()
    ways = (
        of_log,
        partial(of_range, begin=2, end=4),
        partial(of_time, since=1, until=3),
        partial(of_transfer, transfer="t1"),
    )
    for number, select in enumerate(ways):
        with reading(ledger) as books:
            assert verify_log(books, [OLD.verify_key], select=select).size == 6
            target = tmp_path / f"{ledger.dialect_name}{number}"
            with books.snapshot():
                export(
                    books, select(books), target,
                    vkey=OLD.verify_key.vkey, at=1, clear=True, before_it_is_there=lambda _: None,
                )  # fmt: skip
        assert mft_verify.main([str(target), "--key", OLD.verify_key.vkey]) == 0
