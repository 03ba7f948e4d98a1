"""A home: the folder of one installation, and what lies where in it."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from mft.crypto.keyring import PGP_KEYS, VERIFY_KEY, credentials, key_file
from mft.errors import BadConfig, Missing
from mft.pipeline.pgp import PgpKeys

CREDENTIALS = "credentials"
HOST_KEYS = ("ssh_host_ed25519_key", "ssh_host_rsa_key")
OLD_HOST_KEYS = {
    "ssh-ed25519": "ssh_host_old_ed25519_key",
    "ecdsa-sha2-nistp256": "ssh_host_old_ecdsa_256_key",
    "ecdsa-sha2-nistp384": "ssh_host_old_ecdsa_384_key",
    "ecdsa-sha2-nistp521": "ssh_host_old_ecdsa_521_key",
    "ssh-rsa": "ssh_host_old_rsa_key",
}
"""Keys of a server before this one, by algorithm: partners go on knowing us by them."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything of one installation is.

    config/ what people write, read-only to the service · keys/ what must never be lost or shown
    data/ what the service writes · run/ gone after a restart
    """

    root: Path
    keys_folder: str = ""

    def with_keys(self, folder: str) -> "Home":
        """The same home, its keys where `[keys] folder` says."""
        return replace(self, keys_folder=folder)

    @property
    def config_file(self) -> Path:
        return self.root / "config" / "mft.toml"

    @property
    def partners(self) -> Path:
        return self.root / "config" / "partners"

    @property
    def guides(self) -> Path:
        return self.root / "config" / "guides"

    @property
    def routes(self) -> Path:
        return self.root / "config" / "routes.toml"

    @property
    def keys(self) -> Path:
        """Raises BadConfig: they are systemd's credentials, and there are none."""
        if self.keys_folder != CREDENTIALS:
            return self.root / (self.keys_folder or "keys")
        found = credentials()
        if found is None:
            raise BadConfig(
                'the keys are credentials of the service ([keys] folder = "credentials"): '
                "set MFT_KEYS__FOLDER to the folder that it has them from"
            )
        return found

    @property
    def host_keys(self) -> list[Path]:
        """The private keys by which partners know us. Of one algorithm the first is used, the others are announced."""
        paths = [key_file(self.keys, name) for name in (*OLD_HOST_KEYS.values(), *HOST_KEYS)]
        return [path for path in paths if path.exists()]

    @property
    def pgp_keys(self) -> PgpKeys:
        """Our secret keys for PGP, and partners' public ones."""
        return PgpKeys(self.keys / PGP_KEYS, self.root / "config" / "pgp")

    @property
    def verify_key(self) -> Path:
        """The public half of the key that signs the audit log."""
        return key_file(self.keys, VERIFY_KEY)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def vault(self) -> Path:
        return self.root / "data" / "vault"

    @property
    def events_file(self) -> Path:
        return self.root / "data" / "events" / "events.ndjson"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def socket(self) -> Path:
        return self.root / "run" / "core.sock"

    @property
    def lock(self) -> Path:
        return self.root / "run" / "lock"

    @property
    def ports(self) -> Path:
        return self.root / "run" / "ports.json"

    def ledger_url(self, given: str) -> str:
        """Where the ledger is: where `[ledger] url` says, else in data/."""
        return given or f"sqlite:{self.data / 'ledger.db'}"


def find_home(given: Path | None, *, must_exist: bool = True) -> Home:
    """The home that was given, else $MFT_HOME, else ./mft-home.

    Raises:
        Missing: there is none; the message says how to make one.
    """
    root = given or Path(os.environ.get("MFT_HOME") or "mft-home")
    home = Home(root.absolute())
    if must_exist and not home.config_file.exists():
        raise Missing(f"{root} is not an mft home: make one with `mft init {root}`, or name another with --home")
    return home
