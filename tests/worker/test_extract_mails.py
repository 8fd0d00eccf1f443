"""The worker `extract` reads a mail as the program of the receiver does: names, texts and mails within, in any letters."""

import base64
import quopri
from collections.abc import Callable

import pytest

from samplebank.worker.contract import Result
from worker.conftest import Extract

ORDERS = b"start calc\n"


def mail(text: str, *, encoding: str = "utf-8", subtype: str = "plain", subject: str = "hello") -> bytes:
    """A mail with a text, and with a script of Windows as its attachment."""
    head = f"Content-Type: text/{subtype}; charset={encoding}\nContent-Transfer-Encoding: base64\n\n"
    return with_parts(
        head.encode() + base64.encodebytes(text.encode(encoding)), attached("run.bat"), subject=subject
    )


def with_parts(*parts: bytes, subject: str = "hello") -> bytes:
    head = f"From: a@example.org\nSubject: {subject}\nMIME-Version: 1.0\n"
    body = b"".join(b"--b\n" + part + b"\n" for part in parts)
    return head.encode() + b"Content-Type: multipart/mixed; boundary=b\n\n" + body + b"--b--\n"


def attached(name: str) -> bytes:
    return f'Content-Type: application/octet-stream; name="{name}"\n\n'.encode() + ORDERS


def password(result: Result) -> str | None:
    return {child.name: child.password for child in result.children}["run.bat"]


@pytest.mark.parametrize("name", ["=?utf-8?B?csO8bi5iYXQ=?=", "=?iso-8859-1?Q?r=FCn=2Ebat?="])
async def test_the_name_of_an_attachment_is_read_in_its_encoded_words(extract: Extract, name: str) -> None:
    (child,) = (await extract(with_parts(attached(name)))).children

    assert child.name == "rün.bat"


@pytest.mark.parametrize("name", ["=?no-letters?B?cg==?=.bat", "=?utf-8?B?a?=.bat", "=?punycode?Q?a-b?=.bat"])
async def test_a_name_in_broken_encoded_words_is_a_name(extract: Extract, name: str) -> None:
    (child,) = (await extract(with_parts(attached(name)))).children

    assert child.name.endswith(".bat")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Пароль: s3same", "windows-1251"),
        ("Пароль: s3same", "koi8-r"),
        ("La contraseña: s3same", "iso-8859-1"),
        ("密码\uff1as3same", "gbk"),
        ("パスワード\uff1as3same", "iso-2022-jp"),
        ("비밀번호: s3same", "euc-kr"),
        ("The password is s3same.", "utf-16"),
    ],
)
async def test_a_password_is_read_in_the_letters_of_the_mail(
    extract: Extract, text: str, encoding: str
) -> None:
    assert password(await extract(mail(text, encoding=encoding))) == "s3same"


@pytest.mark.parametrize(
    "text",
    [
        "Password for the archive: s3same",
        "The password to open the attached document is s3same",
        "Das Passwort für die Datei lautet s3same",
        "Mot de passe de l'archive : s3same",
    ],
)
async def test_a_password_is_read_behind_what_the_password_is_for(extract: Extract, text: str) -> None:
    assert "s3same" in str(password(await extract(mail(text)))).split()


@pytest.mark.parametrize(
    "text",
    [
        "PW: s3same",
        "Archive pass: s3same",
        "Código de acceso: s3same",
        "Access code = s3same",
        "The unlocking code is s3same.",
        "Use s3same as the password.",
        "Please enter “s3same” as archive password",
        "Verwenden Sie s3same als Passwort",
        "Utilisez s3same comme mot de passe",
    ],
)
async def test_a_password_is_read_behind_short_names_and_in_front_of_its_name(
    extract: Extract, text: str
) -> None:
    assert password(await extract(mail(text))) == "s3same"


@pytest.mark.parametrize(
    "text",
    ["Please pass this on. We passed it, and use it as a rule.", "Your access code will come by post."],
)
async def test_words_of_everyday_speech_are_no_passwords(extract: Extract, text: str) -> None:
    assert password(await extract(mail(text))) is None


@pytest.mark.parametrize("text", ["解压密码\uff1as3same", "パスワードは s3same", "비밀번호는 s3same"])
async def test_a_password_is_read_where_no_blank_stands_before_or_behind_its_word(
    extract: Extract, text: str
) -> None:
    assert password(await extract(mail(text))) == "s3same"


@pytest.mark.parametrize(
    "text", ["<p>Password: <b>s3same</b></p>", "Password:&nbsp;s3same", "<td>Password</td><td>s3same</td>"]
)
async def test_the_marks_of_html_are_no_part_of_a_password(extract: Extract, text: str) -> None:
    assert password(await extract(mail(text, subtype="html"))) == "s3same"


async def test_a_password_is_read_in_the_encoded_words_of_the_subject(extract: Extract) -> None:
    subject = f"=?utf-8?B?{base64.b64encode('Пароль: s3same'.encode()).decode()}?="

    assert password(await extract(mail("see attachment", subject=subject))) == "s3same"


@pytest.mark.parametrize("encoding", ["no-letters", "punycode", "base64", "\xff"])
async def test_a_text_in_letters_that_nobody_knows_is_read_as_utf8(extract: Extract, encoding: str) -> None:
    made = mail("Password: s3same").replace(b"charset=utf-8", b"charset=" + encoding.encode("latin-1"))

    assert password(await extract(made)) == "s3same"


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("7bit", bytes), ("base64", base64.encodebytes), ("quoted-printable", quopri.encodestring)],
)
async def test_a_mail_within_a_mail_is_as_it_was_sent(
    extract: Extract, encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    inner = mail("Password = s3same", subject="a long subject " * 20)
    head = f"Content-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}\n\n"
    outer = with_parts(head.encode() + b"INNER").replace(b"=b\n", b"=outer\n").replace(b"--b", b"--outer")

    (child,) = (await extract(outer.replace(b"INNER", encode(inner)))).children

    assert child.data.strip() == inner.strip()


async def test_an_attachment_in_bytes_of_any_kind_is_taken_as_it_is(extract: Extract) -> None:
    program = b"MZ" + bytes(500) + bytes(range(256)) * 4
    head = b'Content-Type: application/octet-stream; name="a.exe"\nContent-Transfer-Encoding: binary\n\n'

    (child,) = (await extract(with_parts(head + program))).children

    assert (child.name, child.data) == ("a.exe", program)


@pytest.mark.parametrize(
    "front", [b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf\n\n"], ids=["mark", "line", "both"]
)
async def test_a_byte_order_mark_or_an_empty_line_does_not_hide_a_mail(
    extract: Extract, front: bytes
) -> None:
    (child,) = (await extract(front + with_parts(attached("run.bat")))).children

    assert (child.name, child.data) == ("run.bat", ORDERS)


async def test_a_mail_with_very_many_headers_is_opened(extract: Extract) -> None:
    headers = b"".join(b"X-Seen-By-%d: a filter\n with more to say\n" % number for number in range(500))

    (child,) = (await extract(headers + with_parts(attached("run.bat")))).children

    assert child.data == ORDERS


async def test_a_mail_whose_lines_end_with_cr_alone_is_opened(extract: Extract) -> None:
    (child,) = (await extract(with_parts(attached("run.bat")).replace(b"\n", b"\r"))).children

    assert (child.name, child.data.strip()) == ("run.bat", ORDERS.strip())


@pytest.mark.parametrize(
    "encoding", ['"BASE64"', "base64 (by an old program)", "(so it is) Base64", "base64;"]
)
async def test_an_encoding_with_quotes_or_a_comment_is_known(extract: Extract, encoding: str) -> None:
    head = f'Content-Type: text/plain; name="run.bat"\nContent-Transfer-Encoding: {encoding}\n\n'

    (child,) = (await extract(with_parts(head.encode() + base64.encodebytes(ORDERS)))).children

    assert child.data == ORDERS


async def test_a_mail_with_few_headers_is_opened(extract: Extract) -> None:
    made = with_parts(attached("run.bat")).replace(b"MIME-Version: 1.0\n", b"")

    (child,) = (await extract(made)).children

    assert (child.name, child.data) == ("run.bat", ORDERS)


async def test_a_mail_behind_the_masked_line_of_a_mailbox_is_opened(extract: Extract) -> None:
    (child,) = (await extract(b">From a@example.org\n" + with_parts(attached("run.bat")))).children

    assert (child.name, child.data) == ("run.bat", ORDERS)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
async def test_a_mail_in_two_bytes_for_a_letter_is_opened(extract: Extract, encoding: str) -> None:
    text = with_parts(attached("run.bat")).decode()
    made = text if encoding == "utf-16" else "\ufeff" + text

    (child,) = (await extract(made.encode(encoding))).children

    assert (child.name, child.data) == ("run.bat", ORDERS)
