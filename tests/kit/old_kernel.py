"""Runs a program as on a kernel without Landlock: `python -m kit.old_kernel PROGRAM [ARGUMENT...]`."""

import ctypes
import errno
import os
import struct
import sys

from samplebank.sandbox.landlock import CREATE_RULESET
from samplebank.sandbox.seccomp import (
    ALLOW,
    DENY,
    JUMP_IF_EQUAL,
    LOAD_WORD,
    NUMBER_OFFSET,
    RETURN,
    FilterProgram,
)

SET_NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2


def forget_landlock() -> None:
    program = (
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        (JUMP_IF_EQUAL, 0, 1, CREATE_RULESET),
        (RETURN, 0, 0, DENY | errno.ENOSYS),
        (RETURN, 0, 0, ALLOW),
    )
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
    libc = ctypes.CDLL(None)
    libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    assert libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(FilterProgram(len(program), code))) == 0


if __name__ == "__main__":
    forget_landlock()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 -- what the test names
