"""The key that `samplebank login --device` keeps for the commands of this account, until the key ends."""

import os
import secrets
import time
from pathlib import Path
from typing import Final

import msgspec

from samplebank.errors import Invalid, Unauthenticated

#: in the folder of the account for settings
PLACE: Final = Path("samplebank") / "login.json"


class SavedLogin(msgspec.Struct, frozen=True):
    """Who has signed in where. `expiry_time` is in milliseconds."""

    url: str
    user: str
    key: str
    expiry_time: int

    def current_key(self) -> str:
        """The key. Raises `Unauthenticated` where the key has ended: no command goes on as somebody else."""
        if self.expiry_time <= time.time_ns() // 1_000_000:
            raise Unauthenticated(
                f"Your sign-in at {self.url} has ended: sign in again with `samplebank login --device`, "
                "or leave with `samplebank logout`."
            )
        return self.key


def place() -> Path:
    """The file, for this account of the machine. Raises `Invalid` for an account without a home."""
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    try:
        return Path(folder).expanduser() / PLACE
    except RuntimeError as error:
        raise Invalid(f"This account has no home ({error}): set XDG_CONFIG_HOME.") from error


def read() -> SavedLogin | None:
    """The sign-in of this account; None where nobody has signed in."""
    path = place()
    try:
        return msgspec.json.decode(path.read_bytes(), type=SavedLogin)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise Invalid(f"{path} is damaged ({error}): remove the file, and sign in again.") from error


def keep(login: SavedLogin) -> Path:
    """Replace the sign-in of this account, in a file for the account alone; answers the file."""
    path = place()
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(login))
        beside.rename(path)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from error
    return path


def forget() -> None:
    """Remove the sign-in of this account, if there is any."""
    path = place()
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Invalid(f"{path} cannot be removed: {error.strerror}.") from error
