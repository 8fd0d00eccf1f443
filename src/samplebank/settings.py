"""Everything an operator can change: environment variables, else `samplebank.toml`, else the defaults.

Unknown names and wrong values stop the start with one line.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from samplebank.errors import Invalid, invalid
from samplebank.setting_types import allowed, converted
from samplebank.urls import URLS

PREFIX = "SAMPLEBANK_"
#: the settings with secrets besides the URL of the database
SECRET: Final = (
    "webhook_url",
    "webhook_secret",
    "events_nats",
    "events_rabbitmq",
    "events_kafka",
    "oidc_client_secret",
)
#: those of them that are secret as a whole
SECRET_WORDS: Final = ("webhook_secret", "oidc_client_secret")
#: where an empty text would mean something else than no text
NOT_EMPTY: Final = (*SECRET_WORDS, "oidc_client_id")
#: read by the client commands, not by the service
CLIENT_NAMES = frozenset({"url", "key"})
CONFIGURATION_FILE = "samplebank.toml"

#: the largest number of bytes or seconds: as milliseconds after 1970, the number still fits into the database
MOST: Final = 10**15
Positive = Annotated[int, Meta(ge=1, le=MOST)]
NotNegative = Annotated[int, Meta(ge=0, le=MOST)]
Count = Annotated[int, Meta(ge=1, le=10**9)]
CountOrNone = Annotated[int, Meta(ge=0, le=10**9)]


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
    database_connections: Count | None = None
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
    challenge_attempts: Count = 20
    challenge_period: Positive = 24 * 3600
    stored_bytes_per_key: NotNegative = 0
    stored_bytes_per_user: NotNegative = 0
    stored_bytes_per_customer: NotNegative = 0
    similar_submission_window: NotNegative = 60
    trusted_agents: str = ""
    job_timeout_enqueued: Positive = 3600
    job_timeout_executing: Positive = 1800
    task_max_attempts: Count = 3
    malicious_score: Annotated[int, Meta(ge=1, le=100)] = 70
    administration: Literal["all", "any"] = "all"
    known_files: Literal["all", "own"] = "all"
    sweep_interval: Positive = 10
    extraction_depth: CountOrNone = 6
    extraction_files: CountOrNone = 500
    extraction_bytes: NotNegative = 1024**3
    extraction_child_size: Positive = 128 * 1024**2
    hunt_bytes_per_day: NotNegative = 1024**4
    hunt_retention: NotNegative = 90 * 24 * 3600
    bytes_retention: NotNegative = 30 * 24 * 3600
    classification_wait: NotNegative = 5
    classification_deadline: Positive = 10
    classification_children: Annotated[int, Meta(ge=1, le=64)] | None = None
    count_budget: Positive = 25
    query_budget: Positive = 2
    body_timeout: Positive = 20
    search_timeout: Positive = 10
    long_searches: Count = msgspec.field(default_factory=cores_but_one)
    requests_per_address: CountOrNone = 1000
    requests_per_key: CountOrNone = 0
    requests_per_user: CountOrNone = 1000
    requests_per_customer: CountOrNone = 2000
    database_seconds_per_key: CountOrNone = 0
    database_seconds_per_user: CountOrNone = 0
    database_seconds_per_customer: CountOrNone = 0
    connections_per_address: CountOrNone = 2000
    waiting_claims: Count = 64
    feed_readers: Count = 64
    kept_answers: Count = 1_000_000
    alerts_per_hour: CountOrNone = 100
    webhook_url: str | None = None
    webhook_secret: str | None = None
    webhook_attempts: Count = 150
    events_nats: str | None = None
    events_rabbitmq: str | None = None
    events_kafka: str | None = None
    events_attempts: Count = 150
    event_retention: Positive = 7 * 24 * 3600
    audit_retention: NotNegative = 365 * 24 * 3600
    audit_reads: Literal["on", "off"] = "on"
    sandbox: Literal["required", "best"] = "required"
    scheduling: Literal["batch", "normal"] = "batch"
    yara_rules: Path | None = None
    public_url: str | None = None
    session_idle: Positive = 12 * 3600
    session_longest: Positive = 7 * 24 * 3600
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = None
    oidc_name: str = "OpenID Connect"
    oidc_scopes: str = "openid profile email"
    oidc_session: Positive = 10 * 3600
    log_format: Literal["text", "json"] = "text"

    @property
    def agents(self) -> frozenset[str]:
        """Names of the user agents whose submissions carry the flag `trustedAgent`."""
        return frozenset(name.strip() for name in self.trusted_agents.split(",") if name.strip())

    @property
    def sinks(self) -> list[str]:
        """The names of the sinks that events are sent to."""
        return [*(["webhook"] if self.webhook_url is not None else []), *self.brokers]

    @property
    def brokers(self) -> dict[str, str]:
        """The addresses of the brokers that events are sent to, by the name of the sink."""
        places = {"nats": self.events_nats, "rabbitmq": self.events_rabbitmq, "kafka": self.events_kafka}
        return {name: place for name, place in places.items() if place is not None}

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


FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def load(environment: Mapping[str, str], folder: Path | None = None) -> Settings:
    """Read the settings from the environment and from `samplebank.toml` in `folder` [the current one].

    Raises `Invalid` with a line that names the setting, the value and the allowed values.
    """
    given = _from_file((folder or Path()) / CONFIGURATION_FILE)
    for name, value in environment.items():
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() not in CLIENT_NAMES:
            given[_known(name.removeprefix(PREFIX).lower(), name, PREFIX)] = value
    read: dict[str, Any] = {name: _read(name, value) for name, value in given.items()}
    settings = Settings(**read)
    _check_urls(settings)
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    if not (path.exists() or path.is_symlink()):
        return {}
    try:
        read = tomllib.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path} cannot be read as TOML: {error}.") from error
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from error
    if misplaced := read.keys() & CLIENT_NAMES:
        name = min(misplaced)
        raise Invalid(
            f"{path} has {name}, which no command reads there. Give {PREFIX}{name.upper()} in the environment, or --{name}."
        )
    return {_known(name, f"{name} in {path}"): value for name, value in read.items()}


def _known(name: str, shown: str, prefix: str = "") -> str:
    """The name of a setting. With a `prefix`, as variables have, names are written in capitals."""
    if name not in FIELDS:
        like = "".join(get_close_matches(name.lower().removeprefix(PREFIX.lower()), FIELDS, 1))
        meant = f" Do you mean {prefix + (like.upper() if prefix else like)}?" if like else ""
        raise Invalid(
            f"There is no setting {shown}; docs/operations.md of the source lists the settings.{meant}"
        )
    return name


def _read(name: str, value: object) -> object:
    variable, wanted = f"{PREFIX}{name.upper()}", FIELDS[name].type
    try:
        return converted(value, wanted)
    except ValueError as error:
        message = f"{variable} {_shown(name, value)}, but must be {allowed(wanted)}."
        raise invalid(variable, message) from error


def _shown(name: str, value: object) -> str:
    """The value in words, without the secrets in the value."""
    if name in SECRET_WORDS:
        return "is not shown"
    return "is " + re.sub(r"(?<=://).*(?=@)|(?<=password=)[^&]*", "…", repr(value))


def _check_urls(settings: Settings) -> None:
    if not settings.host:
        raise invalid("SAMPLEBANK_HOST", "SAMPLEBANK_HOST is '', but must be an address such as 127.0.0.1.")
    for name in NOT_EMPTY:
        if getattr(settings, name) == "":
            variable = f"{PREFIX}{name.upper()}"
            raise invalid(variable, f"{variable} is empty: give a text, or leave the setting out.")
    for name in URLS:
        url = getattr(settings, name)
        if url is not None:
            _check_url(f"{PREFIX}{name.upper()}", name, url)
    if (settings.oidc_issuer is None) != (settings.oidc_client_id is None):
        raise Invalid("SAMPLEBANK_OIDC_ISSUER and SAMPLEBANK_OIDC_CLIENT_ID go together: give both or none.")
    if "openid" not in settings.oidc_scopes.split():
        raise invalid("SAMPLEBANK_OIDC_SCOPES", "SAMPLEBANK_OIDC_SCOPES must have the scope openid.")
    if (settings.webhook_url is None) != (settings.webhook_secret is None):
        raise Invalid("SAMPLEBANK_WEBHOOK_URL and SAMPLEBANK_WEBHOOK_SECRET go together: give both or none.")


def check_blob_url(said_as: str, url: str) -> None:
    """Raise `Invalid` unless `url` names a blob store."""
    _check_url(said_as, "blob_url", url)


def _check_url(said_as: str, name: str, url: str) -> None:
    schemes, is_right, wanted = URLS[name]
    if not url.startswith(schemes):
        raise invalid(said_as, f"{said_as} {_shown(name, url)}, but must start with {' or '.join(schemes)}.")
    if not is_right(url):
        raise invalid(said_as, f"{said_as} {_shown(name, url)}, but must be {wanted}.")
