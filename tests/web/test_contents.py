"""Bytes and strings of a sample, on pages."""

from typing import Any

import pytest

from kit.bank import Bank, Sample, eventually
from kit.visitor import Visitor
from samplebank.web.layout import MOST as MOST_PARTS
from web.conftest import Visitors
from web.contents import static_result

PAGE = 4096


@pytest.fixture(scope="module")
def program(bank: Bank) -> Sample:
    """Ten thousand bytes with a text, the same in UTF-16LE, and parts that a static analysis knows."""
    data = bytearray(Sample(10_000).data.replace(b"k", b"\x01"))
    data[5000:5012] = b"http://evil/"
    data[4998:5000] = data[7012:7014] = data[6998:7000] = b"\x01\x01"
    data[7000:7012] = "secret".encode("utf-16-le")
    sample = Sample(data=bytes(data))
    bank.submit(sample, "mia")
    program = {
        "sections": [
            {"name": ".te\u202ext", "offset": 1024, "size": 4000, "entropy": 6.5},
            {"name": ".data", "offset": 5024, "size": 1000, "entropy": 1.5},
        ],
        "overlay": {"offset": 9000, "size": 1000, "entropy": 7.9},
    }
    bank.analyse(sample, "static", analysisResult=static_result(pe=program))
    return sample


def bytes_on(visitor: Visitor, sample: Sample, query: str = "") -> bytes:
    shown = visitor.get(f"/sample/{sample.sha256}/bytes{query}")
    assert shown.status == 200, shown.text()
    return bytes.fromhex(shown.text("table.hex td:nth-child(2)"))


def test_bytes_are_shown_4_kib_at_a_time(visitor: Visitors, program: Sample) -> None:
    assert bytes_on(visitor("mia"), program) == program.data[:PAGE]


@pytest.mark.parametrize("at", ["8192", "0x2000", "0X2000", " 8200"])
def test_bytes_are_shown_at_an_offset(visitor: Visitors, program: Sample, at: str) -> None:
    assert bytes_on(visitor("mia"), program, f"?at={at}") == program.data[8192:]


def test_links_lead_earlier_and_later(visitor: Visitors, program: Sample) -> None:
    shown = visitor("mia").get(f"/sample/{program.sha256}/bytes?at=0x1000")

    around = [node.attributes["href"] for node in shown.all("a[rel=prev], a[rel=next]")]

    assert [str(link).rpartition("=")[2] for link in around] == ["0x0", "0x2000"]


def test_behind_the_end_the_page_says_where_the_file_ends(visitor: Visitors, program: Sample) -> None:
    shown = visitor("mia").get(f"/sample/{program.sha256}/bytes?at=99999")

    assert "the file ends at 0x2710" in shown.text()
    assert str(shown.all("a[rel=prev]")[0].attributes["href"]).endswith("at=0x2000")


@pytest.mark.parametrize("at", ["x", "-1", "0x", "1e3", "9" * 19, "1" * 30, "१"])
def test_what_is_no_offset_is_refused_with_an_example(visitor: Visitors, program: Sample, at: str) -> None:
    for view in ("bytes", "strings"):
        shown = visitor("mia").get(f"/sample/{program.sha256}/{view}?at={at}")

        assert shown.status == 400
        assert "offset" in shown.text()


@pytest.mark.parametrize(
    ("wanted", "place", "marked"),
    [("http://", 5000, b"http://"), ("68 74 74 70", 5000, b"http"), ("secret", 7000, b"s\0e\0c\0r\0e\0t\0")],
)
def test_a_pattern_is_found_and_marked(
    visitor: Visitors, program: Sample, wanted: str, place: int, marked: bytes
) -> None:
    shown = visitor("mia").get(f"/sample/{program.sha256}/bytes?find={wanted}")

    assert f"at {place:#x}" in shown.text("[role=status]")
    assert bytes.fromhex(shown.text("td:nth-child(2) b")) == marked


def test_an_odd_number_of_hex_digits_is_said_to_be_a_text(visitor: Visitors, program: Sample) -> None:
    shown = visitor("mia").get(f"/sample/{program.sha256}/bytes?find=68747")

    assert "bytes have two hex digits each" in shown.text("[role=status]")


def test_the_search_goes_on_behind_the_place(visitor: Visitors, program: Sample) -> None:
    mia = visitor("mia")
    shown = mia.get(f"/sample/{program.sha256}/bytes?find=http://")

    further = shown.all("[role=status] a")[0].attributes["href"]

    told = mia.get(f"/sample/{program.sha256}/{further}").text("[role=status]")
    assert told.startswith("Not found from 0x1389 to 0x2710, the end of the file")


def test_the_parts_of_the_file_are_links(visitor: Visitors, program: Sample) -> None:
    shown = visitor("mia").get(f"/sample/{program.sha256}/bytes?at=0x13a0")

    links = [str(node.attributes["href"]).rpartition("=")[2] for node in shown.all("details .chips a")]
    assert links == ["0x400", "0x13a0", "0x2328"]
    assert shown.text("td:nth-child(4)").startswith(".data")
    assert len(shown.all("svg.bars a")) == 3


def test_the_parts_come_from_analyses_that_the_visitor_may_see(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted(user="mia")
    bank.submit(sample, "quinn")
    program = {"sections": [{"name": ".mine", "offset": 16, "size": 16, "entropy": 1}]}
    bank.analyse(sample, "static", analysisResult=static_result(pe=program))
    path = f"/sample/{sample.sha256}/bytes"

    told = {user: ".mine" in visitor(user).get(path).html for user in ("mia", "quinn")}

    assert told == {"mia": True, "quinn": False}


def test_a_part_beyond_those_that_are_listed_is_told_where_its_bytes_stand(
    bank: Bank, visitor: Visitors
) -> None:
    sample, end = Sample(MOST_PARTS * 16 + 64), MOST_PARTS * 16
    bank.submit(sample, "mia")
    parts = [{"name": f"p{place}", "offset": 16 * place, "size": 16} for place in range(MOST_PARTS)]
    program = {"sections": parts, "overlay": {"offset": end, "size": 64, "entropy": 1}}
    bank.analyse(sample, "static", analysisResult=static_result(elf=program))

    shown = visitor("mia").get(f"/sample/{sample.sha256}/bytes?at={end}")

    told = f"The first {MOST_PARTS} of {MOST_PARTS + 1} parts of the file, here: overlay"
    assert len(shown.all("details .chips a")) == MOST_PARTS
    assert told in shown.text("summary")
    assert shown.text("tr[data-at] td:nth-child(4)").startswith("overlay")


@pytest.mark.parametrize("facts", [{"sections": "x"}, {"sections": [{"offset": "x"}], "overlay": [1]}])
def test_a_result_of_another_shape_tells_no_parts(bank: Bank, visitor: Visitors, facts: Any) -> None:
    sample = bank.submitted(user="mia")
    bank.analyse(sample, "static", analysisResult=static_result(ole=facts))

    assert bytes_on(visitor("mia"), sample) == sample.data[:PAGE]


def test_a_deleted_sample_has_no_bytes(bank: Bank, visitor: Visitors) -> None:
    sample = bank.submitted(user="mia")
    bank.data(bank.delete(sample.path))

    assert eventually(lambda: visitor("chief").get(f"/sample/{sample.sha256}/bytes").status == 404)


def test_strings_are_told_with_their_offsets(visitor: Visitors, program: Sample) -> None:
    shown = visitor("mia").get(f"/sample/{program.sha256}/strings?like=HTTP://EVIL")

    assert "hxxp://evil/" in shown.text("tbody")
    assert str(shown.all("tbody a")[0].attributes["href"]).startswith(
        f"../../sample/{program.sha256}/bytes?at=0x13"
    )


def test_wide_strings_are_told(visitor: Visitors, program: Sample) -> None:
    shown = visitor("mia").get(f"/sample/{program.sha256}/strings?like=secret")

    assert "wide" in shown.text("tbody")


def test_short_strings_are_told_on_demand(visitor: Visitors, program: Sample) -> None:
    def count(least: int) -> int:
        path = f"/sample/{program.sha256}/strings?least={least}"
        return len(visitor("mia").get(path).all("tbody tr"))

    assert count(3) > count(6)


def test_strings_go_on_in_the_next_window(bank: Bank, visitor: Visitors) -> None:
    sample = Sample(data=bytes(70_000) + Sample().data + b"\0behind the window\0")
    bank.submit(sample, "mia")
    mia = visitor("mia")
    first = mia.get(f"/sample/{sample.sha256}/strings")

    following = first.all("a[rel=next]")[0].attributes["href"]

    assert "behind the window" not in first.text()
    assert "behind the window" in mia.get(f"/sample/{sample.sha256}/{following}").text()


def test_raw_bytes_come_after_a_word_of_warning(visitor: Visitors, program: Sample) -> None:
    mia, path = visitor("mia"), f"/sample/{program.sha256}/raw"

    warned = mia.get(path)
    saved = mia.post(path).response

    assert "harmless" in warned.text(".problem")
    assert saved.content == program.data
    assert saved.headers["Content-Disposition"] == f'attachment; filename="{program.sha256}"'
    assert "no-store" in saved.headers["Cache-Control"]
    assert saved.headers["Cross-Origin-Resource-Policy"] == "same-origin"
