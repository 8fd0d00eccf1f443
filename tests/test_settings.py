"""Settings are what the operator meant, or are refused with one line without a secret."""

from pathlib import Path

import pytest

from samplebank import settings
from samplebank.errors import Invalid

STORES = (
    "an absolute path such as file:///srv/blobs, or a bucket such as s3://samples or s3://samples/bank: a bucket of 3 to 63 "
    "characters (small letters, digits, dots, hyphens; a letter or digit at both ends), and a prefix of letters, digits, dots, "
    "hyphens and underscores, without empty parts, . or .."
)


def refusal_of(folder: Path, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(Invalid) as refused:
        settings.load(environment or {}, folder)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "1e3", "a whole number from 1 to 65535"),
        ("PORT", "8080.0", "a whole number from 1 to 65535"),
        ("PORT", " 8080", "a whole number from 1 to 65535"),
        ("DATABASE_CONNECTIONS", "null", "a whole number from 1 to 1000000000"),
        ("JOB_TIMEOUT_ENQUEUED", str(2**63), "a whole number from 1 to 1000000000000000"),
        ("STORED_BYTES_PER_KEY", "1e9", "a whole number from 0 to 1000000000000000"),
        ("STORED_BYTES_PER_USER", "-1", "a whole number from 0 to 1000000000000000"),
        ("STORED_BYTES_PER_CUSTOMER", "10 GB", "a whole number from 0 to 1000000000000000"),
        ("DATABASE_SECONDS_PER_USER", "-1", "a whole number from 0 to 1000000000"),
        ("DATABASE_SECONDS_PER_CUSTOMER", "1.5", "a whole number from 0 to 1000000000"),
        ("DATABASE_SECONDS_PER_KEY", "ten", "a whole number from 0 to 1000000000"),
        ("REQUESTS_PER_KEY", "-1", "a whole number from 0 to 1000000000"),
        ("REQUESTS_PER_USER", "-5", "a whole number from 0 to 1000000000"),
        ("REQUESTS_PER_CUSTOMER", "many", "a whole number from 0 to 1000000000"),
        ("TASK_MAX_ATTEMPTS", str(2**31), "a whole number from 1 to 1000000000"),
        ("ADMINISTRATION", "all\n", "all or any"),
        ("KNOWN_FILES", "none", "all or own"),
        ("SANDBOX", "required\n", "required or best"),
        ("HOST", "", "an address such as 127.0.0.1"),
        ("DATA_DIR", "", "a folder"),
        ("DATA_DIR", "/srv/\udcff", "a folder"),
        ("DATA_DIR", "/srv/\0", "a folder"),
        ("OIDC_NAME", "a\0b", "a text"),
        ("BLOB_URL", "file://blobs", STORES),
        ("BLOB_URL", "s3://", STORES),
        ("BLOB_URL", "s3://Bucket", STORES),
        ("BLOB_URL", "s3://bucket/a b", STORES),
        ("BLOB_URL", "s3://ab", STORES),
        ("BLOB_URL", "s3://bucket/../x", STORES),
        ("BLOB_URL", "s3://bucket/x/..", STORES),
        ("BLOB_URL", "s3://bucket/./x", STORES),
        ("BLOB_URL", "s3://bucket/x//y", STORES),
        ("PUBLIC_URL", "https://", "an address such as https://samples.example.org"),
        ("PUBLIC_URL", "https://host:99999", "an address such as https://samples.example.org"),
        ("DATABASE_URL", "postgresql://host:99999/bank", "an address such as postgresql://bank@localhost:5432/bank"),
        ("EVENTS_NATS", "nats://", "an address such as nats://user:password@broker.example.org:4222?subject=samplebank"),
        ("EVENTS_RABBITMQ", "amqp:///bank", "an address such as amqp://user:password@broker.example.org:5672/?exchange=samplebank"),
        ("DATABASE_URL", "postgresql://[::1/bank", "an address such as postgresql://bank@localhost:5432/bank"),
    ],
)  # fmt: skip
def test_a_value_that_is_none_is_refused_with_what_may_be_given(
    tmp_path: Path, name: str, value: str, allowed: str
) -> None:
    line = refusal_of(tmp_path, {f"SAMPLEBANK_{name}": value})

    assert line == f"SAMPLEBANK_{name} is {value!r}, but must be {allowed}."


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///bank?host=/run/postgresql",
        "postgresql://bank:word@one.example,two.example:5433/bank",
        "postgres://[::1]:5432/bank",
    ],
)
def test_addresses_of_databases_are_taken_as_postgresql_takes_them(tmp_path: Path, url: str) -> None:
    assert settings.load({"SAMPLEBANK_DATABASE_URL": url}, tmp_path).database_url == url


@pytest.mark.parametrize("url", ["s3://abc", "s3://bucket/..x/y../.z/...", "s3://bucket/x/"])
def test_dots_within_a_prefix_are_taken(tmp_path: Path, url: str) -> None:
    assert settings.load({"SAMPLEBANK_BLOB_URL": url}, tmp_path).blob_url == url


@pytest.mark.parametrize(
    "url",
    [
        "mysql://bank:s3cret@host/bank",
        "postgresql://bank:s3@cret@host:0/bank",
        "postgresql://host:0/bank?password=s3cret&sslmode=require",
    ],
)
def test_no_refusal_shows_a_password(tmp_path: Path, url: str) -> None:
    line = refusal_of(tmp_path, {"SAMPLEBANK_DATABASE_URL": url})

    assert "cret" not in line


@pytest.mark.parametrize("name", ["WEBHOOK_SECRET", "OIDC_CLIENT_SECRET", "OIDC_CLIENT_ID"])
def test_an_empty_text_is_no_secret_and_no_name(tmp_path: Path, name: str) -> None:
    line = refusal_of(tmp_path, {f"SAMPLEBANK_{name}": ""})

    assert line == f"SAMPLEBANK_{name} is empty: give a text, or leave the setting out."


def test_no_refusal_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "samplebank.toml").write_text("webhook_secret = 735902\n")

    assert "735902" not in refusal_of(tmp_path)


@pytest.mark.parametrize("name", ["url", "key"])
def test_what_only_the_environment_may_say_is_refused_in_the_settings_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "samplebank.toml").write_text(f'{name} = "https://samples.example.org"\n')

    line = refusal_of(tmp_path)

    assert f"samplebank.toml has {name}, which no command reads there" in line
    assert f"SAMPLEBANK_{name.upper()} in the environment, or --{name}." in line


@pytest.mark.parametrize("name", ["proceses", "PROCESSES", "SAMPLEBANK_PROCESSES"])
def test_a_misspelt_setting_is_refused_with_the_name_that_may_be_meant(tmp_path: Path, name: str) -> None:
    (tmp_path / "samplebank.toml").write_text(f"{name} = 4\n")

    assert refusal_of(tmp_path).endswith("Do you mean processes?")
    assert refusal_of(tmp_path.parent, {"SAMPLEBANK_BLOBS_URL": "x"}).endswith(
        "Do you mean SAMPLEBANK_BLOB_URL?"
    )


def test_a_settings_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "samplebank.toml").write_bytes(b"\xef\xbb\xbfport = 8181\n")

    assert settings.load({}, tmp_path).port == 8181


def test_a_settings_file_that_leads_nowhere_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "samplebank.toml").symlink_to(tmp_path / "moved-away.toml")

    assert "cannot be read: No such file or directory" in refusal_of(tmp_path)


def test_a_number_of_the_settings_file_has_the_type_of_its_setting(tmp_path: Path) -> None:
    (tmp_path / "samplebank.toml").write_text("port = 8181.0\n")

    assert "SAMPLEBANK_PORT is 8181.0, but must be a whole number" in refusal_of(tmp_path)
