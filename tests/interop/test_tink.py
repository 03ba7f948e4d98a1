"""Tink opens what we seal and wrap, and we open what Tink does: a customer needs nothing of ours."""

import io
import random

import pytest

from mft.crypto.keys import BucketPrivateKey
from mft.crypto.stream import (
    FIRST_SEGMENT_CAPACITY,
    HEADER_SIZE,
    SEGMENT_CAPACITY,
    SEGMENT_SIZE,
    Opener,
    context,
    open_bytes,
    seal_bytes,
)

tink = pytest.importorskip("tink", reason="tink is not installed")
from tink import hybrid, secret_key_access, streaming_aead  # noqa: E402
from tink.proto import aes_gcm_hkdf_streaming_pb2, hpke_pb2, tink_pb2  # noqa: E402

DEK = bytes(range(32))
SEED = bytes(range(32, 64))
CONTEXT = context(1, "6f1d")
SIZES = [
    0,
    1,
    FIRST_SEGMENT_CAPACITY - 1,
    FIRST_SEGMENT_CAPACITY,
    FIRST_SEGMENT_CAPACITY + 1,
    FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY,
    FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY + 1,
    FIRST_SEGMENT_CAPACITY + 3 * SEGMENT_CAPACITY + 4711,
]


def keyset_handle(type_name: str, value: bytes, material: "tink_pb2.KeyData.KeyMaterialType") -> "tink.KeysetHandle":
    keyset = tink_pb2.Keyset(primary_key_id=1)
    key = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
    key.key_data.type_url = f"type.googleapis.com/google.crypto.tink.{type_name}"
    key.key_data.value = value
    key.key_data.key_material_type = material
    return tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)


@pytest.fixture(scope="module")
def streaming() -> "streaming_aead.StreamingAead":
    """Tink's primitive of the template AES256_GCM_HKDF_1MB, under our DEK."""
    streaming_aead.register()
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    params = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKeyFormat.FromString(template.value).params
    assert params.ciphertext_segment_size == SEGMENT_SIZE
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(params=params, key_value=DEK)
    handle = keyset_handle("AesGcmHkdfStreamingKey", key.SerializeToString(), tink_pb2.KeyData.SYMMETRIC)
    return handle.primitive(streaming_aead.StreamingAead)


def plaintext(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - The same in every run.


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_what_we_seal(streaming: "streaming_aead.StreamingAead", size: int) -> None:
    sealed = seal_bytes(DEK, CONTEXT, plaintext(size))
    with streaming.new_decrypting_stream(io.BytesIO(sealed), CONTEXT) as stream:
        assert stream.read() == plaintext(size)


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_tink_seals(streaming: "streaming_aead.StreamingAead", size: int) -> None:
    assert open_bytes(DEK, CONTEXT, sealed_by_tink(streaming, plaintext(size))) == plaintext(size)


def sealed_by_tink(streaming: "streaming_aead.StreamingAead", content: bytes, about: bytes = CONTEXT) -> bytes:
    written = io.BytesIO()
    written.close = lambda: None  # type: ignore[method-assign]  # Tink closes what it writes to.
    with streaming.new_encrypting_stream(written, about) as stream:
        stream.write(content)
    return written.getvalue()


@pytest.mark.parametrize("index", range(4))
def test_a_segment_of_what_tink_seals_opens_without_the_others(
    streaming: "streaming_aead.StreamingAead", index: int
) -> None:
    content = plaintext(SIZES[-1])
    image = sealed_by_tink(streaming, content)
    opener = Opener(DEK, CONTEXT, image[:HEADER_SIZE], len(image))
    begin, length = opener.segment_range(index)
    at, size = opener.plain_range(index)
    assert opener.open_segment(index, image[begin : begin + length]) == content[at : at + size]


def test_tink_opens_the_pieces_of_a_file_one_by_one(streaming: "streaming_aead.StreamingAead") -> None:
    content, opened = plaintext(SIZES[-1]), []
    for name, piece in (("6f1d", content[:70_000]), ("6f1e", content[70_000:])):  # A DEK for each, but in this test.
        sealed = seal_bytes(DEK, context(1, name), piece)
        with streaming.new_decrypting_stream(io.BytesIO(sealed), context(1, name)) as stream:
            opened.append(stream.read())
    assert b"".join(opened) == content


@pytest.mark.parametrize("under", [b"", context(1, "6f1e")])
def test_tink_refuses_another_context(streaming: "streaming_aead.StreamingAead", under: bytes) -> None:
    sealed = seal_bytes(DEK, CONTEXT, b"hello")
    with (
        streaming.new_decrypting_stream(io.BytesIO(sealed), under) as stream,
        pytest.raises(tink.TinkError),
    ):
        stream.read()


@pytest.fixture(scope="module")
def tink_private() -> "tink.KeysetHandle":
    """Our bucket key, of the template X_WING_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_RAW."""
    hybrid.register()
    template = hybrid.hybrid_key_templates.X_WING_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_RAW
    params = hpke_pb2.HpkeKeyFormat.FromString(template.value).params
    public = hpke_pb2.HpkePublicKey(params=params, public_key=BucketPrivateKey(SEED).public.public_bytes)
    private = hpke_pb2.HpkePrivateKey(public_key=public, private_key=SEED)
    return keyset_handle("HpkePrivateKey", private.SerializeToString(), tink_pb2.KeyData.ASYMMETRIC_PRIVATE)


def test_tink_unwraps_what_we_wrap(tink_private: "tink.KeysetHandle") -> None:
    wrapped = BucketPrivateKey(SEED).public.wrap(DEK, CONTEXT)
    assert tink_private.primitive(hybrid.HybridDecrypt).decrypt(wrapped, CONTEXT) == DEK


def test_we_unwrap_what_tink_wraps(tink_private: "tink.KeysetHandle") -> None:
    wrapped = tink_private.public_keyset_handle().primitive(hybrid.HybridEncrypt).encrypt(DEK, CONTEXT)
    assert BucketPrivateKey(SEED).unwrap(wrapped, CONTEXT) == DEK


def test_both_derive_one_public_key_from_a_seed() -> None:
    hybrid.register()
    template = hybrid.hybrid_key_templates.X_WING_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_RAW
    serialized = tink.proto_keyset_format.serialize(tink.new_keyset_handle(template), secret_key_access.TOKEN)
    keyset = tink_pb2.Keyset.FromString(serialized)
    private = hpke_pb2.HpkePrivateKey.FromString(keyset.key[0].key_data.value)
    assert BucketPrivateKey(private.private_key).public.public_bytes == private.public_key.public_key
