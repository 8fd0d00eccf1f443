"""What stands in a sample, read at an offset: bytes, strings, places of a pattern. The cost does not depend on the size.

Nothing here knows a format of files. Bytes are compared with bytes, a bounded window at a time, in a thread, in linear time.
"""

from samplebank.contents.counting import ByteCounts, count_bytes
from samplebank.contents.finding import Form, Found, Pattern, find, read_pattern
from samplebank.contents.strings import FoundString, Kind, Strings, strings_window
from samplebank.contents.windows import page_of_bytes

__all__ = [
    "ByteCounts",
    "Form",
    "Found",
    "FoundString",
    "Kind",
    "Pattern",
    "Strings",
    "count_bytes",
    "find",
    "page_of_bytes",
    "read_pattern",
    "strings_window",
]
