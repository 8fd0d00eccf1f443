"""The errors by which readers give up on a damaged part of a file."""

import lzma
import struct
import zipfile
import zlib

#: errors of reading a damaged part: libraries give up in many ways, and names need not be UTF-8
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
