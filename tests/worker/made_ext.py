"""A file system of Linux with a journal, as mkfs.ext4 makes it, with one file."""

import base64
import lzma

#: the file in the file system
NAME, CONTENT = "run.bat", b"start calc\n"
IMAGE = (
    "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM//+YAsldAABv/f//o7d/UppKB7s0ZRoqbfW/KKPc3OoB89z+2PtuDkuBpQURN/VYomk+"
    "zaZ8jjxCbUUcU/+jMvBZ58/nLV1NqlDPZLP7D4TI+i9dfCw/QlKL3AxnGWC/kb3lTFP7GSlQjK4NWVMa5PX2UFTtLxvs4l9QSDEQ"
    "DdQ+rb7HzYz8mxaV07yGL7hz6fC6q74beb4YDXadr/scd9NV2/7tREE21tMQCaR9iz5+gKFXXkVgUS7cfqZ7cbWsYg9y5t9Gnw9Q"
    "/Zc0OvH3qZvW/0/ZIFRlanC9p2VvHmWiF3trz9fHTmwYMi9fPz+2YwY7GGmk6EcXVRHmom/6nZi3xwajmkKBrsuE/qvw55GbsurN"
    "dtuEdifSHmTitaGadaMg04OQ30cRg9t3Q8hl/N2Cih+ZGmDXTvWiMh3ZFX4l+ibC0G+s99JPmBaU5k92ZzqbF2t5J+UG9GHlqk0a"
    "hdwEl9BEEuNGAiVoar2zoLVS87/oTVcUROS4amAl1Myq3NJdf4G/5DivUiFIe8IZ/DFvV4SOVBnORa4zxCGZWgnISBX+RDsWXhvs"
    "E0JqN7LGmDJNG9RXc22m4cj+eSG1qDOPYoR9WlFiknRJXMRtspLnoMjOBwTun96lQsuIP1wAj9BOryYolHEfPY8k4XCepyNf7CjL"
    "hdGVmIp+KpHyJ3X3GcAGmE2Y/div1ZAPxCVT+PWRNjEFpbDub8FwTUcM0ZERqq1gHbrOsScYWazkI8gwQ5UcF45orrudjl/uecHp"
    "DbtBF01FdqxZ5OVbBQj5x9qt/PtSK3TNHlsgQvndUz34KWQJO4DLKmzftTvwxL0uX6oPPktmQpATDv8Qk/hxeFn4C83/lShGD6n8"
    "fN77mjAuVsCPhfODgcBlxCVT+PWRNjEFpbDub8FwTUcM0ZERqq1gHbrOsScYXFmG6WZSWL7pdqxZ5OVbBQj5x9pfQDbCkHBmAJ0A"
    "7HNTp/2+rnwxGp+3jTFucJ6nI1/sKMuF0ZWYin4qkfIndfcZwAaYTZj92K/VkA/EJVP49ZE2MQWlsO5vwXBNRwzRkRGqrWAdus6x"
    "JxhcWYbpZlJYvul2rFnk5VsFCPnH2q38+1IrdM0eWyBC+d1TPfgpZAk7gMsqbN+1O/DEvS5fqg8+S2ZCkBMO/xCT+HF4WfgLzf+V"
    "KEUBRIXZwACyWpVcrEdjTwABiAeA4MEBei7LYrHEZ/sCAAAAAARZWg=="
)


def ext_with_journal() -> bytes:
    return lzma.decompress(base64.b64decode(IMAGE))
