"""Whether the signature of a Windows program leads to a trusted root. Only then the signature speaks for the program."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import lief

from samplebank.worker.analysers.static.signatures.authenticode import trust_of
from samplebank.worker.analysers.static.signatures.cms import Untrusted
from samplebank.worker.analysers.static.signatures.der import Damaged
from samplebank.worker.analysers.static.signatures.roots import roots
from samplebank.worker.contract import JSON

#: the header of a certificate table: its length with the header, a version, a kind
TABLE = struct.Struct("<IHH")
SIGNED_DATA, ALIGNED, MOST_BYTES = 2, 8, 1024 * 1024
ALGORITHMS = {
    "sha1": lief.PE.ALGORITHMS.SHA_1,
    "sha384": lief.PE.ALGORITHMS.SHA_384,
    "sha512": lief.PE.ALGORITHMS.SHA_512,
}
DAMAGED = "The signature is damaged."


def trust_facts(binary: lief.PE.Binary, path: Path, authentihash: bytes) -> dict[str, JSON] | None:
    """Whether the signature is trusted, or why not. None where no roots are installed.

    `authentihash` is the SHA-256 of the program without its signature.
    """
    store = roots()
    if not store:
        return None

    def digest_of(name: str) -> bytes:
        return authentihash if name == "sha256" else bytes(binary.authentihash(ALGORITHMS[name]))

    try:
        trust = trust_of(_table(binary, path), digest_of, datetime.now(UTC), store)
    except Untrusted as error:
        return _facts(reason=str(error))
    except Damaged:
        return _facts(reason=DAMAGED)
    chain = [certificate.subject.rfc4514_string() for certificate in trust.chain]
    return _facts(chain=chain, signed_at=trust.signed_at)


def _facts(
    reason: str | None = None, chain: list[str] | None = None, signed_at: datetime | None = None
) -> dict[str, JSON]:
    return {
        "isTrusted": reason is None,
        "reason": reason,
        "chain": chain or [],
        "signedAt": signed_at.isoformat() if signed_at else None,
    }


def _table(binary: lief.PE.Binary, path: Path) -> bytes:
    """The signature, where the signature is all that follows the signed bytes. Raises `Untrusted`."""
    place = binary.data_directory(lief.PE.DataDirectory.TYPES.CERTIFICATE_TABLE)
    if place is None or not TABLE.size <= place.size <= MOST_BYTES:
        raise Untrusted("The table of signatures has no place, or is too large.")
    if place.rva + place.size != path.stat().st_size:
        raise Untrusted("The table of signatures is not the end of the file.")
    with path.open("rb") as file:
        file.seek(place.rva)
        content = file.read(place.size)
    length, _, kind = TABLE.unpack_from(content)
    if kind != SIGNED_DATA or not length <= len(content) < length + ALIGNED or any(content[length:]):
        raise Untrusted("The table of signatures holds more than one signature.")
    return content[TABLE.size : length]
