"""Where the Karton is: read as the services of Karton read the same, from `karton.ini` and from variables KARTON_…."""

import configparser
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from samplebank.karton.errors import KartonError

#: read in this order: a later file wins
PLACES: Final = ("/etc/karton/karton.ini", "~/.config/karton/karton.ini", "karton.ini")
FILE_VARIABLE: Final = "KARTON_CONFIG_FILE"
VARIABLE: Final = re.compile(r"KARTON_([A-Z0-9]+)_([A-Z0-9_]+)")
TRUE: Final = frozenset({"1", "true", "yes", "on"})
#: seconds for which a task has to look lost before the healer sends the task anew
GRACE: Final = 10.0
MISSING: Final = (
    "The option {option} of the section [{section}] is missing: give --config with the karton.ini of the services, "
    "or set {variable}."
)

#: a URL may hold a password, and is not shown
NO_ADDRESS: Final = "The option {} of the section [redis] gives no address of Redis; an address is such as redis://redis.example.org:6379/0."
SCHEMES: Final = frozenset({"redis", "rediss", "unix"})
SAME: Final = (
    "The option samples of the section [samplebank] names the bucket {} of Karton itself. The collector of Karton would remove "
    "the samples: Samplebank and Karton need buckets of their own."
)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The connection to Redis as a URL, and the bucket of Karton. `task_timeout` is in seconds; None where there is none."""

    redis_url: str
    #: the login to Redis; a login in the URL goes before
    redis_user: str | None = None
    redis_password: str | None = None
    s3_address: str
    s3_access_key: str
    s3_secret_key: str
    bucket: str
    grace: float = GRACE
    task_timeout: float | None = None
    #: the bucket of Samplebank, where services of Karton may read that bucket
    samples: str | None = None

    @property
    def redis_place(self) -> str:
        """Host and port of Redis, without a password."""
        parts = urlsplit(self.redis_url)
        return f"{parts.hostname}:{parts.port or 6379}"


def load(environment: Mapping[str, str], path: Path | None = None) -> Config:
    """Read the configuration. Raises `KartonError`, naming the option that is missing or wrong."""
    parser = configparser.ConfigParser(interpolation=None)
    named = [path] if path else []
    if other := environment.get(FILE_VARIABLE):
        named.insert(0, Path(other))
    for place in (*(Path(place).expanduser() for place in PLACES), *named):
        try:
            parser.read_string(place.read_text("utf-8"), str(place))
        except FileNotFoundError:
            if place in named:
                raise KartonError(f"The configuration {place} of Karton does not exist.") from None
        except (OSError, UnicodeError, configparser.Error) as error:
            raise KartonError(f"The configuration {place} of Karton cannot be read: {error}.") from None
    return _read({name: dict(parser[name]) for name in parser.sections()}, environment)


def _read(given: dict[str, dict[str, str]], environment: Mapping[str, str]) -> Config:
    for variable, value in environment.items():
        if found := VARIABLE.fullmatch(variable):
            given.setdefault(found[1].lower(), {})[found[2].lower()] = value
    if "s3" not in given and "minio" in given:
        given["s3"] = _of_minio(given["minio"])
    own, common, redis = (given.get(section, {}) for section in ("samplebank", "karton", "redis"))
    read = Config(
        redis_url=_redis(given),
        redis_user=redis.get("username") or None,
        redis_password=redis.get("password") or None,
        s3_address=_needed(given, "s3", "address"),
        s3_access_key=_needed(given, "s3", "access_key"),
        s3_secret_key=_needed(given, "s3", "secret_key"),
        bucket=_needed(given, "s3", "bucket"),
        samples=own.get("samples", "").strip() or None,
        grace=_seconds(own.get("grace"), "[samplebank] grace") or GRACE,
        task_timeout=_seconds(common.get("task_timeout"), "[karton] task_timeout"),
    )
    if read.samples == read.bucket:
        raise KartonError(SAME.format(read.bucket))
    return read


def _of_minio(minio: dict[str, str]) -> dict[str, str]:
    """The section of Karton before release 5."""
    address = minio.get("address", "")
    if address and "://" not in address:
        scheme = "https" if minio.get("secure", "1").lower() in TRUE else "http"
        address = f"{scheme}://{address}"
    return {**minio, "address": address}


def _redis(given: dict[str, dict[str, str]]) -> str:
    """The URL of Redis. User and password may stand beside the URL."""
    redis = given.get("redis", {})
    if "url" in redis:
        return _address(redis["url"], "url")
    host = _needed(given, "redis", "host")
    scheme = "rediss" if redis.get("ssl", "0").lower() in TRUE else "redis"
    port = _number(redis.get("port"), "[redis] port", usual=6379, most=65_535)
    db = _number(redis.get("db"), "[redis] db", usual=0, most=2**31 - 1)
    return _address(f"{scheme}://{host}:{port}/{db}", "host")


def _address(url: str, option: str) -> str:
    """The URL of Redis. Raises `KartonError` for a URL that no client could use."""
    try:
        parts = urlsplit(url)
        is_whole = parts.port != 0 and bool(parts.path if parts.scheme == "unix" else parts.hostname)
    except ValueError:
        is_whole = False
    if not is_whole or parts.scheme not in SCHEMES:
        raise KartonError(NO_ADDRESS.format(option))
    return url


def _needed(given: dict[str, dict[str, str]], section: str, option: str) -> str:
    value = given.get(section, {}).get(option, "").strip()
    if not value:
        variable = f"KARTON_{section.upper()}_{option.upper()}"
        raise KartonError(MISSING.format(option=option, section=section, variable=variable))
    return value


def _number(value: str | None, name: str, *, usual: int, most: int) -> int:
    if not value:
        return usual
    if not (value.isascii() and value.isdecimal() and int(value) <= most):
        raise KartonError(f"The option {name} is {value!r}; it has to be a number, {most} at most.")
    return int(value)


def _seconds(value: str | None, name: str) -> float | None:
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise KartonError(f"The option {name} is {value!r}; it has to be a number of seconds.")
    return seconds or None
