"""The file of the first keys, in the data folder. Only `serve` writes the file.

Not every data folder has the file: a host that shares a database with others would leave keys behind that nobody knows of.
"""

import os
import secrets
import tomllib
from pathlib import Path

from samplebank.accounts import first_accounts, provisioning
from samplebank.accounts.keys import is_good, issue
from samplebank.audit.model import SERVICE
from samplebank.audit.recording import record_access
from samplebank.database import Connection
from samplebank.errors import Invalid
from samplebank.files import sync
from samplebank.settings import Settings
from samplebank.timespec import Millis

CREDENTIALS = "credentials.toml"
ACCOUNTS = {"admin": first_accounts.ADMIN, "workers": first_accounts.WORKERS}


async def keep_credentials(db: Connection, settings: Settings, *, is_wanted: bool, now: Millis) -> None:
    """Write `credentials.toml` with keys that work, if the file `is_wanted` or there. Keys that still work stay."""
    path = settings.folder / CREDENTIALS
    if not (is_wanted or path.exists()):
        return
    kept = read_keys(path)
    keys = {}
    for account, user in ACCOUNTS.items():
        key = kept.get(account, "")
        if not await is_good(db, key, now=now):
            user_id = await provisioning.get_user_id(db, user)
            id_, key = await issue(db, user_id, now=now, label=f"{CREDENTIALS} of the first start")
            await record_access(db, "createKey", user_id, by=SERVICE, now=now, target=id_)
        keys[account] = key
    lines = [f'url = "{url_of(settings)}"', ""]
    for account, user in ACCOUNTS.items():
        lines += [f"[{account}]", f'user = "{user}"', f'key = "{keys[account]}"', ""]
    _write_secret(path, "\n".join(lines))


def url_of(settings: Settings) -> str:
    """The address at which local clients reach the service."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def read_keys(path: Path) -> dict[str, str]:
    try:
        read = tomllib.loads(path.read_text("utf-8"))
        return {account: str(read[account]["key"]) for account in ACCOUNTS}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_secret(path: Path, text: str) -> None:
    """Replace a file all at once. Only the owner may read the file."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)
        sync(path.parent)
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from error
