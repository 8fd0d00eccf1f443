"""The account that runs PostgreSQL when the service is root, and how it reaches what it needs without opening folders of others.

It passes no folder above its own: it inherits the open folder of the database, and everything is named by that. The
programs are copied where they lie in a folder that it may not pass.
"""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from samplebank.errors import Invalid, Unavailable
from samplebank.files import make_own_folder

#: PostgreSQL refuses to run as root; this account runs it then
ACCOUNT = "samplebank-db"
#: where the account finds programs that it cannot reach where they are installed
RUNTIME = Path("/var/lib") / ACCOUNT


def find_account() -> pwd.struct_passwd:
    """The account, made if need be. Raises `Unavailable` where that is impossible."""
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
    """The folder of the programs, or that of a copy named `name`, whichever the account can run."""
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
    """Run a program of PostgreSQL for the cluster in `folder`; answers its exit code.

    The account gets that folder open. In what it is told and passes on, that descriptor stands for the folder.
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
    """The folders beside each other, as they find each other by their places; all at once, and readable for everybody: what is published holds no secrets."""
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
