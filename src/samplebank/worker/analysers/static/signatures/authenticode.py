"""Whether the signature of a program leads to a root that was trusted when the program was signed."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from samplebank.worker.analysers.static.signatures import cms, der
from samplebank.worker.analysers.static.signatures.cms import STRAY, SignedData, Signer, Untrusted
from samplebank.worker.analysers.static.signatures.der import Damaged, Element
from samplebank.worker.analysers.static.signatures.roots import CODE_SIGNING, TIME_STAMPING, Root, x509

INDIRECT_DATA, TIME_STAMP = "1.3.6.1.4.1.311.2.1.4", "1.2.840.113549.1.9.16.1.4"
COUNTERSIGNATURE, MS_TIMESTAMP, NESTED = (
    "1.2.840.113549.1.9.6",
    "1.3.6.1.4.1.311.3.3.1",
    "1.3.6.1.4.1.311.2.4.1",
)
ANY_PURPOSE = "2.5.29.37.0"
#: unsigned contents of a signature, each of which has a signature of its own
STAMPS = frozenset({COUNTERSIGNATURE, MS_TIMESTAMP})
MOST_NESTED, MOST_CHAIN, MOST_TRIED = 4, 8, 60
PADDING = 8


class Trust(msgspec.Struct, frozen=True):
    """A trusted signature: the certificates from the signer to the root, and the proven time of signing, if there is one."""

    chain: list[Any]
    signed_at: datetime | None


Digest = Callable[[str], bytes]
#: roots by subject
Store = Mapping[bytes, list[Root]]


def trust_of(signature: bytes, digest_of: Digest, now: datetime, store: Store) -> Trust:
    """Follow the signature of a program to a root. `digest_of` gives the digest of the program by the name of an algorithm.

    Raises `Untrusted`, and `Damaged`.
    """
    with warnings.catch_warnings():  # The library warns of odd certificates, of which hostile files have any.
        warnings.simplefilter("ignore")
        try:
            return _first_trust(signature, digest_of, now, store)
        except Untrusted:
            raise
        except Exception as error:
            raise Damaged(str(error)) from error


def _first_trust(signature: bytes, digest_of: Digest, now: datetime, store: Store) -> Trust:
    outer = der.read(signature)
    if len(signature) - len(outer.raw) >= PADDING or any(signature[len(outer.raw) :]):
        raise Untrusted("Bytes follow the signature that nobody has signed.")
    first = cms.signed_data(outer)
    nested = [cms.signed_data(one) for one in _few(_unsigned(first).get(NESTED, []))]
    reason = Untrusted("There is no signature.")
    for one in (first, *nested):
        try:
            found = _trust(one, digest_of, now, store)
        except Untrusted as error:
            reason = error
            continue
        _refuse_strays(first, STAMPS | {NESTED}, store)
        for other in nested:
            _refuse_strays(other, STAMPS, store)
        return found
    raise reason


def _unsigned(data: SignedData) -> Mapping[str, list[Element]]:
    return data.signers[0].unsigned if data.signers else {}


def _few(elements: list[Element]) -> list[Element]:
    if len(elements) > MOST_NESTED:
        raise Untrusted(STRAY)
    return elements


def _refuse_strays(data: SignedData, known: frozenset[str], store: Store) -> None:
    """Raise `Untrusted` where a signature holds something that neither its signer, nor an authority below a root, has signed.

    Windows runs such a program as signed, and a script in the room of a certificate runs, too.
    """
    for one in data.signers:
        if one.unsigned.keys() - known:
            raise Untrusted(STRAY)
        cms.checked(one, data.content, data.certificates)
        _signed_at(one, data.certificates, store)
    _refuse_strangers(data.certificates, store)


def _refuse_strangers(certificates: list[Any], store: Store) -> None:
    """Raise `Untrusted` where a certificate is of no authority that leads to a root: anybody may have written the certificate."""
    above = [one for one in certificates if _is_of_root(one, store)]
    left = [one for one in certificates if one not in above]
    while above and left:
        by = above.pop()
        issued = [one for one in left if one.issuer == by.subject and _may_issue(by) and _is_issued(one, by)]
        left = [one for one in left if one not in issued]
        above += issued
    if left:
        raise Untrusted(STRAY)


def _is_of_root(one: Any, store: Store) -> bool:
    return any(_is_issued(one, root.certificate) for root in store.get(one.issuer.public_bytes(), ()))


def _trust(data: SignedData, digest_of: Digest, now: datetime, store: Store) -> Trust:
    if data.kind != INDIRECT_DATA or len(data.signers) != 1:
        raise Untrusted("This is no signature of a program.")
    (one,) = data.signers
    algorithm, digest = list(der.elements(data.content))[1].parts()
    if digest.content != digest_of(cms.digest_name(algorithm)):
        raise Untrusted("The program was changed after it was signed.")
    leaf = cms.checked(one, data.content, data.certificates)
    signed_at = _signed_at(one, data.certificates, store)
    chain = _Path(data.certificates, CODE_SIGNING, signed_at or now, store).chain(leaf)
    return Trust(chain, signed_at)


def _signed_at(one: Signer, certificates: list[Any], store: Store) -> datetime | None:
    """The time that a time-stamping authority has signed; None where there is no such time. Raises `Untrusted`."""
    stamps = _few(one.unsigned.get(MS_TIMESTAMP, []))
    counters = _few(one.unsigned.get(COUNTERSIGNATURE, []))
    times = [_stamped_at(cms.signed_data(stamp), one.signature, certificates, store) for stamp in stamps]
    times += [
        _countersigned_at(cms.signer(counter), one.signature, certificates, store) for counter in counters
    ]
    return times[0] if times else None


def _countersigned_at(other: Signer, signature: bytes, certificates: list[Any], store: Store) -> datetime:
    authority = cms.checked(other, signature, certificates)
    at = der.time(other.attributes[cms.SIGNING_TIME][0])
    _Path(certificates, TIME_STAMPING, at, store).chain(authority)
    if other.unsigned:
        raise Untrusted(STRAY)
    return at


def _stamped_at(stamp: SignedData, signature: bytes, certificates: list[Any], store: Store) -> datetime:
    if stamp.kind != TIME_STAMP or len(stamp.signers) != 1:
        raise Untrusted("The time stamp is none.")
    known = [*stamp.certificates, *certificates]
    authority = cms.checked(stamp.signers[0], stamp.content, known)
    _, _, imprint, _, at, *_ = der.read(stamp.content).parts()
    algorithm, digest = imprint.parts()
    if digest.content != hashlib.new(cms.digest_name(algorithm), signature).digest():
        raise Untrusted("The time stamp is of another signature.")
    _Path(known, TIME_STAMPING, der.time(at), store).chain(authority)
    if stamp.signers[0].unsigned:
        raise Untrusted(STRAY)
    _refuse_strangers(known, store)
    return der.time(at)


class _Path(msgspec.Struct, frozen=True):
    """The way to a root that is trusted for the purpose at the time, through the certificates of a signature."""

    known: list[Any]
    purpose: str
    at: datetime
    store: Store

    def chain(self, leaf: Any) -> list[Any]:
        """The certificates from `leaf` to a root. Raises `Untrusted`."""
        if not _may(leaf, self.purpose):
            raise Untrusted("The certificate of the signer is not for this purpose.")
        authorities = [one for one in self.known if _is_authority(one, self.purpose)]
        waiting, tried = [[leaf]], 0
        while waiting and tried < MOST_TRIED:
            chain = waiting.pop()
            last = chain[-1]
            above = [one for one in authorities if one not in chain and one.subject == last.issuer]
            tried += 1 + len(above)
            if not last.not_valid_before_utc <= self.at <= last.not_valid_after_utc:
                continue
            if (root := self._root_of(last, leaf)) is not None:
                return chain if last == root else [*chain, root]
            if len(chain) < MOST_CHAIN:
                waiting += [[*chain, one] for one in above if _is_issued(last, one)]
        raise Untrusted("The signature leads to no trusted root.")

    def _root_of(self, one: Any, leaf: Any) -> Any:
        """The trusted root that has issued a certificate; None where there is none."""
        for root in self.store.get(one.issuer.public_bytes(), ()):
            is_trusted = _is_valid_root(root, leaf, self.purpose, self.at)
            if is_trusted and _is_issued(one, root.certificate):
                return root.certificate
        return None


def _is_valid_root(root: Root, leaf: Any, purpose: str, at: datetime) -> bool:
    is_current = root.certificate.not_valid_before_utc <= at <= root.certificate.not_valid_after_utc
    return is_current and root.is_trusted(purpose, at, leaf)


def _is_issued(one: Any, by: Any) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except Exception:  # noqa: BLE001 -- the library raises several kinds for keys and signatures that it does not take
        return False
    return True


def _is_authority(one: Any, purpose: str) -> bool:
    """Whether a certificate may issue others for the purpose. An authority without a purpose may for all."""
    is_for_all = _extension(one, x509.ExtendedKeyUsage) is None
    return _may_issue(one) and (is_for_all or _may(one, purpose))


def _may_issue(one: Any) -> bool:
    found = _extension(one, x509.BasicConstraints)
    return found is not None and bool(found.ca)


def _may(one: Any, purpose: str) -> bool:
    found = _extension(one, x509.ExtendedKeyUsage)
    return found is not None and any(usage.dotted_string in {purpose, ANY_PURPOSE} for usage in found)


def _extension(one: Any, kind: Any) -> Any:
    try:
        return one.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
