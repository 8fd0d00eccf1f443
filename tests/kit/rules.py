"""The settings that decide how jobs go, as they are by default."""

from samplebank.jobs.model import JobRules

RULES = JobRules(max_attempts=3, malicious_score=70, longest_wait=3_600_000, longest_run=1_800_000)
