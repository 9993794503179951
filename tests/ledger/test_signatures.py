"""The plain-Python Ed25519 verifier: RFC 8032 vectors, the library as second opinion, forgeries refused."""

from __future__ import annotations

import os
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from selftune.errors import DamagedFileError, MissingFileError, UsageError
from selftune.ledger.keys import load_machine_key, make_machine_key
from selftune.ledger.verify import signature_holds

# RFC 8032, section 7.1: TEST 1, TEST 2, TEST 3 and TEST SHA(abc): public key, message, signature.
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
            "655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
            "b00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
            "c027beceea1ec40a"
        ),
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
            "2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17a"
            "d9bef1177331a704"
        ),
    ),
)
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_the_published_signatures_hold_and_not_for_another_message(key: str, message: str, signature: str):
    public, said, signed = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert signature_holds(public, said, signed)
    assert not signature_holds(public, said + b"!", signed)


def test_the_verifier_agrees_with_the_library_and_finds_each_flipped_bit_that_was_tried():
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = private.public_key().public_bytes_raw()
    for number in range(8):
        message = b"message %d" % number
        signature = private.sign(message)
        assert signature_holds(public, message, signature)
        altered = bytearray(signature)
        altered[number * 9 % 64] ^= 1 << number
        assert not signature_holds(public, message, bytes(altered))


def test_a_signature_with_the_group_order_added_is_refused():
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public, signature = private.public_key().public_bytes_raw(), private.sign(b"once")
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not signature_holds(public, b"once", signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (bytes(31), bytes(64)),
        (bytes(32), bytes(63)),
        (b"\xff" * 32, bytes(64)),  # y is not below p
        (b"\x02" + bytes(31), bytes(64)),  # y = 2 is on no point
        (b"\x01" + bytes(30) + b"\x80", bytes(64)),  # x = 0 has no negative
        (bytes.fromhex(VECTORS[0][0]), b"\xff" * 32 + bytes(32)),
    ],
)
def test_what_is_no_key_or_no_signature_is_refused(key: bytes, signature: bytes):
    assert not signature_holds(key, b"", signature)


def test_the_machine_key_signs_what_the_verifier_accepts(tmp_path):
    key = make_machine_key(tmp_path)
    assert signature_holds(bytes.fromhex(key.public), b"sealed", bytes.fromhex(key.sign(b"sealed")))
    assert load_machine_key(tmp_path).sign(b"sealed") == key.sign(b"sealed")


def test_the_machine_key_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    first = make_machine_key(tmp_path)
    assert make_machine_key(tmp_path).public == first.public
    assert stat.S_IMODE((tmp_path / "machine.key").stat().st_mode) == 0o600
    assert (tmp_path / "machine.pub").read_text().strip() == first.public


def test_two_machine_keys_differ_and_none_shows_its_secret(tmp_path):
    first, second = make_machine_key(tmp_path / "one"), make_machine_key(tmp_path / "two")
    assert first.public != second.public
    secret = (tmp_path / "one" / "machine.key").read_text().strip()
    assert secret not in repr(first)
    assert bytes.fromhex(secret).hex() == secret


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"machine\.key is missing"):
        load_machine_key(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_key_that_others_may_read_is_refused_with_the_command_that_helps(tmp_path):
    make_machine_key(tmp_path)
    (tmp_path / "machine.key").chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        load_machine_key(tmp_path)


@pytest.mark.parametrize("text", ["", "no hex", "ab" * 31])
def test_a_damaged_key_is_refused(tmp_path, text: str):
    make_machine_key(tmp_path)
    (tmp_path / "machine.key").write_text(text)
    with pytest.raises(DamagedFileError, match="is no key"):
        load_machine_key(tmp_path)


@pytest.mark.parametrize("public", [None, "00" * 32, "\u00e9"])
def test_a_public_half_that_does_not_fit_is_refused(tmp_path, public: str | None):
    make_machine_key(tmp_path)
    (tmp_path / "machine.pub").unlink()
    if public is not None:
        (tmp_path / "machine.pub").write_text(public, encoding="utf-8")
    with pytest.raises(DamagedFileError, match="not the public half"):
        load_machine_key(tmp_path)
