"""`mft init`: make a home."""

from pathlib import Path
from typing import Annotated

import typer

from mft.errors import NameTaken


def init(
    directory: Annotated[Path, typer.Argument(help="Where to make it.")] = Path("mft-home"),
) -> None:
    """Make a home: configuration, keys, ledger and audit log.

    \b
    mft init                 makes ./mft-home
    mft init /srv/mft        makes it there; then: mft serve --home /srv/mft
    """
    make_home(directory)
    print(f"made {directory}/")
    print("  config/   mft.toml and one file for each partner: edit these")
    print("  keys/     back these up, apart from data/: without bucket-*.key nothing can be read again")
    print("  data/     ledger, vault and events: back these up too")
    print(f"next: mft partner add NAME --ssh-key FILE --home {directory}; mft serve --home {directory}")


def make_home(directory: Path) -> None:
    """Raises NameTaken: there is a home, or something else."""
    import asyncssh

    import mft
    from mft.audit.log import make_checkpoint
    from mft.audit.signing_keys import SigningKeys
    from mft.cli.access import actor
    from mft.clock import now_us
    from mft.config import DEFAULT_CONFIG
    from mft.core import Core, Note
    from mft.crypto.keyring import SIGNING_KEY, VERIFY_KEY, MemoryKeyring
    from mft.crypto.keys import generate_bucket_key
    from mft.crypto.signing import SigningKey
    from mft.durable import sync_directory, write_file
    from mft.home import HOST_KEYS, Home
    from mft.ledger.database import Ledger
    from mft.ledger.migrate import migrate
    from mft.pipeline.keys import KeepKey
    from mft.vault.store import Vault

    home = Home(directory.absolute())
    if home.root.exists() and any(home.root.iterdir()):
        raise NameTaken(f"{directory} exists and is not empty: name another directory, or remove it first")
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.root.chmod(0o700)
    for folder in (home.partners.parent, home.partners, home.guides, home.keys, home.data, home.vault, home.run):
        folder.mkdir(mode=0o700)

    bucket = generate_bucket_key()
    bucket.save(home.keys)
    host_keys = []
    for name, algorithm, options in zip(HOST_KEYS, ("ssh-ed25519", "ssh-rsa"), ({}, {"key_size": 3072}), strict=True):
        key = asyncssh.generate_private_key(algorithm, comment="mft", **options)
        write_file(home.keys / name, key.export_private_key(), mode=0o400)
        write_file(home.keys / f"{name}.pub", key.export_public_key(), mode=0o444)
        host_keys.append(key)

    Vault(home.vault, MemoryKeyring([bucket])).lay_out()
    ledger = Ledger(f"sqlite:{home.data / 'ledger.db'}")
    migrate(ledger)
    (home.data / "ledger.db").chmod(0o600)
    core = Core(ledger, subscriptions={})
    signing = SigningKey.generate(f"mft/{core.installation}")
    signing.save(home.keys / SIGNING_KEY)
    signing.verify_key.save(home.keys / VERIFY_KEY)
    by, at = actor(), now_us()
    core.run(Note("home.made", by, facts={"version": mft.__version__}))
    keys = SigningKeys(home.keys)
    core.writer.run(lambda books: keys.enter(books, actor=by, at=at))
    core.run(KeepKey("bucket", bucket.id, bucket.made_at, by, bucket.retention))
    for key in host_keys:
        core.run(KeepKey("host", key.get_fingerprint(), at, by, key.get_algorithm()))
    core.writer.run(lambda books: make_checkpoint(books, signing, at=now_us()))
    core.close()
    write_file(home.config_file, DEFAULT_CONFIG.encode(), mode=0o640)  # Last: it makes the directory a home.
    for folder in (home.keys, home.data, home.root, home.root.parent):
        sync_directory(folder)
