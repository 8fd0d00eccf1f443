"""Everything an operator can change: environment variables, else `samplebank.toml`, else the defaults.

Unknown names and wrong values stop the start with one line.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from samplebank.errors import Invalid, invalid

PREFIX = "SAMPLEBANK_"
#: read by the client commands, not by the service
CLIENT_NAMES = frozenset({"url", "key"})
CONFIGURATION_FILE = "samplebank.toml"

Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]


def cores() -> int:
    """The number of cores that the process may use."""
    return max(1, len(os.sched_getaffinity(0)))


def cores_but_one() -> int:
    """As `cores`, with a core left for everything else where there is more than 1."""
    return max(1, cores() - 1)


def spare_cores() -> int:
    """The number of cores that work in the background may use beside requests; at least 1."""
    return max(1, cores() // 2)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one service; sizes in bytes, times in seconds."""

    data_dir: Path = Path("~/.local/share/samplebank")
    database_url: str | None = None
    database_connections: Positive | None = None
    disk_reserve: NotNegative = 256 * 1024**2
    blob_url: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8080
    processes: Annotated[int, Meta(ge=1, le=64)] = msgspec.field(default_factory=cores)
    max_sample_size: Positive = 2 * 1024**3
    max_body_size: Positive = 1024**2
    max_result_size: Positive = 1024**2
    challenge_min_size: Positive = 4096
    challenge_ttl: Positive = 600
    challenge_attempts: Positive = 20
    challenge_period: Positive = 24 * 3600
    similar_submission_window: NotNegative = 60
    trusted_agents: str = ""
    job_timeout_enqueued: Positive = 3600
    job_timeout_executing: Positive = 1800
    task_max_attempts: Positive = 3
    malicious_score: Annotated[int, Meta(ge=1, le=100)] = 70
    administration: Annotated[str, Meta(pattern="^(all|any)$")] = "all"
    sweep_interval: Positive = 10
    extraction_depth: NotNegative = 6
    extraction_files: NotNegative = 500
    extraction_bytes: NotNegative = 1024**3
    extraction_child_size: Positive = 128 * 1024**2
    bytes_retention: NotNegative = 30 * 24 * 3600
    classification_wait: NotNegative = 5
    classification_deadline: Positive = 10
    classification_children: Annotated[int, Meta(ge=1, le=64)] | None = None
    count_budget: Positive = 25
    query_budget: Positive = 2
    body_timeout: Positive = 20
    search_timeout: Positive = 10
    long_searches: Positive = msgspec.field(default_factory=cores_but_one)
    requests_per_address: NotNegative = 1000
    connections_per_address: NotNegative = 2000
    waiting_claims: Positive = 64
    kept_answers: Positive = 1_000_000
    alerts_per_hour: NotNegative = 100
    webhook_url: str | None = None
    webhook_secret: str | None = None
    webhook_attempts: Positive = 150
    event_retention: Positive = 7 * 24 * 3600
    sandbox: Annotated[str, Meta(pattern="^(required|best)$")] = "required"
    scheduling: Annotated[str, Meta(pattern="^(batch|normal)$")] = "batch"
    yara_rules: Path | None = None
    public_url: str | None = None
    session_idle: Positive = 12 * 3600
    session_longest: Positive = 7 * 24 * 3600
    log_format: Annotated[str, Meta(pattern="^(text|json)$")] = "text"

    @property
    def agents(self) -> frozenset[str]:
        """Names of the user agents whose submissions carry the flag `trustedAgent`."""
        return frozenset(name.strip() for name in self.trusted_agents.split(",") if name.strip())

    @property
    def sandbox_required(self) -> bool:
        """Whether parsers may run only on a machine that can confine parsers in every respect."""
        return self.sandbox == "required"

    @property
    def folder(self) -> Path:
        """The data folder. Raises `Invalid` for a folder at home when the user has no home."""
        try:
            return self.data_dir.expanduser().absolute()
        except RuntimeError as error:
            raise Invalid(
                f"{self.data_dir} has no meaning here ({error}): set SAMPLEBANK_DATA_DIR."
            ) from error


#: the allowed values in words, where the type of a setting does not say enough
ALLOWED = {
    "port": "a whole number from 1 to 65535",
    "processes": "a whole number from 1 to 64",
    "malicious_score": "a whole number from 1 to 100",
    "classification_children": "a whole number from 1 to 64",
    "administration": "all or any",
    "sandbox": "required or best",
    "yara_rules": "a folder",
    "scheduling": "batch or normal",
    "log_format": "text or json",
}
FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def load(environment: Mapping[str, str], folder: Path | None = None) -> Settings:
    """Read the settings from the environment and from `samplebank.toml` in `folder` [the current one].

    Raises `Invalid` with a line that names the setting, the value and the allowed values.
    """
    given = _from_file((folder or Path()) / CONFIGURATION_FILE)
    for name, value in environment.items():
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in CLIENT_NAMES:
            given[_known(name.removeprefix(PREFIX).lower(), name)] = value
    read: dict[str, Any] = {name: _read(name, value) for name, value in given.items()}
    settings = Settings(**read)
    _check_urls(settings)
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        read = tomllib.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path} cannot be read as TOML: {error}.") from error
    names = {_known(name, f"{name} in {path}"): value for name, value in read.items()}
    return {name: value for name, value in names.items() if name not in CLIENT_NAMES}


def _known(name: str, shown: str) -> str:
    if name not in FIELDS and name not in CLIENT_NAMES:
        raise Invalid(f"There is no setting {shown}; the settings are listed in docs/operations.md.")
    return name


def _read(name: str, value: object) -> object:
    try:
        return msgspec.convert(value, FIELDS[name].type, strict=False, dec_hook=_path)
    except (msgspec.ValidationError, ValueError) as error:
        allowed = ALLOWED.get(name) or "a whole number" + (
            " above 0" if "ge=1" in str(FIELDS[name].type) else ""
        )
        shown = f"{PREFIX}{name.upper()}"
        raise invalid(shown, f"{shown} is {value!r}, but must be {allowed}.") from error


def _path(wanted: type, value: object) -> object:
    if wanted is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError(f"{value!r} is no {wanted}")


def _check_urls(settings: Settings) -> None:
    database = settings.database_url
    if database is not None and not database.startswith(("postgresql://", "postgres://")):
        raise Invalid(f"SAMPLEBANK_DATABASE_URL is {database!r}, but must start with postgresql://.")
    webhook = settings.webhook_url
    if webhook is not None and not webhook.startswith(("http://", "https://")):
        raise Invalid(f"SAMPLEBANK_WEBHOOK_URL is {webhook!r}, but must start with http:// or https://.")
    if (webhook is None) != (settings.webhook_secret is None):
        raise Invalid("SAMPLEBANK_WEBHOOK_URL and SAMPLEBANK_WEBHOOK_SECRET go together: give both or none.")
    public = settings.public_url
    if public is not None and not public.startswith(("http://", "https://")):
        raise Invalid(f"SAMPLEBANK_PUBLIC_URL is {public!r}, but must start with http:// or https://.")
    blobs = settings.blob_url
    if blobs is not None and not blobs.startswith("file://"):
        raise Invalid(f"SAMPLEBANK_BLOB_URL is {blobs!r}, but must start with file://.")
