"""What is found in a file does not depend on how busy the machine is."""

import time

import pytest

from samplebank.worker.analysers.allowance import Allowance
from samplebank.worker.analysers.extract.passwords import Words


def test_time_in_which_the_process_had_no_processor_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Words(["infected", "1234"])
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3600)

    assert list(words.to_try()) == ["infected", "1234"]


def test_an_allowance_ends_with_the_processor_time_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    allowance = Allowance(20.0)
    used = time.process_time()
    monkeypatch.setattr(time, "process_time", lambda: used + 21)

    assert allowance.is_over
