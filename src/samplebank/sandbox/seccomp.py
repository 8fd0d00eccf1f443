"""Forbids this process all system calls except the calls that a parser needs.

Source: linux/seccomp.h, linux/bpf_common.h, and the manual pages of the calls whose arguments are looked at.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping, Sequence
from functools import cache

import msgspec

from samplebank.sandbox.system_calls import ALLOWED, RESTRICTED, SECCOMP, Numbers

LOAD_WORD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET, ARGUMENT_BYTES = 0, 4, 16, 8
ALLOW, DENY, KILL = 0x7FFF0000, 0x00050000, 0x80000000
CLONE_THREAD = 0x00010000
X32_CALLS = 0x40000000
SET_MODE_FILTER, IS_ACTION_AVAILABLE, ALL_THREADS = 1, 2, 1
CLONE3 = 435  # the same number everywhere
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: not F_SETOWN, which sends signals to others
DESCRIPTOR_COMMANDS = (0, 1, 2, 3, 4, 1030)
# TCGETS, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
DEVICE_COMMANDS = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
# PR_SET_NAME, PR_GET_NAME, PR_SET_VMA
PROCESS_OPTIONS = (15, 16, 0x53564D41)

# MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL, MSG_NOSIGNAL: not MSG_OOB, whose code in the kernel nobody needs and had faults
LINE_FLAGS = (0, 0x2, 0x40, 0x100, 0x4000)

# O_WRONLY, O_RDWR, O_CREAT, O_TRUNC: Landlock forbids truncation only since Linux 6.2, and O_TRUNC works with O_RDONLY, too
WRITING = 0o1103
FLAGS_OF_OPEN: Mapping[str, int] = {"open": 1, "openat": 2}

#: stands for the number of the process that installs the filter
OWN_PROCESS = 0x7FFFFFF1
INSTRUCTION = struct.Struct("<HBBI")
Instruction = tuple[int, int, int, int]


class Machine(msgspec.Struct, frozen=True):
    """`place` is the index of this architecture in `Numbers`."""

    architecture: int
    place: int

    def number(self, numbers: Numbers) -> int | None:
        return numbers[self.place]


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(architecture=0xC000003E, place=0),
    "aarch64": Machine(architecture=0xC00000B7, place=1),
}


class FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def has_filters(libc: ctypes.CDLL) -> bool:
    """Whether this kernel and machine have what `forbid_system_calls` needs."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    action = ctypes.c_uint32(DENY)
    available: int = libc.syscall(machine.number(SECCOMP), IS_ACTION_AVAILABLE, 0, ctypes.byref(action))
    return available == 0


def prepare_filter() -> None:
    """Make the filter beforehand, so that each process only puts its own number in."""
    machine = MACHINES.get(platform.machine())
    if machine is not None:
        _code(machine)


def forbid_system_calls(libc: ctypes.CDLL) -> bool:
    """Install the filter. The process must have no_new_privs. False: the kernel or the machine has no filters."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    code = _code(machine).replace(_packed(OWN_PROCESS), _packed(os.getpid()))
    program = FilterProgram(len(code) // INSTRUCTION.size, code)
    installed: int = libc.syscall(
        machine.number(SECCOMP), SET_MODE_FILTER, ALL_THREADS, ctypes.byref(program)
    )
    return installed == 0


@cache
def _code(machine: Machine) -> bytes:
    return b"".join(INSTRUCTION.pack(*instruction) for instruction in _program(machine))


def _packed(process: int) -> bytes:
    """The instruction that compares an argument with the number of a process."""
    return INSTRUCTION.pack(JUMP_IF_EQUAL, 0, 1, process)


def _program(machine: Machine) -> list[Instruction]:
    program: list[Instruction] = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_IF_EQUAL, 1, 0, machine.architecture),
        (RETURN, 0, 0, KILL),
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        (JUMP_IF_AT_LEAST, 0, 1, X32_CALLS),
        (RETURN, 0, 0, DENY | errno.EPERM),
        # On ENOSYS glibc falls back to clone. A filter can see the flags of clone, and not the flags of clone3.
        (JUMP_IF_EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, DENY | errno.ENOSYS),
    ]
    for numbers in ALLOWED.values():
        number = machine.number(numbers)
        if number is not None:
            program += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    for name, (argument, test, values) in _restrictions().items():
        number = machine.number(RESTRICTED[name])
        if number is not None:
            program += _only_if(number, argument, test, values)
    for name, argument in FLAGS_OF_OPEN.items():
        number = machine.number(RESTRICTED[name])
        if number is not None:
            program += _unless(number, argument, WRITING)
    return [*program, (RETURN, 0, 0, DENY | errno.EPERM)]


def _restrictions() -> Mapping[str, tuple[int, int, Sequence[int]]]:
    """For each restricted call: an argument counted from 0, a test, and the values of which one must pass the test."""
    return {
        "clone": (0, JUMP_IF_BITS, (CLONE_THREAD,)),
        "prlimit64": (0, JUMP_IF_EQUAL, (0,)),
        "recvfrom": (3, JUMP_IF_EQUAL, LINE_FLAGS),
        "sendto": (3, JUMP_IF_EQUAL, LINE_FLAGS),
        "tgkill": (0, JUMP_IF_EQUAL, (OWN_PROCESS,)),
        "fcntl": (1, JUMP_IF_EQUAL, DESCRIPTOR_COMMANDS),
        "ioctl": (1, JUMP_IF_EQUAL, DEVICE_COMMANDS),
        "prctl": (0, JUMP_IF_EQUAL, PROCESS_OPTIONS),
    }


def _only_if(number: int, argument: int, test: int, values: Sequence[int]) -> list[Instruction]:
    tests = [instruction for value in values for instruction in ((test, 0, 1, value), (RETURN, 0, 0, ALLOW))]
    return [
        (JUMP_IF_EQUAL, 0, len(tests) + 2, number),
        (LOAD_WORD, 0, 0, ARGUMENTS_OFFSET + ARGUMENT_BYTES * argument),
        *tests,
        (RETURN, 0, 0, DENY | errno.EPERM),
    ]


def _unless(number: int, argument: int, bits: int) -> list[Instruction]:
    """Allow a call if none of `bits` is set in the argument, counted from 0."""
    return [
        (JUMP_IF_EQUAL, 0, 4, number),
        (LOAD_WORD, 0, 0, ARGUMENTS_OFFSET + ARGUMENT_BYTES * argument),
        (JUMP_IF_BITS, 0, 1, bits),
        (RETURN, 0, 0, DENY | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
