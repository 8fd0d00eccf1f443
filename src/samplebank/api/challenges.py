"""Challenges: a submitter proves to hold the bytes of a sample that is known already."""

from uuid import UUID

from litestar import post

from samplebank.accounts.model import Permission
from samplebank.api import envelope
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.http.known_files import known_to
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import NoQuery, Shown
from samplebank.samples import catalogue
from samplebank.samples.model import read_sha256
from samplebank.settings import Settings
from samplebank.submissions import challenge


class SampleUploadChallengeResponse(Shown):
    id: UUID
    offset: int
    length: int


@post(
    f"{V2}/sample/{{sha256:str}}/challenge",
    opt=operation(
        "getUploadChallenge",
        Permission.ADD_SUBMISSION,
        query=NoQuery,
        answers=SampleUploadChallengeResponse,
    ),
)
async def get_challenge(request: Call) -> Answer:
    """Ask for proof that the submitter holds the bytes: the SHA-256 of a range that covers nearly all bytes."""
    bank, settings, user_id = request.bank, request.bank.settings, request.caller.user.id
    sha256 = read_sha256(request.path("sha256"))
    async with bank.database.connection() as db:
        sample = await catalogue.get_known(db, sha256, known_to(request.caller, settings))
        request.read_query(NoQuery)
        drawn = challenge.draw_range(sample.size, settings.challenge_min_size)
        asked = await challenge.range_for(db, user_id, sample.id, drawn, tries(settings), now=request.now)
    async with request.budgets.files.turn(user_id):
        answer = await challenge.answer_of(bank.blobs, sha256, sample.size, asked)
    async with bank.database.connection() as db:
        expiry = bank.clock() + 1000 * settings.challenge_ttl
        id_ = await challenge.issue(db, sample.id, user_id, answer, expiry)
    return envelope.single(SampleUploadChallengeResponse(id=id_, offset=asked.offset, length=asked.length))


def tries(settings: Settings) -> challenge.Tries:
    return challenge.Tries(settings.challenge_attempts, 1000 * settings.challenge_period)


ROUTES = [get_challenge]
