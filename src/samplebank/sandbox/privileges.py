"""Gives up all rights of the service's account that other accounts lack.

Source: linux/capability.h, linux/prctl.h, capabilities(7).
"""

import ctypes
import os

SET_KEEP_CAPABILITIES, DROP_FROM_BOUND, SET_AMBIENT, CLEAR_ALL_AMBIENT = 8, 24, 47, 4
VERSION_3 = 0x20080522
MOST_CAPABILITIES = 64
#: the account "nobody", by its number: not every machine has an entry for the name
NOBODY = 65534


class Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("process", ctypes.c_int))


class Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def leave_root(libc: ctypes.CDLL) -> None:
    """Become "nobody", but stay root for access to files: the code may lie in a folder that only root can read.

    Landlock bounds which files are read. Where the kernel refuses the change, as in containers without capabilities, nothing
    happens.
    """
    if os.geteuid() != 0:
        return
    libc.prctl(SET_KEEP_CAPABILITIES, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        return
    _set_capabilities(libc, _permitted(libc))
    libc.setfsuid(0)


def drop_capabilities(libc: ctypes.CDLL) -> None:
    """Drop all capabilities, and every set from which the process could regain capabilities."""
    for capability in range(MOST_CAPABILITIES):
        # Refused to a process without capabilities. The bounding set gives such a process nothing.
        libc.prctl(DROP_FROM_BOUND, capability, 0, 0, 0)
    libc.prctl(SET_AMBIENT, CLEAR_ALL_AMBIENT, 0, 0, 0)
    _set_capabilities(libc, (0, 0))


def _permitted(libc: ctypes.CDLL) -> tuple[int, int]:
    header, sets = Header(VERSION_3, 0), (Sets * 2)()
    libc.capget(ctypes.byref(header), ctypes.byref(sets))
    return sets[0].permitted, sets[1].permitted


def _set_capabilities(libc: ctypes.CDLL, halves: tuple[int, int]) -> None:
    header, sets = Header(VERSION_3, 0), (Sets * 2)(*(Sets(half, half, 0) for half in halves))
    libc.capset(ctypes.byref(header), ctypes.byref(sets))
