"""A service takes the bucket of the database and no other, and tells the fault in one line."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
import pytest
from obstore.store import S3Store

from kit.bank import ROBOT, Bank, Sample, name_of
from kit.browser import program
from kit.disks import no_room
from kit.s3 import BUCKET, S3Server
from kit.service import Service, copy_prepared
from s3.conftest import MARK, PREFIX
from samplebank.blobs import Place
from samplebank.blobs.bucket import Bucket
from samplebank.blobs.sending import Sender
from samplebank.blobs.writing import digests_of
from samplebank.database import Database
from samplebank.errors import Invalid, Unavailable
from samplebank.serving.store import mark
from samplebank.settings import Settings
from samplebank.stores import NO_TOKENS, place_of, store_at

#: seconds: a server of S3 takes requests of a quarter of an hour before and after its own time
AHEAD = 1800


async def refusal(remote: Service, tmp_path: Path, url: str) -> str:
    """The words of the start on a store at the address."""
    store = store_at(Settings(data_dir=tmp_path), url, NO_TOKENS)
    with pytest.raises((Invalid, Unavailable)) as refused:
        await mark(store, remote.database_url)
    await store.close()
    return str(refused.value)


@pytest.fixture
def reached(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables of the process lead to the S3 server."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("reached")
async def test_a_bucket_that_does_not_exist_is_named(remote: Service, tmp_path: Path) -> None:
    said = await refusal(remote, tmp_path, "s3://no-such-bucket")

    assert said.startswith("The bucket no-such-bucket does not exist"), said


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
async def test_a_wrong_key_is_refused(
    remote: Service, tmp_path: Path, reached: pytest.MonkeyPatch, variable: str
) -> None:
    reached.setenv(variable, "wrong")

    said = await refusal(remote, tmp_path, f"s3://{BUCKET}/x")

    assert said.startswith("The S3 server refuses the access key"), said
    assert "wrong" not in said


def test_a_start_names_a_clock_that_differs_from_that_of_the_server(s3: S3Server, tmp_path: Path) -> None:
    service = Service(tmp_path, {**s3.environment(), "SAMPLEBANK_BLOB_URL": f"s3://{BUCKET}/x"})
    service.environment |= {
        "LD_PRELOAD": program("faketime"),
        "FAKETIME": f"+{AHEAD}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }

    said = said_of(service, s3.url)

    assert f"differs from the clock of the S3 server with the bucket {BUCKET}" in said
    assert "keep both clocks right by NTP" in said


@asynccontextmanager
async def expired() -> AsyncIterator[Place]:
    """A bucket that refuses as Amazon refuses a temporary key; the server of the other tests knows none."""
    said = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_SESSION_TOKEN": "old"}
        yield place_of("s3://bank", {**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})


async def test_a_temporary_key_that_has_expired_is_told() -> None:
    async with expired() as place:
        with pytest.raises(Unavailable, match="temporary key for the bucket bank has expired"):
            await Bucket(place).get("key")


async def test_a_temporary_key_that_has_expired_is_told_where_a_large_file_is_sent(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"large")
    async with expired() as place:
        sender = Sender(place)
        with pytest.raises(Unavailable, match="temporary key for the bucket bank has expired"):
            await sender.send("key", tmp_path / "large", await digests_of(bytearray(b"large")))
        await sender.close()


async def test_a_server_that_is_away_is_told(
    remote: Service, tmp_path: Path, reached: pytest.MonkeyPatch
) -> None:
    reached.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert "does not answer" in await refusal(remote, tmp_path, f"s3://{BUCKET}/x")


@pytest.fixture(params=["a new installation", "an installation with a store"])
def wrongly_led(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path) -> Service:
    """An installation whose bucket is looked for at an address that the test gives."""
    service = Service(tmp_path, {**s3.environment(), "SAMPLEBANK_BLOB_URL": f"s3://{BUCKET}/x"})
    if request.param != "a new installation":
        copy_prepared(tmp_path / "data")
    return service


def said_of(service: Service, endpoint: str) -> str:
    """The last line of a start with the S3 server at this address."""
    service.environment["AWS_ENDPOINT_URL"] = endpoint
    done = service.run("serve", "--no-workers")
    assert done.returncode == 1, done.stderr
    assert "s3cret" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:9", "Connection refused"),
        ("nowhere.invalid:9", "failed to lookup address information"),
    ],
)
def test_a_start_names_the_server_that_is_away_and_why(
    wrongly_led: Service, address: str, reason: str
) -> None:
    said = said_of(wrongly_led, f"http://user:s3cret@{address}")

    assert f"No S3 server answers at http://{address} for the bucket {BUCKET}: {reason}" in said
    assert "AWS_ENDPOINT_URL has to be the address of the S3 server" in said


def test_a_start_names_a_server_that_is_no_s3_server(remote: Service, wrongly_led: Service) -> None:
    said = said_of(wrongly_led, remote.url)

    assert f"No S3 server answers at {remote.url} for the bucket {BUCKET}: 404 Not Found." in said
    assert "AWS_ENDPOINT_URL has to be the address of the S3 server" in said


async def test_a_server_that_is_no_s3_server_takes_no_bytes(remote: Service) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_ENDPOINT_URL": remote.url}

    with pytest.raises(Unavailable, match="blob store does not answer"):
        await Bucket(place_of("s3://bank", keys)).put("key", b"bytes")


async def test_a_server_that_is_no_s3_server_neither_lacks_bytes_nor_removes_them(remote: Service) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_ENDPOINT_URL": remote.url}
    bucket = Bucket(place_of("s3://bank", keys))

    for call in (bucket.get, bucket.has, bucket.remove):
        with pytest.raises(Unavailable, match="blob store does not answer"):
            await call("key")


async def test_a_page_of_a_proxy_takes_no_large_file(tmp_path: Path) -> None:
    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\nlarge")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
        await writer.drain()
        writer.close()

    (tmp_path / "large").write_bytes(b"large")
    async with await asyncio.start_server(welcome, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush"}
        sender = Sender(place_of("s3://bank", {**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}))

        with pytest.raises(Unavailable, match="blob store does not answer"):
            await sender.send("key", tmp_path / "large", await digests_of(bytearray(b"large")))
        await sender.close()


@pytest.mark.parametrize(("direct", "is_by_proxy"), [("", True), ("elsewhere.invalid,s3.invalid", False)])
async def test_a_large_file_goes_by_the_proxy_that_the_variables_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: str, *, is_by_proxy: bool
) -> None:
    asked = list[bytes]()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        await reader.readuntil(b"\r\n\r\nlarge")
        writer.write(b"HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    (tmp_path / "large").write_bytes(b"large")
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush"}
    sender = Sender(place_of("s3://bank", {**keys, "AWS_ENDPOINT_URL": "http://s3.invalid"}))
    async with await asyncio.start_server(take, "127.0.0.1") as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("no_proxy", direct)
        with nullcontext() if is_by_proxy else pytest.raises(Unavailable):
            await sender.send("key", tmp_path / "large", await digests_of(bytearray(b"large")))
        await sender.close()

    assert asked == ([b"PUT http://s3.invalid/bank/key HTTP/1.1\r\n"] if is_by_proxy else [])


@pytest.mark.usefixtures("reached")
async def test_an_empty_bucket_is_not_taken_for_the_store(remote: Service, tmp_path: Path) -> None:
    said = await refusal(remote, tmp_path, f"s3://{BUCKET}/empty")

    assert f"The bucket s3://{BUCKET}/empty is not the store of this database" in said
    assert "samplebank blobs copy" in said


@pytest.mark.usefixtures("reached")
async def test_the_store_of_another_installation_is_refused(
    remote: Service, s3: S3Server, tmp_path: Path
) -> None:
    other = uuid4()
    obstore.put(s3.store("other"), MARK, f"{other}\n".encode())

    said = await refusal(remote, tmp_path, f"s3://{BUCKET}/other")

    assert f"The bucket s3://{BUCKET}/other is the store {other}" in said


def test_a_service_whose_bucket_becomes_that_of_another_is_not_ready(far: Bank, objects: S3Store) -> None:
    own = obstore.get(objects, MARK).bytes().to_bytes()
    obstore.put(objects, MARK, f"{uuid4()}\n".encode())

    ready = far.get("/readyz", None)

    obstore.put(objects, MARK, own)
    assert (ready.status_code, "not the store of the database" in ready.text) == (503, True)
    assert far.get("/readyz", None).status_code == 200


@pytest.mark.usefixtures("reached")
async def test_a_store_whose_folder_for_files_on_their_way_takes_no_files_is_refused_by_the_check(
    tmp_path: Path,
) -> None:
    store = store_at(Settings(data_dir=tmp_path), f"s3://{BUCKET}/own", NO_TOKENS)
    store.prepare()
    await store.check()

    with no_room(), pytest.raises(Unavailable, match=r"spool, .* cannot be written"):
        await store.check()
    await store.close()


def test_missing_credentials_are_named() -> None:
    with pytest.raises(Invalid, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY have to be set"):
        place_of("s3://bucket", {})


def test_a_line_break_behind_a_variable_is_no_part_of_the_value() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_ENDPOINT_URL": "http://host:1"}

    assert place_of("s3://bucket", {name: f"{value}\n" for name, value in keys.items()}) == place_of(
        "s3://bucket", keys
    )


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "AWS_ENDPOINT_URL",
            "s3.example.org",
            "AWS_ENDPOINT_URL is 's3.example.org', but must be an address",
        ),
        ("AWS_ENDPOINT_URL", "http://host:99999", "AWS_ENDPOINT_URL is 'http://host:99999', but must be"),
        ("AWS_ENDPOINT_URL", "http://a:hush@host?x", "AWS_ENDPOINT_URL is 'http://…@host?x', but must be"),
        ("AWS_ACCESS_KEY_ID", "ke\ny", "AWS_ACCESS_KEY_ID holds a line break"),
        ("AWS_SESSION_TOKEN", "to\x7fken", "AWS_SESSION_TOKEN holds a line break"),
    ],
)
def test_a_variable_that_no_client_can_use_is_named(variable: str, value: str, said: str) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush"}

    with pytest.raises(Invalid) as refused:
        place_of("s3://bucket", {**keys, variable: value})

    assert str(refused.value).startswith(said)


def test_the_place_shows_no_secret() -> None:
    place = place_of("s3://bucket/a/b/", {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush"})

    assert repr(place) == "s3://bucket/a/b"
    assert place.root == "https://s3.us-east-1.amazonaws.com/bucket"


def copied(remote: Service, source: str, target: str) -> dict[str, Any]:
    done = remote.run("blobs", "copy", source, target, "--json")
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


async def test_a_store_is_copied_while_the_service_runs(
    far: Bank, remote: Service, rows: Database, tmp_path: Path
) -> None:
    sample, report = far.submitted(), Sample(3_000_000)
    place = f"{sample.path}/analysis/{far.analyse(sample, name_of('w'))}/evidence"
    far.data(far.call("POST", f"{place}/e.bin", ROBOT, data=report.data))
    bucket, folder = f"s3://{BUCKET}/{PREFIX}", f"file://{tmp_path}/blobs"

    first = copied(remote, bucket, folder)
    far.submitted()
    again = copied(remote, bucket, folder)

    assert (tmp_path / "blobs/sample" / sample.sha256[:2] / sample.sha256).read_bytes() == sample.data
    assert (tmp_path / "blobs/evidence" / report.sha256[:2] / report.sha256).read_bytes() == report.data
    assert (again["copied"], again["there"], again["failed"]) == (1, first["copied"], [])

    # a row of a folder names no object, and names the copy afterwards
    async with rows.connection() as db:
        await db.execute(
            "UPDATE sample SET blob_token = NULL WHERE sha256 = $1", bytes.fromhex(sample.sha256)
        )
    unnamed = far.get(f"{sample.path}/raw").status_code
    back = copied(remote, folder, bucket)

    assert (unnamed, back["copied"]) == (404, 1)
    assert far.get(f"{sample.path}/raw").content == sample.data


def test_a_copy_to_the_store_of_another_installation_is_refused(remote: Service, s3: S3Server) -> None:
    obstore.put(s3.store("foreign"), MARK, f"{uuid4()}\n".encode())

    done = remote.run("blobs", "copy", f"s3://{BUCKET}/{PREFIX}", f"s3://{BUCKET}/foreign")

    assert (done.returncode, "the store of another installation" in done.stderr) == (1, True)
