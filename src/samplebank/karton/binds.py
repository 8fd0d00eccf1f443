"""What services are bound to: which tasks a service of Karton takes."""

import fnmatch
from typing import Any

import msgspec

#: the task with which every analysis begins
RAW = {"type": "sample", "kind": "raw"}


class Bind(msgspec.Struct, frozen=True):
    """A service as it has registered itself. Fields that the bridge does not need are left out."""

    filters: list[dict[str, Any]] = []
    version: str | None = None
    service_version: str | None = None
    is_async: bool = False

    @property
    def told_version(self) -> str:
        """The version of the service, else of the Karton that the service was built with."""
        return self.service_version or (f"karton {self.version}" if self.version else "unknown")


def bind_of(text: str) -> Bind:
    """Read a bind. Karton 2 kept the filters alone. A bind that cannot be read takes nothing."""
    try:
        told = msgspec.json.decode(text)
        return msgspec.convert({"filters": told} if isinstance(told, list) else told, Bind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError):
        return Bind()


def takes_raw(bind: Bind) -> bool:
    """Whether the service takes raw samples. An operator of MongoDB in a filter may match, so the filter is believed to."""
    return any(all(_matches(wanted, RAW.get(name)) for name, wanted in one.items()) for one in bind.filters)


def _matches(wanted: object, value: str | None) -> bool:
    if isinstance(wanted, dict):
        return True
    text = str(wanted)
    if text.startswith("!"):
        return value is None or not fnmatch.fnmatchcase(value, text[1:])
    return value is not None and fnmatch.fnmatchcase(value, text)
