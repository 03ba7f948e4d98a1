"""Blocks of a scratch: AES-256-GCM under a key that never leaves memory and dies with the process."""

import itertools
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mft.errors import UnsealFailed

TAG_SIZE: Final = 16


class BlockKey:
    """Seals blocks, each time under the next nonce: a block that is written again is sealed anew.

    The block's number is authenticated with it, so that blocks cannot change places.
    """

    def __init__(self) -> None:
        self._aead = AESGCM(AESGCM.generate_key(256))
        self._nonces = itertools.count(1)

    def seal(self, number: int, plain: bytes | bytearray | memoryview) -> tuple[int, bytes]:
        """Returns the nonce, to be kept in memory, and the sealed bytes: 16 more than the plain ones."""
        nonce = next(self._nonces)
        return nonce, self._aead.encrypt(nonce.to_bytes(12, "big"), plain, number.to_bytes(8, "big"))

    def open(self, number: int, nonce: int, sealed: bytes) -> bytes:
        """Raises UnsealFailed: not the bytes that were sealed last for this block."""
        try:
            return self._aead.decrypt(nonce.to_bytes(12, "big"), sealed, number.to_bytes(8, "big"))
        except InvalidTag:
            raise UnsealFailed(f"block {number} of a scratch does not verify") from None
