"""What the feed, or a broker, has told of events: what is missed, what is out of order, and what a repeat has changed."""

from typing import Any

STORED = "samplebank.submission.stored"
#: the order of the events of a sample with a single submission
ORDER = (STORED, "samplebank.job.opened", "samplebank.job.ended", "samplebank.verdict.settled")


class Told:
    """The events that have come, each counted once."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._places: dict[str, list[int]] = {}
        self._names: set[str] = set()
        #: events that came again, and events that came again as something else
        self.repeated = 0
        self.changed = 0

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def out_of_order(self) -> int:
        """The samples of which an event has come before an event that must have happened earlier."""
        return sum(places != sorted(places) for places in self._places.values())

    def missed(self, names: set[str]) -> int:
        """How many submissions with these file names have not come."""
        return len(names - self._names)

    def take(self, event: dict[str, Any]) -> None:
        """Take an event, unless the event is a repeat. A repeat has the id and all else as before."""
        id_, about = event["id"], f"{event['type']} {event['subject']} {event['time']}"
        if id_ in self._ids:
            self.repeated += 1
            self.changed += self._ids[id_] != about
            return
        self._ids[id_] = about
        if event["type"] in ORDER:
            self._places.setdefault(event["subject"], []).append(ORDER.index(event["type"]))
        if event["type"] == STORED:
            self._names.add(event["data"]["fileName"])
