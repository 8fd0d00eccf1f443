"""Takes system calls away from this process that no parser needs: programs, sockets, other processes.

Source: linux/seccomp.h, linux/bpf_common.h and the system call tables of the two architectures.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Mapping

import msgspec

LOAD_WORD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_OFFSET, ARCHITECTURE_OFFSET, FIRST_ARGUMENT_OFFSET = 0, 4, 16
ALLOW, DENY, KILL = 0x7FFF0000, 0x00050000, 0x80000000
CLONE_THREAD = 0x00010000
X32_CALLS = 0x40000000
SET_MODE_FILTER, ALL_THREADS = 1, 1
CLONE3 = 435  # the same number everywhere

Instruction = tuple[int, int, int, int]


class Machine(msgspec.Struct, frozen=True):
    architecture: int
    seccomp: int
    clone: int
    set_limits_of: int
    signal_thread_of: int
    denied: tuple[int, ...]


# fork, vfork, execve, execveat · socket, connect, bind, listen · ptrace, process_vm_readv/writev · kill, tkill and
# kin, pidfd_open/getfd · keys · bpf, perf, userfaultfd, io_uring · mounts and namespaces
MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(
        architecture=0xC000003E,
        seccomp=317,
        clone=56,
        set_limits_of=302,
        signal_thread_of=234,
        denied=(
            *(57, 58, 59, 322, 41, 42, 49, 50, 101, 310, 311, 62, 200, 129, 297, 424, 434, 438),
            *(248, 249, 250, 321, 298, 323, 425, 426, 427, 165, 166, 272, 308),
        ),
    ),
    "aarch64": Machine(
        architecture=0xC00000B7,
        seccomp=277,
        clone=220,
        set_limits_of=261,
        signal_thread_of=131,
        denied=(
            *(221, 281, 198, 203, 200, 201, 117, 270, 271, 129, 130, 138, 240, 424, 434, 438),
            *(217, 218, 219, 280, 241, 282, 425, 426, 427, 40, 39, 97, 268),
        ),
    ),
}


class FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid_system_calls(libc: ctypes.CDLL) -> bool:
    """Needs no_new_privs. False: this kernel or machine has no such filter."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    program = _program(machine)
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
    installed: int = libc.syscall(
        machine.seccomp, SET_MODE_FILTER, ALL_THREADS, ctypes.byref(FilterProgram(len(program), code))
    )
    return installed == 0


def _program(machine: Machine) -> list[Instruction]:
    program: list[Instruction] = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_IF_EQUAL, 1, 0, machine.architecture),
        (RETURN, 0, 0, KILL),
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        (JUMP_IF_AT_LEAST, 0, 1, X32_CALLS),
        (RETURN, 0, 0, DENY | errno.EPERM),
        # glibc falls back to clone, whose flags a filter can see
        (JUMP_IF_EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, DENY | errno.ENOSYS),
    ]
    for number in machine.denied:
        program += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, DENY | errno.EPERM)]
    program += _only_if(machine.clone, JUMP_IF_BITS, CLONE_THREAD)
    program += _only_if(machine.set_limits_of, JUMP_IF_EQUAL, 0)
    program += _only_if(machine.signal_thread_of, JUMP_IF_EQUAL, os.getpid())
    return [*program, (RETURN, 0, 0, ALLOW)]


def _only_if(number: int, test: int, value: int) -> list[Instruction]:
    """Allow a system call only when its first argument passes the test."""
    return [
        (JUMP_IF_EQUAL, 0, 4, number),
        (LOAD_WORD, 0, 0, FIRST_ARGUMENT_OFFSET),
        (test, 1, 0, value),
        (RETURN, 0, 0, DENY | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
