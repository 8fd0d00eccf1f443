"""With a sample goes all that came out of the sample, and from nowhere else."""

from typing import Any

from kit.bank import V2, Bank, Sample, eventually
from kit.children import Parent, some_bytes


def deleted(bank: Bank, sample: Sample) -> dict[str, Any]:
    """Delete a sample; the service task when the task has ended."""
    correlation = bank.data(bank.delete(sample.path))["correlationID"]

    def task() -> dict[str, Any]:
        (found,) = bank.data(bank.post(f"{V2}/servicetask/search", {"correlationID": [correlation]}))
        one: dict[str, Any] = found
        return one

    assert eventually(lambda: task()["state"] == "done")
    return task()


def is_gone(bank: Bank, sample: Sample) -> bool:
    return bank.get(sample.path, "mia").status_code == 404


def test_the_whole_tree_goes_and_the_task_counts_it(bank: Bank) -> None:
    top = Parent(bank)
    middle = top.found(some_bytes())
    bottom = Sample(data=some_bytes())
    middle.add(bottom.data)

    task = deleted(bank, top.sample)

    assert task["responseContext"]["children"] == "2"
    assert eventually(lambda: is_gone(bank, middle.sample) and is_gone(bank, bottom))


def test_a_child_of_another_parent_stays(bank: Bank) -> None:
    ours, others = Parent(bank), Parent(bank)
    shared, own = Sample(data=some_bytes()), Sample(data=some_bytes())
    for parent in (ours, others):
        parent.add(shared.data)
    ours.add(own.data)

    task = deleted(bank, ours.sample)

    assert task["responseContext"]["children"] == "1"
    assert eventually(lambda: is_gone(bank, own))
    assert not is_gone(bank, shared)


def test_a_child_that_somebody_submitted_stays(bank: Bank) -> None:
    parent = Parent(bank)
    child = Sample(data=some_bytes())
    parent.add(child.data)
    bank.submit(child)

    task = deleted(bank, parent.sample)

    assert "children" not in task["responseContext"]
    assert not is_gone(bank, child)


def test_samples_that_hold_each_other_go_together(bank: Bank) -> None:
    outer = Parent(bank)
    inner = outer.found(some_bytes())
    inner.add(outer.sample.data)

    deleted(bank, outer.sample)

    assert eventually(lambda: is_gone(bank, inner.sample))


def test_a_parent_stays_without_its_child(bank: Bank) -> None:
    parent = Parent(bank)
    child = Sample(data=some_bytes())
    parent.add(child.data)

    deleted(bank, child)

    assert not is_gone(bank, parent.sample)
