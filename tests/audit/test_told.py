"""Downloads and deletions as events of the feed."""

from typing import Any

from kit.bank import Bank, Sample
from kit.feed import Follower

TYPE = "samplebank.audit.recorded"


def told(reader: Follower, sample: Sample) -> list[dict[str, Any]]:
    """What a reader is told of the sample, once a later sample of the reader's has come."""
    later = reader.bank.submitted("mia")
    reader.until(later, "submission.stored")
    return [
        event["data"] for event in reader.events if (event["type"], event["subject"]) == (TYPE, sample.sha256)
    ]


def test_a_download_is_told_to_who_may_read_the_ledger(bank: Bank) -> None:
    readers = {user: Follower(bank, user) for user in ("chief", "boss", "mia")}
    sample = bank.submitted("mia")
    bank.get(f"{sample.path}/raw", "mia")

    (by_chief,), (by_boss,), by_mia = (told(reader, sample) for reader in readers.values())

    assert by_chief == by_boss
    assert (by_boss["action"], by_boss["actor"]["user"]) == ("downloadRawSample", "mia")
    assert by_boss["details"] == {"bytes": len(sample.data)}
    assert by_mia == []


def test_somebody_of_another_customer_has_no_name(bank: Bank) -> None:
    reader = Follower(bank, "boss")
    sample = bank.submitted("mia", tlp="green")
    bank.get(f"{sample.path}/raw", "quinn")

    (event,) = told(reader, sample)

    assert event["actor"] == {"type": "other"}
    assert "details" not in event


def test_what_others_own_submissions_allow_is_no_event_of_the_customer(bank: Bank) -> None:
    reader = Follower(bank, "boss")
    sample = bank.submitted("mia")
    bank.submit(sample, "hana")
    bank.get(f"{sample.path}/raw", "hana")

    assert told(reader, sample) == []
