"""Takes the file system away from this process with Landlock, where the kernel has Landlock.

Writing is forbidden everywhere. The caller says what may be read. Source: linux/include/uapi/linux/landlock.h.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
RULE_PATH_BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
READING = READ_FILE | READ_DIR
FILE_RIGHTS_BY_VERSION = {1: 13, 2: 14}
FILE_RIGHTS = 15
NETWORK_SINCE, SCOPES_SINCE = 4, 6
TCP_BIND_AND_CONNECT = 0b11
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


class RulesetAttributes(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


def has_landlock(libc: ctypes.CDLL) -> bool:
    return _version(libc) >= 1


def _version(libc: ctypes.CDLL) -> int:
    version: int = libc.syscall(CREATE_RULESET, None, 0, VERSION_FLAG)
    return version


class OpenedPath(NamedTuple):
    """A path that a process may be allowed to read, as Landlock wants the path named."""

    descriptor: int
    rule: PathBeneath


def opened_path(path: Path) -> OpenedPath | None:
    """Open a path for `forbid_files`; None for a missing file, which needs no permission."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    rights = READING if stat.S_ISDIR(os.fstat(descriptor).st_mode) else READ_FILE
    return OpenedPath(descriptor, PathBeneath(rights, descriptor))


def forbid_files(libc: ctypes.CDLL, readable: Iterable[OpenedPath] | None) -> bool:
    """Forbid writing, TCP, and signals to other processes. Only `readable` may be read (None: everything).

    False: the kernel has no Landlock, or refuses.
    """
    version = _version(libc)
    if version < 1:
        return False
    rights = (1 << FILE_RIGHTS_BY_VERSION.get(version, FILE_RIGHTS)) - 1
    if readable is None:
        rights &= ~READING
    attributes = RulesetAttributes(
        rights,
        TCP_BIND_AND_CONNECT if version >= NETWORK_SINCE else 0,
        ABSTRACT_SOCKETS_AND_SIGNALS if version >= SCOPES_SINCE else 0,
    )
    # An old kernel refuses a structure that is longer than the known structure.
    size = 8 + 8 * (version >= NETWORK_SINCE) + 8 * (version >= SCOPES_SINCE)
    ruleset = libc.syscall(CREATE_RULESET, ctypes.byref(attributes), size, 0)
    if ruleset < 0:
        return False
    for _, rule in readable or ():
        libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    restricted: int = libc.syscall(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return restricted == 0
