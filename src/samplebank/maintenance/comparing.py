"""Compares the settings of the hosts, and warns where a host decides by others than its own.

Any host may end a job or deliver an event. A verdict would depend on the host that ends the job.
"""

import asyncio
import hashlib
import logging
import socket

from samplebank.assembly import Bank
from samplebank.installation import services
from samplebank.maintenance.rounds import Sweep
from samplebank.settings import PREFIX, SECRET, Settings
from samplebank.timespec import Millis

log = logging.getLogger("samplebank.maintenance")
#: settings for storing, judging, timing out and forgetting, whichever host is at work
SHARED = (
    "administration",
    "alerts_per_hour",
    "audit_reads",
    "audit_retention",
    "bytes_retention",
    "challenge_attempts",
    "challenge_min_size",
    "challenge_period",
    "challenge_ttl",
    "event_retention",
    "events_attempts",
    "extraction_bytes",
    "extraction_child_size",
    "extraction_depth",
    "extraction_files",
    "hunt_bytes_per_day",
    "hunt_retention",
    "job_timeout_enqueued",
    "job_timeout_executing",
    "kept_answers",
    "known_files",
    "malicious_score",
    "max_result_size",
    "max_sample_size",
    "oidc_client_id",
    "oidc_issuer",
    "oidc_session",
    "session_idle",
    "session_longest",
    "similar_submission_window",
    "stored_bytes_per_customer",
    "stored_bytes_per_key",
    "stored_bytes_per_user",
    "task_max_attempts",
    "trusted_agents",
    "webhook_attempts",
)
#: settings with secrets are compared by a digest that is dear to guess by
ROUNDS, SALT = 200_000, b"samplebank settings"
#: what `digest_of` makes of "None", as which a setting without a value is told. Written down: nobody has to guess, and most settings have none
UNSET = "c2ab7ee08ac4c8e11a9feb4fead2894d840cb36414374d947f687b8bb8036a43"
#: milliseconds in which another service at work was seen, besides three of the intervals between two sweeps
LATELY: Millis = 60_000


def shared(settings: Settings) -> dict[str, str]:
    """The settings that every host has to share, as texts."""
    told = {name: str(getattr(settings, name)) for name in SHARED}
    for name in SECRET:
        value = getattr(settings, name)
        told[name] = UNSET if value is None else digest_of(value)
    return told


def digest_of(value: str) -> str:
    """The digest by which a setting with a secret is compared: dear on purpose."""
    return hashlib.pbkdf2_hmac("sha256", value.encode(), SALT, ROUNDS).hex()


def name_of(settings: Settings) -> str:
    """The name of a service for people: its machine and its address there."""
    return f"{socket.gethostname()} {settings.host}:{settings.port}"


def comparing_sweep() -> Sweep:
    """Make a sweep that warns of each difference once."""
    told: set[tuple[str, str, str]] = set()
    own: dict[str, str] = {}

    async def compare_settings(bank: Bank) -> None:
        own.update(own or await asyncio.to_thread(shared, bank.settings))
        name, now = name_of(bank.settings), bank.clock()
        since = now - LATELY - 3000 * bank.settings.sweep_interval
        async with bank.database.connection() as db:
            await services.note(db, name, own, now=now)
            others = await services.others(db, name, since=since)
        for other, settings in others.items():
            for setting in own.keys() & settings.keys():
                difference = (other, setting, settings[setting])
                if settings[setting] != own[setting] and difference not in told:
                    told.add(difference)
                    fields = {"setting": f"{PREFIX}{setting.upper()}", "host": other}
                    if setting not in SECRET:
                        fields |= {"here": own[setting], "there": settings[setting]}
                    log.warning("settings.differ", extra={"fields": fields})

    return compare_settings
