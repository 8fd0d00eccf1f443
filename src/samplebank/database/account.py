"""The account that runs PostgreSQL when the service is root, and its access to files without opening folders of others.

The account passes no folder above the folder of the database. The account inherits the folder as an open descriptor, and
every path begins with the descriptor. Programs in a folder that the account may not pass are copied.
"""

import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from samplebank.errors import Invalid, Unavailable
from samplebank.files import make_own_folder

#: PostgreSQL refuses to run as root; the account runs PostgreSQL then
ACCOUNT = "samplebank-db"
#: the folder for copies of programs that the account cannot reach in the place of installation
RUNTIME = Path("/var/lib") / ACCOUNT

#: what `pg_ctl` gives to a shell, or takes for the end of a path
ODD = re.compile(r"['\"$`,\r\n]")
UNFIT = (
    "The embedded PostgreSQL cannot be in {}, as its programs do not take {!r} in a path: name another data folder in "
    "SAMPLEBANK_DATA_DIR."
)


def refuse_unfit(folder: Path) -> None:
    """Raise `Invalid` for a folder whose path the programs of PostgreSQL cannot be given."""
    if found := ODD.search(str(folder)):
        raise Invalid(UNFIT.format(folder, found[0]))


def find_account() -> pwd.struct_passwd:
    """Get the account, made if need be. Raises `Unavailable` if the account cannot be made."""
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise Unavailable(
            f"PostgreSQL does not run as root: make an account named {ACCOUNT}, or start Samplebank as another user.",
        )
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 a fixed command
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise Unavailable(f"The account {ACCOUNT} could not be made: {done.stderr.strip()}") from None


def reachable_programs(programs: Path, account: pwd.struct_passwd, name: str) -> Path:
    """Get the folder of programs that the account can run: `programs`, or else the folder of a copy named `name`."""
    if _can_run(programs, account):
        return programs
    package = programs.parents[1]
    copy = RUNTIME / name
    try:
        if not copy.exists():
            _copy((package, package.with_name(f"{package.name}.libs")), copy)
    except OSError as error:
        raise Invalid(
            f"PostgreSQL runs as {ACCOUNT}, which may not pass the folders above {programs}, and a copy in {copy} "
            f"cannot be made: {error.strerror}. Install Samplebank elsewhere, or start it as another user."
        ) from error
    return copy / programs.relative_to(package.parent)


def run_for_cluster(
    folder: Path, command: Sequence[str], *, account: pwd.struct_passwd | None, output: IO[str]
) -> int:
    """Run a program of PostgreSQL for the cluster in `folder`; answers the exit code.

    The account gets the folder as an open descriptor. In the arguments, also those for further programs, the descriptor
    stands for the folder.
    """
    inherited: list[int] = []
    identity: dict[str, Any] = {}
    if account is not None:
        inherited = [os.open(folder, os.O_PATH | os.O_DIRECTORY)]
        command = [
            command[0],
            *(part.replace(str(folder), f"/proc/self/fd/{inherited[0]}") for part in command[1:]),
        ]
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        return subprocess.run(  # noqa: S603 the program is one of PostgreSQL's own
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=folder / "data",
            check=False,
            start_new_session=True,
            pass_fds=inherited,
            **identity,
        ).returncode
    finally:
        for descriptor in inherited:
            os.close(descriptor)


def _can_run(programs: Path, account: pwd.struct_passwd) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 the program is one of PostgreSQL's own
            [str(programs / "postgres"), "--version"],
            capture_output=True,
            check=False,
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy(folders: Iterable[Path], copy: Path) -> None:
    """Copy the folders, all at once, and readable for everybody: published programs hold no secrets.

    The copies lie beside each other, as the folders find each other by their places.
    """
    make_own_folder(RUNTIME, owner=0, group=0, mode=0o755)
    fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
    for folder in folders:
        shutil.copytree(folder, fresh / folder.name, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        fresh.rename(copy)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.exists():  # else another start was faster
            raise


def end_of(said: str, most: int = 500) -> str:
    """The last lines of what a program said, in `most` letters at most: whole lines where there are some."""
    said = said.strip()
    if len(said) <= most:
        return said
    _, _, whole = said[-most - 1 :].partition("\n")
    return whole or said[-most:]
