"""Encrypted documents: opened where a word is known, and told apart where not. The opened document is a child."""

import secrets

import pikepdf
import pytest

from samplebank.worker.contract import NO_FINDINGS
from worker import made_documents as made
from worker.conftest import Extract
from worker.documents import tags
from worker.made_containers import locked as locked_zip
from worker.made_containers import zipped
from worker.made_images import compound

#: large enough for a stream of its own in the container
PLAIN = zipped({**made.TYPES, "word/document.xml": secrets.token_bytes(8192)})
LINK = {"S": pikepdf.Name.URI, "URI": pikepdf.String(made.HOST)}


@pytest.mark.parametrize(
    ("word", "given"),
    [("VelvetSweatshop", ""), ("infected", ""), ("123456", ""), ("s3same", "other\ns3same")],
)
async def test_a_known_word_opens_and_the_opened_document_is_a_child(
    documents: Extract, word: str, given: str
) -> None:
    result = await documents(made.locked(PLAIN, word), "bill.docx", given)

    (child,) = result.children
    assert (child.name, child.data, child.how, child.password) == (
        "bill.docx/opened",
        PLAIN,
        "decrypted",
        word,
    )
    assert result.result["encryption"] == {
        "isEncrypted": True, "isOpened": True, "method": "agile", "password": word,
    }  # fmt: skip
    assert (result.score, "encrypted" in tags(result)) == (NO_FINDINGS, False)


async def test_a_document_under_an_unknown_word_is_tagged(documents: Extract) -> None:
    result = await documents(made.locked(PLAIN, "nobody knows"))

    assert (result.score, result.children, tags(result)) == (NO_FINDINGS, [], {"encrypted"})
    assert not result.result["encryption"]["isOpened"]


async def test_a_document_that_asks_for_too_many_rounds_stays_closed(documents: Extract) -> None:
    content = made.locked(PLAIN, "infected").replace(b'spinCount="100000"', b'spinCount="999999"')

    result = await documents(content)

    assert result.result["limits"] == ["over the limit of tries of passwords"]
    assert tags(result) == {"encrypted"}


LOCKED = {
    "doc": compound({"WordDocument": b"\xec\xa5" + bytes(8) + b"\0\x01" + bytes(20)}),
    "xls": made.xls(mark=b"\x2f\0\x06\0" + bytes(6)),
    "ppt": compound({"PowerPoint Document": bytes(32), "Current User": bytes(12) + b"\xdf\xc4\xd1\xf3"}),
    "odt": made.odt("x", is_locked=True),
    "parts of a docx": locked_zip({"[Content_Types].xml": b"<Types/>"}, "nobody knows"),
    "pdf": made.pdf(LINK, word="nobody knows"),
}


@pytest.mark.parametrize("kind", LOCKED)
async def test_encryption_is_told_in_each_format(documents: Extract, kind: str) -> None:
    result = await documents(LOCKED[kind])

    assert result.result["encryption"]["isEncrypted"]
    assert (result.score, tags(result)) == (NO_FINDINGS, {"encrypted"})


async def test_a_pdf_document_is_opened_and_read(documents: Extract) -> None:
    result = await documents(made.pdf(LINK, word="infected"))

    assert len(result.children) == 1
    assert result.result["hyperlinks"][0]["target"] == made.HOST


async def test_a_document_without_encryption_says_nothing_of_encryption(documents: Extract) -> None:
    result = await documents(zipped({**made.TYPES, "word/document.xml": b"<w/>"}))

    assert "encryption" not in result.result
