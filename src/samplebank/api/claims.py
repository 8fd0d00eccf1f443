"""Claims for workers: take tasks, keep tasks, give tasks back."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated
from uuid import UUID

from litestar import post
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.classifications import ClassificationResponse
from samplebank.api.envelope import Answer
from samplebank.api.jobs import JobInfo, SampleInfo
from samplebank.api.people import CustomerInfo
from samplebank.api.policy.default import OptionResponse
from samplebank.api.repeated_requests import repeatable
from samplebank.api.submissions import SubmissionResponse, show_submission
from samplebank.api.waiting import claim_when_there
from samplebank.blobs import Address, Area
from samplebank.database import Page
from samplebank.database.identifiers import find_id
from samplebank.database.signals import Signal
from samplebank.endings import leases
from samplebank.errors import Invalid, TooMany
from samplebank.http.operation import EXTENSIONS, operation
from samplebank.http.shapes import Body, NoQuery, Shown
from samplebank.jobs import claims, held_tasks
from samplebank.jobs.progress import lock_job
from samplebank.policy.sightings import Process
from samplebank.policy.workers import get_worker

#: seconds after which a waiting claim looks again, because no signal tells when delayed tasks come due
LOOK_AGAIN = 1.0
#: seconds after which a claim that found no place to wait may come again
COME_AGAIN = 5
#: the header by which a process of a worker names itself, and the most characters of the name
LABEL, REMARK, LONGEST_LABEL = b"samplebank-process", b"samplebank-remark", 100
TOO_MANY = "Too many of your claims wait for tasks of this worker already; claim again later, or for more tasks at once."
Seconds = Annotated[int, Meta(ge=1, le=3600)]


class ClaimRequest(Body):
    """With `objects`, the claims tell where the bytes of the samples lie in a bucket."""

    max: Annotated[int, Meta(ge=1, le=1000)] = 1
    wait_seconds: Annotated[int, Meta(ge=0, le=30)] = 0
    lease_seconds: Seconds = 300
    objects: bool = False


class HeartbeatRequest(Body):
    lease_token: UUID
    lease_seconds: Seconds = 300


class ReleaseRequest(Body):
    lease_token: UUID
    reason: Annotated[str, Meta(max_length=10_000)] = "released without a reason"
    delay_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 0
    attempt_counts: bool = True


class TaskInfo(Shown):
    id: UUID
    worker: str


class ClaimedJob(JobInfo):
    customer: CustomerInfo


class ObjectInfo(Shown):
    bucket: str
    key: str


class ClaimResponse(Shown):
    """`maxResultSize` is the most bytes that the result of an analysis may have as JSON.

    `object` is told to who asks for it, where the bytes lie in a bucket.
    """

    task: TaskInfo
    job: ClaimedJob
    sample: SampleInfo
    options: list[OptionResponse]
    lease_token: UUID
    lease_end_timestamp: int
    attempt: int
    max_result_size: int
    classification: ClassificationResponse | None = None
    submission: SubmissionResponse | None = None
    object: ObjectInfo | None = None


class LeaseResponse(Shown):
    id: UUID
    lease_end_timestamp: int | None = None


@post(
    f"{EXTENSIONS}/worker/{{worker:str}}/claim",
    opt=operation(
        "claimTasks",
        Permission.UPDATE_JOB,
        query=NoQuery,
        body=ClaimRequest,
        answers=list[ClaimResponse],
        by_claims=True,
        unheeded=True,
    ),
)
async def claim(request: Call) -> Answer:
    """Take up to `max` open tasks of the worker. Without open tasks, the call waits up to `waitSeconds`."""
    document = await request.document(ClaimRequest)
    try:
        wanted = document.read(request.now)
    except Invalid:
        await _check_worker(request)  # an unknown worker is told before the mistakes of the claim
        raise
    claimed = await _claim_once(request, wanted)
    if not claimed:
        await _check_worker(request)
    agent = request.header(b"user-agent") or ""
    _note(request, request.path("worker"), max(wanted.wait_seconds, wanted.lease_seconds), agent)
    if not claimed and wanted.wait_seconds:
        claimed = await _wait_at_a_place(request, wanted)
    sha256s = [one.sha256 for one in claimed] if wanted.objects else []
    objects = await request.bank.blobs.addresses(Area.SAMPLE, sha256s) if sha256s else {}
    show = partial(_show_claim, most=request.bank.settings.max_result_size, objects=objects)
    return await request.show_page(claimed, Page(wanted.max), len(claimed), show)


@post(
    f"{EXTENSIONS}/task/{{task_id:str}}/heartbeat",
    opt=operation(
        "extendLease",
        Permission.UPDATE_JOB,
        query=NoQuery,
        body=HeartbeatRequest,
        answers=LeaseResponse,
        by_claims=True,
        unheeded=True,
    ),
)
async def heartbeat(request: Call) -> Answer:
    """Keep a task for longer."""
    document = await request.document(HeartbeatRequest)
    bank = request.bank
    async with bank.database.transaction() as db:
        job_id = await held_tasks.find_job_of(db, request.caller, request.path("task_id"))
        wanted = document.read(request.now)
        await lock_job(db, job_id)
        held = await held_tasks.hold(db, request.path("task_id"), wanted.lease_token)
        until = request.now + 1000 * wanted.lease_seconds
        await held_tasks.extend(db, held, until)
    _note(request, str(held.worker_id), wanted.lease_seconds)
    return await request.show((held.id, until), _show_lease)


@post(
    f"{EXTENSIONS}/task/{{task_id:str}}/release",
    opt=operation(
        "releaseTask",
        Permission.UPDATE_JOB,
        query=NoQuery,
        body=ReleaseRequest,
        answers=LeaseResponse,
        by_claims=True,
        keyed=True,
        unheeded=True,
    ),
)
@repeatable
async def release(request: Call) -> Answer:
    """Give a task back for another attempt. After the last attempt the task has failed."""
    document = await request.document(ReleaseRequest)
    bank, task_id = request.bank, request.path("task_id")
    async with bank.database.transaction() as db:
        job_id = await held_tasks.find_job_of(db, request.caller, task_id)
        wanted = document.read(request.now)
        ended = await leases.release_task(
            db,
            job_id,
            task_id,
            leases.Release(
                wanted.lease_token,
                wanted.reason,
                1000 * wanted.delay_seconds,
                counts=wanted.attempt_counts,
            ),
            bank.job_rules,
            now=request.now,
        )
    bank.signals.send(Signal.VERDICTS if ended else Signal.TASKS)
    bank.signals.tell(job_id)
    return await request.show((UUID(task_id), None), _show_lease)


def _note(request: Call, worker: str, seconds: int, agent: str = "") -> None:
    """Note a sign of life of a worker, who has to give the next sign within `seconds`. Claims tell the `agent`."""
    name, _, version = agent.partition(" ")[0].partition("/")
    told = _with_remark(_told(version), _told(request.header(REMARK)))
    process = Process(_told(request.header(LABEL)) or "", _told(name), told)
    request.bank.sightings.note(worker, request.caller, process, expected=1000 * seconds)


def _with_remark(version: str | None, remark: str | None) -> str | None:
    """A version has no blanks, so a remark stands behind the first blank. Without a version, no remark is kept."""
    return f"{version} {remark}" if version and remark else version


def _told(text: str | None) -> str | None:
    """The text of a header as a process may be named: short, and of visible characters. None for no text."""
    return "".join(filter(str.isprintable, text or ""))[:LONGEST_LABEL].strip() or None


async def _wait_at_a_place(request: Call, wanted: ClaimRequest) -> list[claims.Claim]:
    """Wait and claim. Raises `TooMany` when enough claims of the caller wait for tasks of the worker already."""
    places, key = request.budgets.claims, (request.caller.user.id, request.path("worker"))
    if not places.enter(key):
        raise TooMany(TOO_MANY, wait=COME_AGAIN)
    try:
        return await _wait_and_claim(request, wanted)
    finally:
        places.leave(key)


async def _wait_and_claim(request: Call, wanted: ClaimRequest) -> list[claims.Claim]:
    """Claim as soon as there is a task."""
    worker = request.path("worker")
    claimed = await claim_when_there(
        request,
        Signal.TASKS,
        partial(_claim_once, request, wanted),
        seconds=wanted.wait_seconds,
        look_again=LOOK_AGAIN,
        # A claim by the id of a worker hears all signals, as signals tell short names.
        name=None if find_id(worker) else worker,
    )
    return claimed or []


async def _claim_once(request: Call, wanted: ClaimRequest) -> list[claims.Claim]:
    claiming, worker = request.bank.claiming, request.path("worker")
    lease = 1000 * wanted.lease_seconds
    claimed = await claiming.claim(request.caller, worker, most=wanted.max, lease=lease)
    request.bank.signals.tell(*(one.job_id for one in claimed))
    return claimed


async def _check_worker(request: Call) -> None:
    async with request.bank.database.connection() as db:
        await get_worker(db, request.path("worker"))


def _show_claim(
    claim: claims.Claim, directory: Directory, *, most: int, objects: Mapping[bytes, Address]
) -> ClaimResponse:
    classification = None
    if claim.type is not None:
        classification = ClassificationResponse(
            type=claim.type,
            super_type=claim.super_type or "",
            version=claim.version or "",
            meta_data=claim.meta_data or {},
            arch=claim.arch,
            platform=claim.platform,
        )
    customer = CustomerInfo.of(directory.customer(claim.customer_id))
    return ClaimResponse(
        task=TaskInfo(claim.task_id, claim.worker),
        job=ClaimedJob(id=claim.job_id, state="executing", customer=customer),
        sample=SampleInfo(claim.sha256.hex(), claim.size),
        options=[OptionResponse(option["key"], option["value"]) for option in claim.options],
        lease_token=claim.lease_token,
        lease_end_timestamp=claim.lease_until,
        attempt=claim.attempt,
        max_result_size=most,
        classification=classification,
        submission=None if claim.cause is None else show_submission(claim.cause, directory),
        object=None if (place := objects.get(claim.sha256)) is None else ObjectInfo(*place),
    )


def _show_lease(lease: tuple[UUID, int | None], _: Directory) -> LeaseResponse:
    task_id, until = lease
    return LeaseResponse(id=task_id, lease_end_timestamp=until)


ROUTES = [claim, heartbeat, release]
