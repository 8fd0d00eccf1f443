"""Fetches packages with the client of each registry, checks their digests, and unpacks the packages without running them."""

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from trial.packages import Package, Registry

#: seconds in which a package must come
PATIENCE = 600


class Unfetched(Exception):
    """The package is not to be had, or is another one. The text says why."""


def fetch(package: Package, folder: Path) -> Path:
    """Fetch a package, unless the folder has the package, and unpack the package. Returns the folder of its files.

    Raises `Unfetched`.
    """
    there = folder / package.sha256
    if there.is_dir():
        return there
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = _download(package, Path(scratch))
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != package.sha256:
            raise Unfetched(f"{package} has the digest {digest} instead of {package.sha256}.")
        files = Path(scratch, "files")
        files.mkdir()
        _unpack(archive, files)
        files.rename(there)
    return there


def _download(package: Package, folder: Path) -> Path:
    command = COMMANDS[package.registry](package)
    if shutil.which(command[0]) is None:
        raise Unfetched(f"{package} needs the program {command[0]}, which is not installed.")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise Unfetched(f"{package} did not come within {PATIENCE} s.") from None
    found = [path for path in folder.iterdir() if path.is_file()]
    if done.returncode or len(found) != 1:
        raise Unfetched(f"{package} did not come: {done.stderr.strip()[-300:] or 'nothing was downloaded'}")
    return found[0]


def _by_apt(package: Package) -> list[str]:
    return ["apt-get", "download", f"{package.name}={package.version}"]


def _by_pip(package: Package) -> list[str]:
    chosen = ["--no-binary", package.name] if package.source else ["--only-binary", ":all:"]
    platform = [] if package.platform is None else ["--platform", package.platform]
    wanted = f"{package.name}=={package.version}"
    return [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *chosen, *platform, wanted]


def _by_npm(package: Package) -> list[str]:
    return ["npm", "pack", "--silent", f"{package.name}@{package.version}"]


COMMANDS = {Registry.DEBIAN: _by_apt, Registry.PYPI: _by_pip, Registry.NPM: _by_npm}


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True, timeout=PATIENCE)
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                opened.extract(name, folder)  # which drops what leads out of the folder
    else:
        with tarfile.open(archive) as opened:
            for member in opened:
                with contextlib.suppress(
                    tarfile.FilterError
                ):  # a link or a path that leads out of the folder
                    opened.extract(member, folder, filter="data")
