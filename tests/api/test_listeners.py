"""Clients who listen for a long time leave when the service stops."""

import pytest

from samplebank.errors import TooMany
from samplebank.http.listeners import Listeners


class Ear:
    """A client who listens until the end is told."""

    user_id = 1

    def __init__(self) -> None:
        self.has_ended = False

    def end(self) -> None:
        self.has_ended = True


@pytest.fixture
def listeners() -> Listeners[Ear]:
    return Listeners(1, "Too many ears.", wait=1)


def test_who_listens_is_sent_away_when_the_service_stops(listeners: Listeners[Ear]) -> None:
    ear = Ear()

    with listeners.joined(ear):
        listeners.close()

    assert ear.has_ended


def test_who_comes_while_the_service_stops_is_sent_away_at_once(listeners: Listeners[Ear]) -> None:
    ear = Ear()
    listeners.close()

    with listeners.joined(ear):
        assert ear.has_ended


def test_a_place_is_free_again_when_a_listener_has_gone(listeners: Listeners[Ear]) -> None:
    with listeners.joined(Ear()), pytest.raises(TooMany, match="ears"), listeners.joined(Ear()):
        pass

    with listeners.joined(Ear()):
        pass
