"""The keys of encrypted Office documents are those that msoffcrypto-tool derives."""

import secrets

import pytest
from msoffcrypto.method.ecma376_agile import ECMA376Agile
from msoffcrypto.method.ecma376_standard import ECMA376Standard

from samplebank.worker.analysers.documents import keys

SALT = secrets.token_bytes(16)


@pytest.mark.parametrize("rounds", [0, 3, keys.MOST_KEPT + 3])
@pytest.mark.parametrize(
    ("name", "bits"), [("SHA1", 128), ("SHA256", 256), ("SHA384", 256), ("SHA512", 256), ("MD5", 128)]
)
def test_a_key_of_the_agile_kind(name: str, bits: int, rounds: int) -> None:
    locked = secrets.token_bytes(32)
    told = {
        "passwordSalt": SALT,
        "passwordHashAlgorithm": name,
        "encryptedKeyValue": locked,
        "spinValue": rounds,
        "passwordKeyBits": bits,
    }

    key = keys.agile_key(told, "pässword")

    assert key == ECMA376Agile.makekey_from_password("pässword", SALT, name, locked, rounds, bits)


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_a_key_of_the_standard_kind(bits: int) -> None:
    told = {"header": {"keySize": bits}, "verifier": {"salt": SALT}}

    key = keys.standard_key(told, "pässword")

    assert key == ECMA376Standard.makekey_from_password("pässword", 0x660E, 0x8004, 0x18, bits, 16, SALT)
