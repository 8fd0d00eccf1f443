"""A signature speaks for a program where it leads to a trusted root, at the time when the program was signed."""

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from samplebank.worker.analysers.static.signatures import der
from samplebank.worker.analysers.static.signatures.authenticode import Trust, trust_of
from samplebank.worker.analysers.static.signatures.cms import Untrusted
from samplebank.worker.analysers.static.signatures.der import Damaged
from samplebank.worker.analysers.static.signatures.roots import CODE_SIGNING, TIME_STAMPING, Root, roots
from samplebank.worker.analysers.static.traits import Finding, score_of
from samplebank.worker.analysers.testing import analysed
from samplebank.worker.contract import Result
from worker.made_signatures import (
    CODE,
    END,
    SIGNED,
    STAMPS,
    Stamp,
    clock,
    countersignature,
    grown,
    identity,
    nested,
    oid,
    program_signature,
    sequence,
    signed_program,
    time_stamp,
    tlv,
)

Analyse = Callable[[bytes], Awaitable[Result]]

HERE = Path(__file__).parent
DIGEST = hashlib.sha256(b"a program").digest()
ROOT = identity("root", is_authority=True, end=datetime(2040, 1, 1, tzinfo=UTC))
AUTHORITY = identity("authority", ROOT, is_authority=True)
SIGNER = identity("signer", AUTHORITY, CODE)
STAMPER = identity("stamper", ROOT, STAMPS)
STRANGER = identity("stranger", is_authority=True)
CERTIFICATES = (SIGNER, AUTHORITY, STAMPER)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def trust(signature: bytes, *, now: datetime = NOW, root: Root | None = None) -> Trust:
    store = {ROOT.certificate.subject.public_bytes(): [root or Root(ROOT.certificate)]}
    return trust_of(signature, lambda _: DIGEST, now, store)


def signature(stamp: Stamp | None = None) -> bytes:
    return program_signature(DIGEST, SIGNER, CERTIFICATES, stamp)


STAMP = time_stamp(STAMPER, [STAMPER])
STAMPED = program_signature(DIGEST, SIGNER, [SIGNER, AUTHORITY], STAMP)
SCRIPT = tlv(4, b"<script src=//evil.example/x></script>")


@pytest.mark.parametrize(
    "stamp", [time_stamp(STAMPER, [STAMPER]), countersignature(STAMPER)], ids=["RFC 3161", "PKCS 9"]
)
def test_an_expired_certificate_counts_where_a_stamp_proves_an_earlier_time(stamp: Stamp) -> None:
    found = trust(signature(stamp))

    assert found.chain == [SIGNER.certificate, AUTHORITY.certificate, ROOT.certificate]
    assert found.signed_at == SIGNED


def test_without_a_stamp_the_certificate_must_be_valid_now() -> None:
    assert trust(signature(), now=SIGNED).signed_at is None
    with pytest.raises(Untrusted, match="no trusted root"):
        trust(signature(), now=NOW)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        pytest.param(lambda: program_signature(bytes(32), SIGNER, CERTIFICATES, countersignature(STAMPER)), "was changed", id="changed program"),
        pytest.param(lambda: program_signature(DIGEST, STRANGER, [STRANGER]), "not for this purpose", id="own certificate"),
        pytest.param(lambda: program_signature(DIGEST, STAMPER, CERTIFICATES, countersignature(STAMPER)), "not for this purpose", id="other purpose"),
        pytest.param(lambda: program_signature(DIGEST, SIGNER, [SIGNER, STAMPER], countersignature(STAMPER)), "no trusted root", id="missing authority"),
        pytest.param(lambda: signature(time_stamp(SIGNER, [SIGNER])), "not for this purpose", id="stamp of the signer"),
        pytest.param(lambda: signature(lambda _: time_stamp(STAMPER, [STAMPER])(b"other")), "of another signature", id="stamp of another signature"),
        pytest.param(lambda: signature(lambda _: countersignature(STAMPER)(b"other")), "digest of the content", id="countersignature of another"),
        pytest.param(lambda: signature(time_stamp(STAMPER, [STAMPER], END + timedelta(days=1))), "no trusted root", id="stamp after the end"),
        pytest.param(lambda: signature(lambda signed: STAMP(signed) + sequence(oid("1.2.3"), tlv(0x31, SCRIPT))), "nobody has signed", id="unknown attribute"),
        pytest.param(lambda: program_signature(DIGEST, SIGNER, [*CERTIFICATES, STRANGER], STAMP), "nobody has signed", id="certificate of a stranger"),
        pytest.param(lambda: signature(time_stamp(STAMPER, [STAMPER], beside=clock(STAMPER, SCRIPT))), "nobody has signed", id="script in place of a number"),
        pytest.param(lambda: STAMPED + b"payload!", "follow the signature", id="bytes behind"),
    ],
)  # fmt: skip
def test_a_signature_that_proves_nothing_says_why(made: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(Untrusted, match=reason):
        trust(made())


def test_a_script_in_any_part_of_a_signature_takes_the_trust_away() -> None:
    stamps = (STAMP, countersignature(STAMPER), nested(STAMPED))
    whole = signature(lambda signed: b"".join(stamp(signed) for stamp in stamps))
    assert trust(whole).signed_at == SIGNED

    for content in grown(der.read(whole), SCRIPT):
        with pytest.raises((Untrusted, Damaged)):
            trust(content)


def test_the_certificate_of_a_clock_beside_a_stamp_takes_no_trust_away() -> None:
    stamp = time_stamp(STAMPER, [STAMPER], beside=clock(STAMPER, hashlib.sha256().digest()))

    assert trust(signature(stamp)).signed_at == SIGNED


def test_a_certificate_below_a_signer_is_no_authority() -> None:
    below = identity("below", SIGNER, CODE)

    with pytest.raises(Untrusted, match="no trusted root"):
        trust(program_signature(DIGEST, below, [below, *CERTIFICATES], countersignature(STAMPER)))


@pytest.mark.parametrize(
    "limits",
    [
        {"purposes": frozenset({"1.3.6.1.5.5.7.3.1"})},
        {"ends": SIGNED},
        {"ends": SIGNED, "ends_for": frozenset({CODE_SIGNING})},
        {"closed": SIGNER.certificate.not_valid_before_utc},
    ],
    ids=["other purpose", "ended", "ended for code", "closed"],
)
def test_a_root_counts_within_its_limits(limits: dict[str, Any]) -> None:
    with pytest.raises(Untrusted, match="no trusted root"):
        trust(STAMPED, root=Root(ROOT.certificate, **limits))


def test_limits_of_another_purpose_or_time_do_not_matter() -> None:
    root = Root(ROOT.certificate, ends=NOW, closed=SIGNED, closed_for=frozenset({"1.3.6.1.5.5.7.3.1"}))

    assert trust(STAMPED, root=root).signed_at == SIGNED


def test_a_changed_byte_is_refused_wherever_it_counts() -> None:
    trusted = 0
    for place in range(len(STAMPED)):
        changed = bytearray(STAMPED)
        changed[place] ^= 0xFF
        with suppress(Untrusted, Damaged):
            trust(bytes(changed))
            trusted += 1

    assert trusted < len(STAMPED) // 20


def test_the_roots_of_microsoft_are_read_with_their_limits() -> None:
    known = [root for found in roots().values() for root in found]

    assert len(known) > 300
    assert any(root.ends for root in known)
    assert any(root.closed for root in known)
    signing = [root for root in known if root.purposes is None or CODE_SIGNING in root.purposes]
    assert 50 < len(signing) < len(known)
    assert any(root.purposes and TIME_STAMPING in root.purposes for root in known)


async def test_a_program_with_a_signature_of_ones_own_is_not_trusted(static: Analyse) -> None:
    result = await static(signed_program())

    signature = result.result["pe"]["signature"]
    assert (result.score, signature["isIntact"]) == (-1, True)
    assert signature["trust"] == {
        "isTrusted": False, "reason": "The signature leads to no trusted root.", "chain": [], "signedAt": None
    }  # fmt: skip


async def test_bytes_behind_the_signature_are_named(static: Analyse) -> None:
    result = await static(signed_program() + bytes(8) + b"payload!")

    assert (
        result.result["pe"]["signature"]["trust"]["reason"]
        == "The table of signatures is not the end of the file."
    )


async def test_without_the_packages_nothing_is_trusted_and_all_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "signed.exe").write_bytes(signed_program())

    result = await analysed("staged_poor_static:Poor", tmp_path / "signed.exe", import_from=(HERE,))

    assert result.result["pe"]["signature"]["trust"] is None
    assert len(result.result["pe"]["signature"]["thumbprints"]) == 3


def test_only_trust_speaks_for_a_program_and_not_against_findings() -> None:
    found = [Finding("packer-section")]

    assert [score_of([], is_trusted=trusted) for trusted in (False, True)] == [-1, 0]
    assert score_of(found, is_trusted=True) == score_of(found)
