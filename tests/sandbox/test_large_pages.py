"""A child is cheap to fork: the memory of the child is gathered, and nothing is imported that a call does not need."""

import subprocess
import sys

from samplebank.sandbox.large_pages import own_memory

MAPS = """\
559a0c000000-559a0c600000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000800000 rw-p 00000000 00:00 0
7f0000800000-7f0000900000 r-xp 00000000 08:01 1311     /usr/lib/a folder/libc.so.6
7f0000900000-7f0000a00000 rw-p 00100000 08:01 1311     /usr/lib/a folder/libc.so.6
7f0000a00000-7f0000b00000 r--p 00000000 00:00 0
7f0000b00000-7f0000c00000 rw-s 00000000 00:00 0
7ffd00000000-7ffd00100000 rw-p 00000000 00:00 0                          [stack]
"""
GATHERED = """
import ctypes
from samplebank.sandbox.large_pages import gather_memory
numbers = [str(number) for number in range(300_000)]
gather_memory(ctypes.CDLL(None))
assert numbers == [str(number) for number in range(300_000)]
print("the same")
"""
IMPORTED = "import sys, samplebank.sandbox.child; print({'asyncio', 'ssl'} & sys.modules.keys())"


def printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_written_memory_of_no_file_is_gathered() -> None:
    found = list(own_memory(MAPS))

    assert found == [(0x559A0C000000, 0x559A0C600000), (0x7F0000000000, 0x7F0000800000)]


def test_gathered_memory_keeps_its_content() -> None:
    assert printed(GATHERED) == "the same"


def test_a_child_imports_neither_asyncio_nor_tls() -> None:
    assert printed(IMPORTED) == "set()"
