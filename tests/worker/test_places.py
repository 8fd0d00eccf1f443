"""How many tasks a worker takes: as many as there are places, and some ahead while analyses are quick."""

import asyncio

from samplebank.worker.places import AHEAD, LATEST, QUICK, Places

TWO = 2


def taken(places: Places, count: int) -> Places:
    for _ in range(count):
        places.take()
    return places


async def is_open(places: Places) -> bool:
    """Whether a loop would claim now."""
    waiting = asyncio.ensure_future(places.some_free())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    waiting.cancel()
    return bool(done)


def test_at_first_a_worker_takes_as_many_tasks_as_it_has_places() -> None:
    assert Places(TWO).free == TWO


def test_while_analyses_are_quick_tasks_are_taken_ahead() -> None:
    places = Places(TWO)

    places.note(QUICK / 2)

    assert places.free == TWO * (1 + AHEAD)


def test_beside_slow_analyses_no_task_is_taken_ahead() -> None:
    places = Places(TWO)
    places.note(QUICK / 2)

    places.note(QUICK / LATEST)

    assert places.free == TWO


async def test_one_claim_brings_half_of_the_tasks_that_are_taken_ahead() -> None:
    places = Places(TWO)
    places.note(QUICK / 2)
    half = TWO * (1 + AHEAD) // 2
    taken(places, half + 1)

    before = await is_open(places)
    places.give_back()

    assert (before, await is_open(places)) == (False, True)


async def test_without_tasks_ahead_each_place_is_filled_at_once() -> None:
    places = taken(Places(TWO), TWO)

    places.give_back()

    assert await is_open(places)


async def test_a_worker_that_turns_slow_takes_no_task_until_a_place_is_free() -> None:
    places = Places(TWO)
    places.note(QUICK / 2)
    taken(places, TWO + 1)

    places.note(QUICK / LATEST)

    assert not await is_open(places)
