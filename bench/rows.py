"""Makes rows of made-up samples, in the text format of COPY. Written for speed: a million samples are ten million rows."""

# ruff: noqa: S311, PLR2004, UP031 made-up data: every number here is a likelihood, and JSON is full of braces

import hashlib
import random
from collections.abc import Sequence

import msgspec

from bench import vocabulary as words
from bench.tenants import Tenants, pick
from samplebank.accounts.caller import of_uploader

COLUMNS = {
    "sample": "id sha256 md5 sha1 sha512 size created_time activity_time readers classification_id classification_wanted "
    "verdict_id",
    "classification": "id sample_id type super_type arch platform version meta_data created_time",
    "submission": "id sample_id customer_id user_id tlp acl readers file_name mime_type agent_name agent_version meta_data "
    "observed_time submitted_time trusted_agent",
    "job": "id sample_id customer_id submission_id state enqueued_time start_time end_time workers options rules",
    "job_task": "id job_id sample_id customer_id worker_id worker state enqueued_time start_time end_time message attempt",
    "analysis": "id sample_id customer_id user_id job_id tlp acl readers score status_override tags detections "
    "possible_detections internet_access agent_name agent_version created_time result",
    "job_task_analysis": "task_id analysis_id",
    "verdict": "id sample_id job_id score manual contradicting shared malicious tags triggered_detections created_time",
    "verdict_analysis": "verdict_id position analysis_id difference impact",
}
MALICIOUS = 70
KINDS = [kind for kind in words.KINDS for _ in range(kind[5])]


class Chunk(msgspec.Struct):
    """The samples `first` to `last`, submitted evenly between two times (in milliseconds)."""

    first: int
    last: int
    start: int
    end: int
    tenants: Tenants
    #: (id, short name)
    workers: Sequence[tuple[str, str]]


def is_one_of_few(sample: int) -> bool:
    """Whether `sample` has the rare names. The number of samples with rare names is the same at every size of database."""
    return sample <= words.FEW_AMONG and sample % 100 == 0


class Maker:
    """Makes the rows of a chunk, table by table."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._chance = random.Random(chunk.first)
        self.rows: dict[str, list[str]] = {table: [] for table in COLUMNS}
        chosen = sorted(id_ for id_, _ in chunk.workers)
        self._workers = "{" + ",".join(chosen) + "}"

    def make(self) -> dict[str, bytes]:
        """Make the text of every table."""
        chunk = self._chunk
        step = (chunk.end - chunk.start) / (chunk.last - chunk.first + 1)
        for id_ in range(chunk.first, chunk.last + 1):
            self._sample(id_, int(chunk.start + (id_ - chunk.first) * step))
        return {table: "".join(rows).encode() for table, rows in self.rows.items()}

    def _id(self, time: int) -> str:
        bits = self._chance.getrandbits
        return f"{time:012x}7{bits(12):03x}8{bits(60):015x}"

    def _sample(self, id_: int, time: int) -> None:
        chance, rows = self._chance, self.rows
        name = b"bench %d" % id_
        sha256 = hashlib.sha256(name).hexdigest()
        kind, super_type, arch, platform, extension, _ = KINDS[int(chance.random() * len(KINDS))]
        readers, first, latest = self._submissions(id_, time, extension)
        classification, verdict = self._id(time), self._id(time)
        rows["sample"].append(
            f"{id_}\t\\\\x{sha256}\t\\\\x{hashlib.md5(name, usedforsecurity=False).hexdigest()}"
            f"\t\\\\x{hashlib.sha1(name, usedforsecurity=False).hexdigest()}\t\\\\x{hashlib.sha512(name).hexdigest()}"
            f"\t{int(2000 * 1.0 / (chance.random() + 0.0002))}\t{time}\t{latest}\t{{{','.join(map(str, readers))}}}"
            f"\t{classification}\tf\t{verdict}\n",
        )
        rows["classification"].append(
            f"{classification}\t{id_}\t{kind}\t{super_type}\t{arch or chr(92) + 'N'}\t{platform or chr(92) + 'N'}\tmagika 1.0.3"
            f'\t{{"score": 0.99, "mimeType": "application/x-{kind}", "extensions": ["{extension}"]}}\t{time + 300}\n',
        )
        self._job(id_, time, first, verdict)

    def _submissions(
        self, sample: int, time: int, extension: str
    ) -> tuple[list[int], tuple[str, int, int], int]:
        """Returns (readers of the sample, (id, customer and user of the first submission), time of the latest submission)."""
        chance, tenants, rows = self._chance, self._chunk.tenants, self.rows["submission"]
        readers: set[int] = set()
        first: tuple[str, int, int] | None = None
        latest = time
        while True:
            place = pick(chance, tenants.customers)
            customer, user = tenants.customers[place], tenants.users[place]
            luck = chance.random()
            tlp = "amber" if luck < 0.8 else "green" if luck < 0.95 else "clear"
            numbers = tenants.readers[customer, tlp]
            readers.update(numbers)
            if first is None:
                readers.add(of_uploader(customer))
            stem, sensor = self._words(few=first is None and is_one_of_few(sample))
            agent, version = words.AGENTS[int(chance.random() * len(words.AGENTS))]
            source = words.SOURCES[int(chance.random() * len(words.SOURCES))]
            submission = self._id(latest)
            rows.append(
                f"{submission}\t{sample}\t{customer}\t{user}\t{tlp}\t{{}}\t{{{','.join(map(str, numbers))}}}"
                f"\t{stem}_{chance.getrandbits(24):06x}.{extension}\tapplication/octet-stream\t{agent}\t{version}"
                f'\t{{"source": "{source}", "sensor": "{sensor}", '
                f'"recipient": "user{chance.getrandbits(12)}@c{place}.example"}}'
                f"\t{latest - 60_000}\t{latest}\t{'t' if luck < 0.1 else 'f'}\n",
            )
            first = first or (submission, customer, user)
            if chance.random() < 0.5:
                return sorted(readers), first, latest
            latest += int(chance.random() * 3_600_000)

    def _words(self, *, few: bool) -> tuple[str, str]:
        """The stem of a file name, and a sensor."""
        chance = self._chance
        common = words.STEMS[int(chance.random() * len(words.STEMS))]
        stem = words.RARE_STEM if chance.random() < 0.01 else common
        sensor = f"{words.SENSORS[int(chance.random() * len(words.SENSORS))]}-{chance.getrandbits(5)}"
        return (words.FEW_STEM, words.FEW_SENSOR) if few else (stem, sensor)

    def _job(self, sample: int, time: int, cause: tuple[str, int, int], verdict: str) -> None:
        chance, rows = self._chance, self.rows
        submission, customer, user = cause
        job = self._id(time)
        timed_out = chance.random() < 0.02
        end = time + 5_000 + int(chance.random() * 60_000)
        rows["job"].append(
            f"{job}\t{sample}\t{customer}\t{submission}\t{'timeout' if timed_out else 'done'}\t{time}\t{time + 900}\t{end}"
            f"\t{self._workers}\t[]\t[]\n",
        )
        malicious = chance.random() < 0.3
        score = 70 + int(chance.random() * 31) if malicious else int(chance.random() * 60) - 1
        for place, (worker, name) in enumerate(self._chunk.workers):
            task = self._id(time)
            last = place == len(self._chunk.workers) - 1
            state, message = (
                ("timeout", "The job took too long.") if last and timed_out else ("success", "\\N")
            )
            rows["job_task"].append(
                f"{task}\t{job}\t{sample}\t{customer}\t{worker}\t{name}\t{state}\t{time}\t{time + 900}\t{end}\t{message}\t1\n",
            )
            if place == 0:
                analysis = self._analysis(sample, job, customer, user=user, name=name, score=score, time=end)
                rows["job_task_analysis"].append(f"{task}\t{analysis}\n")
        tags = (
            '[{"type": "family", "value": "%s", "count": 1}]' % chance.choice(words.FAMILIES)
            if malicious
            else "[]"
        )
        rows["verdict"].append(
            f"{verdict}\t{sample}\t{job}\t{score}\tf\tf\tf\t{'t' if score >= MALICIOUS else 'f'}\t{tags}\t0\t{end}\n",
        )
        counts = score >= 0
        share = ("0", "100") if counts else ("\\N", "\\N")
        rows["verdict_analysis"].append(f"{verdict}\t0\t{analysis}\t{share[0]}\t{share[1]}\n")

    def _analysis(
        self, sample: int, job: str, customer: int, *, user: int, name: str, score: int, time: int
    ) -> str:
        chance, analysis = self._chance, self._id(time)
        tags = ['{"type": "behaviour", "value": "%s"}' % chance.choice(words.BEHAVIOURS)]
        if score >= MALICIOUS:
            tags.append('{"type": "family", "value": "%s"}' % chance.choice(words.FAMILIES))
        readers = self._chunk.tenants.readers[customer, "amber"]
        rule = words.RULES[int(chance.random() * len(words.RULES))]
        self.rows["analysis"].append(
            f"{analysis}\t{sample}\t{customer}\t{user}\t{job}\tamber\t{{}}\t{{{','.join(map(str, readers))}}}\t{score}\t\\N"
            f'\t[{", ".join(tags)}]\t[{{"name": "{rule}", "assessment": "malicious"}}]\t40\tf\t{name}\t1.0\t{time}'
            f'\t{{"sections": {chance.getrandbits(3)}, "entropy": {chance.random() * 8:.3f}, "imphash": '
            f'"{chance.getrandbits(128):032x}", "traits": ["{rule}"], "host": "c{chance.getrandbits(16)}.example.net"}}\n',
        )
        return analysis
