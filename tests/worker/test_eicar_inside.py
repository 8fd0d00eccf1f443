"""The EICAR test file in eleven kinds of container makes each container malicious, and is named as the reason."""

from collections.abc import Callable, Mapping
from typing import Any

import pybit7z
import pytest

from kit.bank import CHIEF, V2, Bank, Sample, eventually, name_of
from worker import made_files
from worker.made_containers import locked, mail, tarred, zipped
from worker.made_images import cab, iso, outlook, rar, rtf
from worker.made_texts import pdf_with
from worker.working import Names, working

EICAR = made_files.EICAR.encode()
NAME, MALICIOUS = "EICAR.COM", 70


def sevenzip(name: str, data: bytes) -> bytes:
    writer = pybit7z.BitArchiveWriter(pybit7z.Bit7zLibrary(pybit7z.default_lib7zip()), pybit7z.FormatSevenZip)
    writer.add_file(data, name)
    return bytes(writer.compress_to())


KINDS: Mapping[str, Callable[[str, bytes], bytes]] = {
    "zip": lambda name, data: zipped({name: data}),
    "zip with a password": lambda name, data: locked({name: data}, "infected"),
    "7z": sevenzip,
    "rar": rar,
    "tar.gz": lambda name, data: tarred({name: data}, "w:gz"),
    "iso": iso,
    "cab": cab,
    "mail": lambda name, data: mail(data, "see attachment", name),
    "mail of outlook": lambda name, data: outlook(name, data, "see attachment"),
    "pdf": pdf_with,
    "rtf": rtf,
}


@pytest.fixture(scope="module")
def containers(bank: Bank) -> dict[str, Sample]:
    """The containers, each opened, with its children judged."""
    names = Names()
    opening, ruling = (bank.worker(shortName=names[one])["shortName"] for one in ("Opening", "Ruling"))
    plan, samples = bank.plan(opening), {kind: Sample(data=make(NAME, EICAR)) for kind, make in KINDS.items()}
    roots = [bank.submit(sample, metaData=plan)["id"] for sample in samples.values()]
    match = {"submission": {"metaDataKey": ["extractionRoot"], "metaDataValue": roots}}
    rule = {
        "name": name_of("rule"),
        "description": "",
        "match": match,
        "action": {"workers": {"set": [ruling]}},
    }
    bank.data(bank.post(f"{V2}/policy/default/rule", rule))
    with working(
        bank.url, bank.keys[CHIEF], names, paths=["staged_extract:Opening", "staged_extract:Ruling"]
    ):
        assert eventually(lambda: all(bank.verdicts_of(sample) for sample in samples.values()))
    return samples


@pytest.mark.parametrize("kind", KINDS)
def test_a_container_of_the_test_file_is_malicious_and_names_the_file(
    bank: Bank, containers: dict[str, Sample], kind: str
) -> None:
    sample = containers[kind]

    verdict: dict[str, Any] = bank.verdicts_of(sample)[0]

    analyses = bank.data(bank.get(f"{sample.path}/analysis", limit=0))
    deciding = [
        one["analysisResult"]["deciding"] for one in analyses if one["userAgent"]["name"] == "children"
    ]
    assert verdict["score"] >= MALICIOUS
    assert [one["path"].partition(";")[0] for one in deciding] == [NAME]
