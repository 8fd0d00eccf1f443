"""Tells the service about an analyser, and about changes of the analyser."""

import logging
from enum import StrEnum

from samplebank.worker.client import ServiceClient
from samplebank.worker.contract import JSON
from samplebank.worker.errors import ServiceRefused, WorkerError
from samplebank.worker.inside import Description

log = logging.getLogger("samplebank.worker")

OUTDATED = (
    "Results are stored, but names and titles stay those of an earlier version: this key may not change them. Run `samplebank "
    "worker register` for the worker once, with the key of an administrator."
)


REFUSED = "Results are stored, but names, texts and schema stay those of an earlier version: the service refuses the new ones."
FORBIDDEN = 403
#: statuses of a refusal for which the class is to blame
OF_CLASS = frozenset({400, 412, 413})


class NotRegistered(WorkerError):
    """The service does not know the worker, and this key may not register the worker."""


class DescriptionRefused(NotRegistered):
    """The service does not know the worker, and refuses what the analyser says of itself."""


class Standing(StrEnum):
    """How well the service knows an analyser after registration."""

    REGISTERED = "is registered"
    UPDATED = "is brought up to date"
    UNCHANGED = "was registered already"
    OUTDATED = "keeps its old description, as this key may not change it"
    REFUSED = "keeps its old description, as the service refuses the new one"


async def ensure_registered(client: ServiceClient, description: Description) -> Standing:
    """Register the analyser as a worker, or update the description that the service keeps, where this key may.

    Raises `NotRegistered`, or `DescriptionRefused` where the analyser is to blame.
    """
    name = description.short_name
    told = _told(description)
    known = await client.find_worker(name)
    is_new = known is None
    known = known or await _add(client, name, told)
    if any(known.get(field) != value for field, value in told.items()):
        return await _update(client, name, told)
    return Standing.REGISTERED if is_new else Standing.UNCHANGED


def _told(description: Description) -> dict[str, JSON]:
    told: dict[str, JSON] = {
        "localizedNames": dict(description.names),
        "localizedDescriptions": dict(description.descriptions),
    }
    if description.schema is not None:
        told["schema"] = dict(description.schema)
    return told


async def _add(client: ServiceClient, name: str, told: dict[str, JSON]) -> dict[str, JSON]:
    try:
        await client.add_worker({"shortName": name, **told})
    except ServiceRefused as refusal:
        if known := await client.find_worker(name):  # another process registered the same name first
            return known
        raise _unregistered(name, refusal) from None
    log.info("worker.registered", extra={"fields": {"worker": name}})
    return told


def _unregistered(name: str, refusal: ServiceRefused) -> WorkerError:
    if refusal.status == FORBIDDEN:
        return NotRegistered(
            f"The service does not know the analysis worker {name}, and this key may not register it. {refusal}"
        )
    if refusal.status in OF_CLASS:
        return DescriptionRefused(
            f"The service refuses what the analyser says of the worker {name}. Correct the class. {refusal}"
        )
    said = f"The worker {name} cannot be registered. The address may be wrong, as no service is known to answer so."
    return ServiceRefused(refusal.status, f"{said} {refusal}")


async def _update(client: ServiceClient, name: str, told: dict[str, JSON]) -> Standing:
    try:
        await client.update_worker(name, told)
    except ServiceRefused as refusal:  # the analyser works under the old description, too
        standing, why = (
            (Standing.OUTDATED, OUTDATED) if refusal.status == FORBIDDEN else (Standing.REFUSED, REFUSED)
        )
        log.warning("worker.outdated", extra={"fields": {"worker": name, "reason": f"{why} {refusal}"}})
        return standing
    log.info("worker.updated", extra={"fields": {"worker": name}})
    return Standing.UPDATED
