"""Karton and the bridge die in the middle of an analysis: everything is stored in the end, and once."""

from pathlib import Path

from kit.bank import Sample, eventually
from kit.karton import STAGED, Kartons, program, staged


def inside(sample: Sample) -> Sample:
    """The child that the staged service finds in a sample."""
    return Sample(data=sample.data + b" inside")


def test_a_service_that_dies_at_work_does_its_task_again(kartons: Kartons, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    sample = kartons.submit(staged("hang", str(begun)))
    assert eventually(begun.exists)

    kartons.karton.kill(STAGED)
    kartons.karton.launch(STAGED)
    task = kartons.ended(sample)

    assert task["state"] == "success"
    assert {"type": "behaviour", "value": "done"} in kartons.analyses(sample)["karton.staged"]["tags"]
    assert kartons.links(sample) == [("child", inside(sample).sha256)]
    assert len(kartons.bank.data(kartons.bank.get(f"{inside(sample).path}/submission"))) == 1
    assert kartons.account(sample)["restarted"] == 1


def test_a_bridge_that_dies_goes_on_with_its_lease_and_uses_up_no_attempt(
    kartons: Kartons, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    sample = kartons.submit(staged("hang", str(begun)))
    assert eventually(begun.exists)

    for _ in range(4):  # one more than there are attempts
        kartons.bridge.kill()
        kartons.bridge.start()
    kartons.karton.kill(STAGED)
    kartons.karton.launch(STAGED)
    task = kartons.ended(sample)

    assert (task["state"], task["message"]) == ("success", "")
    assert kartons.links(sample) == [("child", inside(sample).sha256)]
    assert set(kartons.analyses(inside(sample))) == {"karton.staged"}


def test_a_task_that_the_router_has_taken_and_lost_is_routed_again(kartons: Kartons) -> None:
    kartons.karton.kill("system")
    sample = kartons.submit(program())
    redis = kartons.redis()

    assert eventually(lambda: redis.lpop("karton.tasks"))
    kartons.karton.launch("system")
    task = kartons.ended(sample)

    assert task["state"] == "success"
    assert "karton.yaramatcher" in kartons.analyses(sample)


def test_a_task_that_the_reporter_has_taken_and_lost_is_told_again(kartons: Kartons) -> None:
    kartons.karton.kill("classifier")
    sample = kartons.submit(program())
    redis = kartons.redis()
    queue = "karton.queue.normal:karton.samplebank-reporter"
    assert eventually(lambda: redis.llen("karton.queue.normal:karton.classifier"))

    kartons.bridge.kill()
    kartons.karton.launch("classifier")
    assert eventually(lambda: redis.lpop(queue))
    kartons.bridge.start()
    kartons.ended(sample)

    assert set(kartons.analyses(sample)) == {"karton", "karton.classifier", "karton.yaramatcher"}
