"""The demo's second story: files that are not as usual, and who decides about them.

A clearinghouse's file for several, a watched folder, wrappings, a file that is routed on, one that came before, a
control number that was used before, a hold.
"""

import asyncio
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mft.cli.demo_stage import rested, run_mft, sftp, short
from mft.errors import Broken

if TYPE_CHECKING:
    from mft.home import Home
    from mft.server import Server

CLINIC, RETAILER, CLEARINGHOUSE, DESK = "riverside-clinic", "harbor-retail", "gulf-clearing", "orders-desk"
_TRIALS: Final = (  # Sender, our id, usage: the third is a stranger's, the last a test.
    ("CORNERSHOP", "EXAMPLEWORKS", "P"),
    ("BRIDGESTORE", "EXAMPLEEAST", "P"),
    ("STRANGER", "EXAMPLEWORKS", "P"),
    ("CORNERSHOP", "EXAMPLEEAST", "P"),
    ("BRIDGESTORE", "EXAMPLEWORKS", "T"),
)


def partner_says(root: Path, name: str) -> dict[str, Any]:
    """What a partner's file says beside its logins, in this story."""
    if name == CLEARINGHOUSE:
        return {
            "our_ids": ("ZZ:EXAMPLEWORKS", "ZZ:EXAMPLEEAST"),
            "trading_partners": [
                {"name": "corner-shop", "ids": ("ZZ:CORNERSHOP",)},
                {"name": "bridge-store", "ids": ("ZZ:BRIDGESTORE",)},
            ],
        }
    if name == CLINIC:
        return {"feeds": [{"name": "wrapped", "pattern": "wrapped-*", "unwrap": True}]}
    if name == RETAILER:
        return {"watched_folders": [{"name": "drop", "path": str(drop(root)), "take": "rename", "poll_seconds": 1}]}
    return {}


def drop(root: Path) -> Path:
    """The folder that is watched: beside the home, as it would be elsewhere in real life."""
    return root.with_name(root.name + "-drop")


ROUTES: Final = f"""# Where files go on to, when nothing speaks against them.
[[routes]]
name = "notes"
file = "*.pdf"
partner = "{RETAILER}"
to_partner = "{DESK}"
"""


async def play(server: "Server", home: "Home", begin: int) -> None:
    """Go on with the story at that number."""
    tale = (
        _clearinghouse,
        _watched_folder,
        _pgp,
        _zip,
        _routed,
        _again,
        _number_used,
        _hold,
    )
    for number, act in enumerate(tale, start=begin):
        if server.stopping:
            return
        await act(server, home, number)
        print()


def _sample(name: str) -> bytes:
    return (resources.files("mft.samples") / name).read_bytes()


def order(sender: str, receiver: str, usage: str, number: int) -> bytes:
    """The sample order between other parties, with another control number."""
    content = _sample("orders-850.edi")
    head, rest = content[:106], content[106:]
    head = head.replace(b"SAMPLESTORES   ", sender.encode().ljust(15))
    head = head.replace(b"EXAMPLEWORKS   ", receiver.encode().ljust(15))
    old = b"000002001"
    head = head.replace(old, b"%09d" % number)[:102] + usage.encode() + head[103:]
    return head + rest.replace(old, b"%09d" % number)


@contextmanager
def _file(name: str, content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mft-demo-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


async def put(server: "Server", home: "Home", partner: str, name: str, content: bytes, ends: str) -> dict[str, Any]:
    """Upload a file, wait until it rests, and say how; returns its transfer."""
    with _file(name, content) as path:
        said = await sftp(server, home, partner, [f"put {path}"])
    print(f"     partner saw  {said}")
    return await _see(server, home, name, ends)


async def _see(server: "Server", home: "Home", name: str, ends: str) -> dict[str, Any]:
    row = dict(await rested(server, home, name))
    if row["stage"] != ends:
        raise Broken(f"{name} ends as {row['stage']}, not as {ends}: see mft doctor --home {short(home.root)}")
    print(f"     {name} is {row['stage']}" + (f": {row['reason']}" if row["reason"] else ""))
    _tell_parts(server, home, row["id"])
    return row


def _tell_parts(server: "Server", home: "Home", transfer: str) -> None:
    """The interchanges of a transfer, and the transfers that came out of it."""
    from mft.domain import printable
    from mft.ledger.database import Ledger, reading
    from mft.ledger.transfers import children_of, parts

    with reading(Ledger(home.ledger_url(server.config.ledger.url))) as books:
        rows = parts(books, "interchange", transfer)
        for row in rows if len(rows) > 1 else ():
            who = f"{row['trading_partner'] or 'a stranger'} to {row['receiver']}"
            print(f"     interchange  {row['position']} from {who}, usage {row['usage']}: {row['verdict']}")
        for child in children_of(books, transfer):
            print(f"     part         {printable(child['name_bytes'])}, transfer {child['id']}")


async def _clearinghouse(server: "Server", home: "Home", number: int) -> None:
    print(f"{number}. {CLEARINGHOUSE} puts batch.edi: orders of three stores, one of them a stranger")
    content = b"".join(order(*trial, number) for number, trial in enumerate(_TRIALS, start=3001))
    await put(server, home, CLEARINGHOUSE, "batch.edi", content, "done")
    part = await _see(server, home, "batch.3.edi", "held")
    print("     the stranger turns out to be welcome")
    await run_mft(home, "transfer", "release", part["id"], "--why", "a new store, says the clearinghouse")
    await _see(server, home, "batch.3.edi", "done")


async def _watched_folder(server: "Server", home: "Home", number: int) -> None:
    folder = drop(home.root)
    print(f"{number}. somebody at {RETAILER} moves stock.edi into {short(folder)}, which is watched")
    (folder / "stock.edi.tmp").write_bytes(order("SAMPLESTORES", "EXAMPLEWORKS", "P", 4001))
    (folder / "stock.edi.tmp").rename(folder / "stock.edi")
    await _see(server, home, "stock.edi", "done")
    for _ in range(100):
        if not (folder / "stock.edi").exists():
            break
        await asyncio.sleep(0.05)
    left = sorted(path.name for path in folder.iterdir() if path.name != ".mft")
    print(f"     the folder   {'has ' + ', '.join(left) if left else 'is empty'}")


async def _pgp(server: "Server", home: "Home", number: int) -> None:
    print(f"{number}. {CLINIC} puts wrapped-order.edi.pgp: an order, encrypted for us")
    if shutil.which("gpg") is None:
        print("     left out     gpg is not installed: apt-get install gnupg")
        return
    content = await _encrypted(home, order("SAMPLESTORES", "EXAMPLEWORKS", "P", 4002))
    await put(server, home, CLINIC, "wrapped-order.edi.pgp", content, "done")
    await _see(server, home, "wrapped-order.edi", "done")


async def _encrypted(home: "Home", content: bytes) -> bytes:
    """A message for a key that is made here, whose secret half becomes one of ours."""
    with tempfile.TemporaryDirectory(prefix="mft-demo-") as folder:
        gpg = ("gpg", "--homedir", folder, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
        try:
            await _ran(*gpg, "--quick-gen-key", "mft demo <edi@example.com>", "future-default", "default", "never")
            secret = await _ran(*gpg, "--armor", "--export-secret-keys")
            message = await _ran(
                *gpg, "--trust-model", "always", "--recipient", "edi@example.com", "--encrypt", said=content
            )
        finally:
            await _ran("gpgconf", "--homedir", folder, "--kill", "all")
    keys = home.pgp_keys.secret
    keys.mkdir(mode=0o700, exist_ok=True)
    path = keys / "demo.asc"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400), "wb") as file:
        file.write(secret)
    return message


async def _ran(*arguments: str, said: bytes = b"") -> bytes:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    output, _ = await process.communicate(said)
    if process.returncode:
        raise Broken(f"{arguments[0]} ended with {process.returncode}")
    return output


async def _zip(server: "Server", home: "Home", number: int) -> None:
    print(f"{number}. {CLINIC} puts wrapped-day.zip: an order and a note in one archive")
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("orders/monday.edi", order("SAMPLESTORES", "EXAMPLEWORKS", "P", 4003))
        members.writestr("note.txt", b"The second file is a note, and no EDI.\n")
    await put(server, home, CLINIC, "wrapped-day.zip", archive.getvalue(), "done")
    await _see(server, home, "monday.edi", "done")
    await _see(server, home, "note.txt", "done")


async def _routed(server: "Server", home: "Home", number: int) -> None:
    print(f"{number}. {RETAILER} puts price-list.pdf, which a route takes on to {DESK}")
    await put(server, home, RETAILER, "price-list.pdf", _sample("remittance-note.pdf") + b"% prices\n", "done")
    for _ in range(200):
        said = await sftp(server, home, DESK, ["ls -1 /outbound"])
        if "price-list.pdf" in said:
            break
        await asyncio.sleep(0.05)
    print(f"     {DESK} sees in /outbound  {said}")


async def _again(server: "Server", home: "Home", number: int) -> None:
    print(f"{number}. {RETAILER} puts the same PDF again, under another name")
    content = _sample("remittance-note.pdf") + b"% prices\n"
    row = await put(server, home, RETAILER, "price-list-2.pdf", content, "held")
    await run_mft(home, "transfer", "reject", row["id"], "--why", "the same as before")


async def _number_used(server: "Server", home: "Home", number: int) -> None:
    print(f"{number}. {RETAILER} puts another order under a control number that it used before")
    content = _sample("orders-850.edi").replace(b"PO-26-0101", b"PO-26-0999")
    row = await put(server, home, RETAILER, "orders-again.edi", content, "done")
    from mft.ledger.database import Ledger, reading
    from mft.ledger.transfers import parts

    with reading(Ledger(home.ledger_url(server.config.ledger.url))) as books:
        for part in parts(books, "finding", row["id"]):
            finding = json.loads(part["body"])
            print(f"     {finding['severity']:12} {finding['message']}")


async def _hold(server: "Server", home: "Home", number: int) -> None:
    print(f"{number}. our order system is down: orders are held back, and go on arriving")
    await run_mft(home, "hold", "add", "order system down", "--set", "850", "--until", "2h")
    for index in (1, 2):
        print(f"     {RETAILER} puts late-{index}.edi")
        content = order("SAMPLESTORES", "EXAMPLEWORKS", "P", 4100 + index)
        await put(server, home, RETAILER, f"late-{index}.edi", content, "held")
    from mft.ledger.database import Ledger, reading
    from mft.ledger.flow_holds import holds

    with reading(Ledger(home.ledger_url(server.config.ledger.url))) as books:
        (hold,) = (row["id"] for row in holds(books) if row["lifted_at"] is None)
    print("     it is up again")
    await run_mft(home, "hold", "lift", hold)
    for index in (1, 2):
        await _see(server, home, f"late-{index}.edi", "done")
