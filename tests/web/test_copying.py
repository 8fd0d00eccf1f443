"""Copy as: the calls that a page offers to other programs do what the page says."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborNode

from kit.bank import CHIEF, Bank, Sample, name_of
from kit.service import Service
from kit.visitor import Shown
from samplebank.web.copying import in_python, in_shell, of_samples
from samplebank.web.wild import plain
from web.conftest import Visitors

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
HOSTILE = "$(touch evil) `id` 'x' \"y\" \\ \u202e ; \n & ünï"


def offered(shown: Shown) -> dict[str, str]:
    """The texts that the page offers for copying, by name."""
    names: list[LexborNode] = shown.all(".copy-as dt")
    texts = shown.all(".copy-as pre")
    return {name.text(): text.text().strip() for name, text in zip(names, texts, strict=True)}


class Elsewhere:
    """A user of the service in a shell of the user's own."""

    def __init__(self, service: Service, user: str, folder: Path) -> None:
        self.folder = folder
        tools = Path(sys.executable).parent
        self.environment = {
            "SAMPLEBANK_KEY": service.keys[user],
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            check=False,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-1000:]
        return done.stdout


@pytest.fixture
def mia(service: Service, tmp_path: Path) -> Elsewhere:
    return Elsewhere(service, "mia", tmp_path)


@pytest.fixture
def named(bank: Bank) -> tuple[str, Sample]:
    name = name_of("copied")
    return name, bank.submitted(user="mia", fileName=f"{name} {HOSTILE}")


@pytest.mark.parametrize("form", ["CLI", "Python", "curl"])
def test_a_sample_is_asked_for_elsewhere(
    visitor: Visitors, mia: Elsewhere, named: tuple[str, Sample], form: str
) -> None:
    sample = named[1]
    text = offered(visitor("mia").get(f"/sample/{sample.sha256}"))[form]

    told = mia.run(sys.executable, "-c", text) if form == "Python" else mia.run("bash", "-ec", text)

    assert sample.sha256 in told
    if form != "curl":
        assert (mia.folder / f"{sample.sha256}.zip").stat().st_size > len(sample.data)


@pytest.mark.parametrize("form", ["CLI", "Python", "curl"])
@pytest.mark.parametrize(
    "query", ["name:{}*", '-type:pebin name:"{} $(touch evil) `id` \'x\' \\"y\\" \\\\ \u202e ; \n & ünï"']
)
def test_a_query_is_asked_elsewhere(
    visitor: Visitors, mia: Elsewhere, named: tuple[str, Sample], query: str, form: str
) -> None:
    name, sample = named
    path = of_samples("", query.format(name)).link
    text = offered(visitor("mia").get(path))[form]

    told = mia.run(sys.executable, "-c", text) if form == "Python" else mia.run("bash", "-ec", text)

    assert sample.sha256[:8] in told
    assert not (mia.folder / "evil").exists()


@pytest.mark.parametrize("form", ["CLI", "Python"])
def test_a_job_is_asked_for_elsewhere(bank: Bank, visitor: Visitors, mia: Elsewhere, form: str) -> None:
    worker = bank.workers(1)[0]
    _, job, _ = bank.planned(worker)
    text = offered(visitor("mia").get(f"/job/{job}"))[form]

    told = mia.run(sys.executable, "-c", text) if form == "Python" else mia.run("bash", "-ec", text)

    assert job[-12:] in told


def test_jobs_are_asked_for_elsewhere(bank: Bank, visitor: Visitors, mia: Elsewhere) -> None:
    sample, job, _ = bank.planned(*bank.workers(1))
    text = offered(visitor("mia").get(f"/jobs?q=sample:{sample.sha256}"))["Python"]

    assert job in mia.run(sys.executable, "-c", text)


def test_a_query_with_a_mistake_is_not_copied(visitor: Visitors) -> None:
    assert not visitor("mia").get("/samples?q=tpye:x").all(".copy-as")


@given(TEXTS)
def test_python_reads_the_text(text: str) -> None:
    written = in_python(text)

    assert eval(written, {}) == text  # noqa: S307  a text that Python has to read
    assert plain(written) == written


def test_a_shell_reads_the_texts() -> None:
    texts = ["", "a", "'", "\\", "\\'\u202e", "\n", "$(id)", "!x", "\u202e7", "\x1b[31m", "🦠\u200d", HOSTILE]
    words = " ".join(map(in_shell, texts))

    read = subprocess.run(["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True).stdout

    assert read.decode().split("\0")[:-1] == texts
    assert plain(words) == words


@pytest.mark.parametrize(
    "page",
    [
        "/sample/{}/findings",
        "/sample/{}/bytes?at=0x2",
        "/sample/{}/strings?like=a b",
        "/sample/{}/sightings",
        "/sample/{}/relations",
        "/sample/{}/similar",
        "/sample/{}/history",
        "/workers",
        "/failures?days=30",
        "/hunts",
        "/",
        "/policy",
        "/me",
        "/compare/{}/{}",
    ],
)
def test_a_view_leads_to_itself_and_to_what_programs_ask_for(
    service: Service, bank: Bank, visitor: Visitors, named: tuple[str, Sample], page: str
) -> None:
    told = offered(visitor("chief").get(page.format(*[named[1].sha256] * 2)))

    paths = [word.removeprefix(service.url) for word in shlex.split(told["curl"]) if service.url in word]
    assert visitor("chief").get(told["Link"].removeprefix(service.url)).status == 200
    assert {bank.get(path, CHIEF).status_code for path in paths} == {200}


def test_the_link_to_the_failures_of_a_worker_leads_to_the_worker(bank: Bank, visitor: Visitors) -> None:
    chief = visitor("chief")
    path = f"/failures?days=30&worker={bank.workers(1)[0]}"

    assert offered(chief.get(path))["Link"].endswith(path)


def test_the_pages_of_operators_name_commands(service: Service, visitor: Visitors, tmp_path: Path) -> None:
    named = ("/workers", "/failures", "/hunts", "/policy", "/me", "/")
    pages = [offered(visitor("chief").get(page))["CLI"] for page in named]

    told = Elsewhere(service, "chief", tmp_path).run("bash", "-ec", "\n".join(pages))

    assert [words in told for words in ("LAST SEEN", "For every sample", "viewSamples")] == [True] * 3


def test_a_batch_is_asked_for_elsewhere(bank: Bank, visitor: Visitors, mia: Elsewhere) -> None:
    batch = str(uuid4())
    sample = bank.submitted(user="mia", metaData={"batch": batch})
    told = offered(visitor("mia").get(f"/batch/{batch}"))

    assert told["Link"].endswith(f"/batch/{batch}")
    assert sample.sha256 in mia.run("bash", "-ec", told["curl"])
    assert sample.sha256 in mia.run(sys.executable, "-c", told["Python"])


@pytest.mark.parametrize("form", ["CLI", "Python", "curl"])
def test_a_file_is_sent_and_got_back_from_elsewhere(
    bank: Bank, visitor: Visitors, mia: Elsewhere, form: str
) -> None:
    sample, chief = Sample(), visitor("chief")
    (mia.folder / "FILE").write_bytes(sample.data)
    mia.environment["SAMPLEBANK_KEY"] = bank.keys[CHIEF]

    for page in ("/submit", f"/sample/{sample.sha256}/raw"):
        text = offered(chief.get(page))[form].replace("--wait", "")
        mia.run(*((sys.executable, "-c") if form == "Python" else ("bash", "-ec")), text)

    assert (mia.folder / sample.sha256).read_bytes() == sample.data


def test_two_samples_are_asked_for_elsewhere(bank: Bank, visitor: Visitors, mia: Elsewhere) -> None:
    a, b = (bank.submitted(user="mia").sha256 for _ in range(2))
    told = offered(visitor("mia").get(f"/compare/{a}/{b}"))

    for output in (mia.run("bash", "-ec", told["curl"]), mia.run(sys.executable, "-c", told["Python"])):
        assert a in output
        assert b in output
