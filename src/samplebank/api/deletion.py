"""The deletion of a sample, which a service task carries out."""

from litestar import delete

from samplebank.accounts.model import Permission
from samplebank.api import envelope
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.service_tasks import SampleServiceTaskResponse
from samplebank.audit.model import Kind, within
from samplebank.database.signals import Signal
from samplebank.errors import Forbidden
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import NoQuery
from samplebank.samples import catalogue
from samplebank.samples.model import read_sha256
from samplebank.service_tasks import deletion
from samplebank.service_tasks.losses import losses


@delete(
    f"{V2}/sample/{{sha256:str}}",
    opt=operation(
        "deleteSample",
        Permission.DELETE_SAMPLE,
        query=NoQuery,
        answers=SampleServiceTaskResponse,
        act=Kind.DELETION,
    ),
    status_code=200,
)
async def delete_sample(request: Call) -> Answer:
    """Ask for the deletion of a sample and everything about the sample. A service task deletes."""
    bank, caller = request.bank, request.caller
    sha256 = read_sha256(request.path("sha256"))
    async with bank.database.transaction() as db:
        sample = await catalogue.get_visible(db, caller, sha256, Permission.DELETE_SAMPLE)
        request.read_query(NoQuery)
        if not await deletion.may_delete(db, sample, caller.scope(Permission.DELETE_SAMPLE)):
            raise Forbidden(
                "Customers have the sample for whom you do not hold the permission deleteSampleCompletely."
            )
        seen = await losses(db, caller, sample)
        correlation_id = await deletion.open_deletion(
            db, sample, user_id=caller.user.id, now=request.now, seen=seen
        )
        owners = within(caller.scope(Permission.DELETE_SAMPLE))
        await request.record(db, sha256=sha256, owners=owners, details={"task": str(correlation_id)})
    bank.signals.send(Signal.SERVICE_TASKS)
    return envelope.single(SampleServiceTaskResponse(correlation_id))


ROUTES = [delete_sample]
