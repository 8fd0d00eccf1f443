"""Tells wallets of currencies from other long words, by their check sums."""

import hashlib
import re

BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
#: what a correct check sum leaves, for the two kinds of addresses
CHECKS = (1, 0x2BC830A3)
#: wallets of Bitcoin in three spellings, of Ethereum, and of Monero. Each begins with a fixed byte, which the search finds fast
WALLETS = tuple(
    re.compile(pattern + rb"(?![A-Za-z0-9/+=])")
    for pattern in (
        rb"1(?<![A-Za-z0-9/+=]1)[1-9A-HJ-NP-Za-km-z]{25,33}",
        rb"3(?<![A-Za-z0-9/+=]3)[1-9A-HJ-NP-Za-km-z]{25,33}",
        rb"bc1(?<![A-Za-z0-9/+=]bc1)[02-9ac-hj-np-z]{11,71}",
        rb"0x(?<![A-Za-z0-9/+=]0x)[0-9a-fA-F]{40}",
        rb"4(?<![A-Za-z0-9/+=]4)[0-9AB][1-9A-HJ-NP-Za-km-z]{93}",
    )
)
BITCOIN_BYTES = 25
#: different digits of an address of Ethereum: a constant has few
FEWEST_DIGITS = 8


def is_wallet(word: bytes) -> bool:
    if word.startswith(b"bc1"):
        return _is_bech32(word.decode())
    if word.startswith(b"0x"):
        return len(set(word[2:].lower())) >= FEWEST_DIGITS
    return word.startswith(b"4") or _is_base58(word)


def _is_base58(word: bytes) -> bool:
    number = 0
    for character in word:
        number = number * 58 + BASE58.index(character)
    if number.bit_length() > BITCOIN_BYTES * 8:
        return False
    payload = number.to_bytes(BITCOIN_BYTES, "big")
    once = hashlib.sha256(payload[:-4]).digest()
    return hashlib.sha256(once).digest()[:4] == payload[-4:]


def _is_bech32(word: str) -> bool:
    prefix, _, data = word.partition("1")
    values = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    check = 1
    for value in [*values, *map(BECH32.index, data)]:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check in CHECKS
