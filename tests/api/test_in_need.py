"""A machine in need is 503 with a sentence that names the need, and not an error of the service."""

import errno
from types import SimpleNamespace

import msgspec
import pytest

from samplebank.api.app import HANDLERS


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "A disk of the service is full"),
        (errno.EDQUOT, "used up its share of a disk"),
        (errno.EROFS, "takes no changes"),
        (errno.EMFILE, "too many files open"),
        (errno.EIO, "lacks a part"),
    ],
)
def test_what_the_machine_lacks_is_named(number: int, said: str) -> None:
    request = SimpleNamespace(scope={"state": {}})

    refused = HANDLERS[Exception](request, OSError(number, "what the system says"))

    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert said in msgspec.json.decode(refused.content)["messages"][0]["message"]
