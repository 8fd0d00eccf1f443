"""An ISO image with a file that Joliet, the tree of names that Windows shows, lacks; as genisoimage makes it."""

import base64
import lzma

#: the contents of the hidden and of the shown file
HIDDEN, SHOWN = b"start calc\n", b"start notepad\n"
IMAGE = (
    "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Qf/AzFdAABv/f//o7f/Rz5IFXI5YVG4kijmo4YH+e7kHoLTL8U6PAFLsX7JiopNL6MN"
    "2X+m44wjEVPgWRjFdYrid/dE790OjkefKuUNdUG7Q609LBi0BT3LYTAYxkCvbwbKQQUrdFIbsxil3fgWOlIq52m3OgSdiy+Gl/Bw"
    "9R8etcfLDYxFcl4uXzMkbOSyLO3JlIhXIX1mq7/SnKfOLHPr8uOxXcvqtgQxIqWzadxXr4x2B8lQjpXFz8+SVaVCgkxc4vSWaNaS"
    "w9Peoj5jgMQQ3ZvYhq2jnWG5DzqTVb9TDZgWW/geQMZvULJei7tnZDA46lW4zrrtifxm10alky9Gnk9QXHY4QdOh12pZSJvtlBmT"
    "A3H6Ld2jc/LCCBYCxnJCsLj42sjO7ijnjCI2Enmca6l0L7wRhlWyoY8X5TPudnUOkbZzs0eatl8/EHOnfhJnXvQ6X1e7qNTvmwP7"
    "O+R1e7cmSMLlcQ9vRdP81KM7X2QAfpdW2ZjXEFoJUXVlmJMxouYX6NJvML7GuDujUygiyvTFwEOSstTx2+52mA7U06eTwwasHdQW"
    "sJFlW4LdNMZUGyx8VtPE4AHb1O4azW5XCUzKDqpKcaeAfZ6ZAJsz/uJv/r3LPLmgm1s8+Fv+v76beW37nM6Kd0CSTJU8T7p6asfr"
    "nEtrCjmD96Yj3jNBPcS312VCtFmPq2Ge8noNvpxR3MdXHE9yl2RLLXSpRjvDdx1LkMyUh+KjNyU/t9roXLkhpIqNoHMnJ8ONjySn"
    "UO4WLdC8DSqRdEGxeC5Mnx6EcXc0C3wkcqhpvJ1Wy7feoq89SPtm2/tBFJqvbq59DAjdI8EC5ck0ZHr6oVG5uIVFv8m6ogrH8xfL"
    "3O6Y2X47ABtNXbAiHY6HsUkbBiDTQ9wIwxasFoAOJj3hmD+hNfLZNyxEsHYqszgrSSlwKxcUYK3sMc8XnrvGHXEw2t4OSpMoMiC+"
    "yGoskWpdwR0bK/AF67E0LYkD+0zRqufLX4NZqPdFD/2D6AR9FxXK/tZDJH3K4YjSdzbnkCTLuwacBFvNyYTdQda0AZHEoW7kyKQn"
    "Oy0VK8AZiMFC1S1LH0y+2wD2nwgksAAAAAAAYjbP1ZLJdVQAAc0GgJAEANjnRZWxxGf7AgAAAAAEWVo="
)


def iso_with_a_hidden_file() -> bytes:
    return lzma.decompress(base64.b64decode(IMAGE))
