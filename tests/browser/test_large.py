"""A sample with 10,000 links, and a sample of 2 GiB: the pages of each are as light as those of any other."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from bench.databases import connected

from browser.conftest import Tabs
from kit.bank import Bank, Sample
from kit.browser import Tab
from kit.service import Service, running
from samplebank.blobs import Area
from samplebank.web.pages.relations import MOST_NAMED
from samplebank.web.sample_head import MOST

LINKS = 10_000
HUGE = 2 * 1024**3
END = b"the end of a large file"
#: the SHA-256 of 2 GiB: zeros, and `END` at the end
HUGE_SHA256 = "627871f672439030ef9820c5806230a950b422b32a419fc743a70e2ecb3b492c"
#: Links from one sample to 10,000 others of which the bank has none, and as many links of other samples to this sample.
ADD_LINKS = """
    INSERT INTO link (id, sample_id, reference, type, customer_id, user_id, tlp, acl, agent_name, agent_version,
                      readers, created_time)
    SELECT gen_random_uuid(), CASE WHEN is_own THEN s.id ELSE o.id END,
           CASE WHEN is_own THEN sha256(number::text::bytea) ELSE s.sha256 END,
           CASE WHEN number % 4 = 0 THEN 'downloads' ELSE 'child' END, u.customer_id, u.user_id, 'amber', '{}', 'tests',
           '1.0', u.readers, s.created_time - number
      FROM sample s JOIN submission u ON u.sample_id = s.id, sample o, generate_series(1, $3) AS number,
           (VALUES (true), (false)) AS side(is_own)
     WHERE s.sha256 = $1 AND o.sha256 = $2
"""
ENLARGE = "UPDATE sample SET sha256 = $2, size = $3, md5 = NULL, sha1 = NULL, sha512 = NULL WHERE sha256 = $1"


class Large(NamedTuple):
    """A service of its own, for rows that no client makes within seconds."""

    service: Service
    linked: Sample


@pytest.fixture(scope="module")
def own_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    # the service reads stored files again and again: 2 GiB of them would keep a processor busy
    with running(tmp_path_factory.mktemp("large"), {"SAMPLEBANK_SWEEP_INTERVAL": "3600"}) as service:
        yield service


@pytest.fixture(scope="module")
async def large(own_service: Service) -> Large:
    bank = Bank(own_service.url, own_service.keys)
    linked, other, small = (bank.submitted() for _ in range(3))
    blobs = own_service.blobs / Area.SAMPLE
    (blobs / small.sha256[:2] / small.sha256).unlink()
    with (blobs / HUGE_SHA256[:2] / HUGE_SHA256).open("wb") as file:
        file.truncate(HUGE - len(END))
        file.seek(0, 2)
        file.write(END)
    async with connected(own_service.database_url) as db:
        await db.execute(ADD_LINKS, *(bytes.fromhex(one.sha256) for one in (linked, other)), LINKS)
        await db.execute(ENLARGE, bytes.fromhex(small.sha256), bytes.fromhex(HUGE_SHA256), HUGE)
    return Large(own_service, linked)


@pytest.fixture
async def tab(large: Large, tabs: Tabs) -> Tab:
    """A tab in which mia is signed in."""
    return await (await tabs(large.service.url)).sign_in(large.service.keys["mia"])


async def test_ten_thousand_links_come_a_page_at_a_time(large: Large, tab: Tab) -> None:
    relations = f"/sample/{large.linked.sha256}/relations"
    await tab.open(f"/sample/{large.linked.sha256}")
    await tab.page.get_by_role("link", name="7,500 child, 2,500 downloads").click()
    await tab.page.wait_for_url(f"**{relations}")
    rows = tab.page.locator("tr[data-row]")
    assert await tab.page.locator("h2 .none").first.inner_text() == "10,000: 7,500 child, 2,500 downloads"
    first = await rows.all_inner_texts()

    await tab.page.get_by_role("link", name="older").click()
    await tab.page.wait_for_url(f"**{relations}?offset={MOST}")
    second = await rows.all_inner_texts()
    await tab.open(f"{relations}?offset={LINKS - MOST}")
    last = await rows.all_inner_texts()

    assert [len(first), len(second), len(last)] == [MOST, MOST, MOST]
    assert not {*first} & {*second} | {*second} & {*last}
    assert await tab.page.get_by_role("link", name="older").count() == 0


async def test_of_ten_thousand_links_of_others_the_newest_are_named(large: Large, tab: Tab) -> None:
    await tab.open(f"/sample/{large.linked.sha256}/relations")

    named = tab.page.locator("section", has=tab.page.get_by_role("heading", name="Named by"))

    assert await named.locator("tbody tr").count() == MOST_NAMED
    assert f"the newest {MOST_NAMED}, there are more" in await named.inner_text()


async def test_the_end_of_2_gib_is_read_as_the_begin(large: Large, tab: Tab) -> None:  # noqa: ARG001 which has the file
    await tab.open(f"/sample/{HUGE_SHA256}/bytes")
    await tab.page.get_by_label("Offset").fill(hex(HUGE - 4096))

    await tab.page.keyboard.press("Enter")
    await tab.page.wait_for_url("**/bytes?at=0x7ffff000*")

    rows = tab.page.locator("table.hex tbody tr")
    assert await rows.count() == 256
    assert (await rows.last.inner_text()).split("\t")[-1].endswith(END[-16:].decode())
    assert await tab.page.get_by_role("link", name="4 KiB later").count() == 0


async def test_a_text_at_the_end_of_2_gib_is_found_and_leads_to_its_bytes(large: Large, tab: Tab) -> None:  # noqa: ARG001 which has the file
    await tab.open(f"/sample/{HUGE_SHA256}/strings?at={HUGE - 60_000:#x}")

    await tab.page.locator("tbody tr", has_text=END.decode()).get_by_role("link").click()
    await tab.page.wait_for_url("**/bytes?at=*")
    await tab.page.get_by_label("Find from there on").fill("large file")
    await tab.page.keyboard.press("Enter")

    found = tab.page.get_by_role("status")
    await found.filter(has_text=f"at {HUGE - len('large file'):#x}").wait_for()
    assert await tab.page.locator("table.hex b").first.inner_text() != ""
