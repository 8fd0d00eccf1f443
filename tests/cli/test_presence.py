"""When a worker counts as missing."""

import pytest

from samplebank.cli.presence import absence

NOW = 1_767_312_000_000


@pytest.mark.parametrize("seconds", [0, 60, 120, -30], ids=str)
def test_a_worker_that_was_just_seen_is_not_missed(seconds: int) -> None:
    assert absence("urls", NOW - 1000 * seconds, NOW) is None


def test_a_worker_that_has_gone_is_missed_since_it_was_last_seen() -> None:
    sentence = absence("urls", NOW - 3_600_000, NOW)

    assert sentence == "Nobody has asked for work of urls since 2026-01-01T23:00:00.000Z."
