"""Images of ISO 9660 with two trees of names: files may be hidden from the tree of Windows (Joliet), or from the other one."""

SECTOR, FIRST, MOST = 2048, 16, 16
MARK, OTHER_TREE, LAST = b"CD001", 2, 255


def without_joliet(data: bytes) -> bytes | None:
    """The image with the first tree alone; None where there is one tree. The descriptor of the other tree becomes the last one."""
    for number in range(FIRST, FIRST + MOST):
        place = number * SECTOR
        if not data.startswith(MARK, place + 1) or data[place] == LAST:
            return None
        if data[place] == OTHER_TREE:
            return data[:place] + bytes([LAST]) + data[place + 1 :]
    return None
