"""Archives made byte by byte: real directories around entries of noise."""

import io
import lzma
import struct
import zipfile

AES, LZMA, COPY = b"\x06\xf1\x07\x01", b"\x03\x01\x01", b"\x00"
LZMA_PROPERTIES = b"\x5d" + (1 << 16).to_bytes(4, "little")


def _number(value: int) -> bytes:
    """A number of at most 14 bits, as 7z writes it."""
    return bytes([value]) if value < 0x80 else bytes([0x80 | value >> 8, value & 0xFF])


def _folder(*coders: tuple[bytes, bytes]) -> bytes:
    listed = b"".join(
        bytes([len(coder) | 0x20]) + coder + _number(len(properties)) + properties
        for coder, properties in coders
    )
    return _number(len(coders)) + listed + b"".join(bytes([n, n + 1]) for n in range(len(coders) - 1))


def _streams(place: int, packed: int, folder: bytes, sizes: list[int]) -> bytes:
    pack = b"\x06" + _number(place) + b"\x01\x09" + _number(packed) + b"\0"
    unpack = b"\x07\x0b\x01\0" + folder + b"\x0c" + b"".join(map(_number, sizes)) + b"\0"
    return pack + unpack


def sevenzip(
    *names: str, password: bool = False, hidden_names: bool = False, packed_header: bool = True
) -> bytes:
    """A 7z archive with one folder of all entries."""
    content = bytes(64)
    secret = [(AES, b"\x53\x07" + bytes(16))] if password or hidden_names else []
    folder = _folder((LZMA, LZMA_PROPERTIES), *secret)
    listed = b"\0" + "".join(f"{name}\0" for name in names).encode("utf-16-le")
    header = b"\x01\x04" + _streams(0, len(content), folder, [640] * (1 + len(secret)))
    header += b"\x08\x0d" + _number(len(names)) + b"\x09" + _number(10) * (len(names) - 1) + b"\0\0"
    header += b"\x05" + _number(len(names)) + b"\x11" + _number(len(listed)) + listed + b"\0\0"
    if not packed_header and not hidden_names:
        return _sevenzip_start(len(content), header) + content + header
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    small = lzma.compress(header, lzma.FORMAT_RAW, filters=filters)
    coders = [(LZMA, LZMA_PROPERTIES), *(secret if hidden_names else [])]
    sizes = [len(header)] * len(coders)
    outer = b"\x17" + _streams(len(content), len(small), _folder(*coders), sizes) + b"\0"
    return _sevenzip_start(len(content) + len(small), outer) + content + small + outer


def _sevenzip_start(offset: int, header: bytes) -> bytes:
    return b"7z\xbc\xaf\x27\x1c\0\x04" + bytes(4) + struct.pack("<QQI", offset, len(header), 0)


def rar_4(*names: str, password: bool = False, hidden_names: bool = False) -> bytes:
    content = b"Rar!\x1a\x07\0" + struct.pack("<HBHH6x", 0, 0x73, 0x80 if hidden_names else 0, 13)
    if hidden_names:
        return content + bytes(range(64))
    for name in names:
        text, data = name.encode("cp437"), b"content"
        fields = struct.pack("<IIBIIBBHI", len(data), len(data), 2, 0, 0, 29, 0x30, len(text), 0x20)
        flags = 0x8000 | (0x04 if password else 0)
        content += struct.pack("<HBHH", 0, 0x74, flags, 7 + len(fields) + len(text)) + fields + text + data
    return content + struct.pack("<HBHH", 0, 0x7B, 0x4000, 7)


def rar_5(*names: str, password: bool = False, hidden_names: bool = False) -> bytes:
    content = b"Rar!\x1a\x07\x01\0"
    if hidden_names:
        return content + _block_5(b"\x04\0\0\0\x0f" + bytes(16)) + bytes(range(64))
    content += _block_5(b"\x01\0\0")
    for name in names:
        text, data = name.encode(), b"content"
        extra = b"\x31\x01\0\0\x0f" + bytes(45) if password else b""
        header = b"\x02" + (b"\x03" + bytes([len(extra)]) if password else b"\x02") + bytes([len(data)])
        header += (
            b"\x04" + bytes([len(data)]) + b"\x20" + bytes(4) + b"\0\0" + bytes([len(text)]) + text + extra
        )
        content += _block_5(header) + data
    return content + _block_5(b"\x05\0\0")


def _block_5(header: bytes) -> bytes:
    return bytes(4) + bytes([len(header)]) + header


def arj(*names: str, password: bool = False) -> bytes:
    def header(name: str, packed: int, kind: int = 0) -> bytes:
        fields = struct.pack(
            "<8B3IIHHH", 30, 11, 1, 0, int(password), 1, kind, 0, 0, packed, packed, 0, 0, 0, 0
        )
        text = fields + name.encode() + b"\0\0"
        return b"\x60\xea" + struct.pack("<H", len(text)) + text + bytes(4) + bytes(2)

    entries = b"".join(header(name, 7) + b"content" for name in names)
    return header("all.arj", 0, kind=2) + entries + b"\x60\xea\0\0"


def ace(*names: str, password: bool = False) -> bytes:
    main = struct.pack("<BH", 0, 0) + b"**ACE**" + bytes(20)
    content = struct.pack("<HH", 0, len(main)) + main
    for name in names:
        text = name.encode()
        entry = (
            struct.pack("<BHIIIIIBBHHH", 1, 1 | 0x4000 * password, 7, 7, 0, 0x20, 0, 1, 3, 0, 0, len(text))
            + text
        )
        content += struct.pack("<HH", 0, len(entry)) + entry + b"content"
    return content


def zipped(*names: str, flags: int = 0, method: int = 0) -> bytes:
    """A ZIP file whose entries, or whose last entry, have the given fields, in the central directory only."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    made = bytearray(content.getvalue())
    last = made.rindex(b"PK\x01\x02")
    made[last + 8 : last + 12] = struct.pack("<HH", flags, method)
    return bytes(made)


def open_document(*, password: bool) -> bytes:
    data = '<manifest:encryption-data manifest:checksum-type="SHA1"/>' if password else ""
    manifest = (
        '<manifest:manifest><manifest:file-entry manifest:full-path="/" manifest:media-type="text"/>'
        f'<manifest:file-entry manifest:full-path="content.xml" manifest:size="9">\n  {data}</manifest:file-entry>'
        "</manifest:manifest>"
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", "x" * 100)
        archive.writestr("META-INF/manifest.xml", manifest)
    return content.getvalue()


def compound(**streams: bytes) -> bytes:
    """A compound file of 512-byte sectors: a directory in the first, then the streams, one sector each."""
    entries = b""
    for number, (name, _) in enumerate(streams.items(), 1):
        text = name.replace("_", " ").encode("utf-16-le")
        entry = text.ljust(64, b"\0") + struct.pack("<HBB", len(text) + 2, 2, 1)
        entries += entry.ljust(116, b"\0") + struct.pack("<IQ", number, 512)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(30, b"\0") + struct.pack("<HH", 9, 6)
    body = b"".join(content.ljust(512, b"\0") for content in streams.values())
    return header.ljust(512, b"\0") + entries.ljust(512, b"\0") + body
