"""Submitting files: a form for browsers without scripts, and with scripts one request for each file."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post

from samplebank.accounts.model import Customer, Permission
from samplebank.api.envelope import refusal
from samplebank.api.files import FileQuery, take, take_body
from samplebank.api.people import UserAgentRequest
from samplebank.api.submissions import SubmissionRequest, read_submission
from samplebank.api.uploads import kept_sample
from samplebank.database import new_id
from samplebank.database.identifiers import find_id
from samplebank.errors import Invalid, Malformed, Refusal, Unsupported, Violation, Violations
from samplebank.http.operation import operation
from samplebank.http.shapes import Body
from samplebank.search.batches import BATCH
from samplebank.submissions.at_once import SIMILAR
from samplebank.submissions.model import NewSubmission
from samplebank.web.copying import Copied, of_submit
from samplebank.web.forms import FormWithFiles
from samplebank.web.headers import PAGE
from samplebank.web.pages.batch import SentFile, files_of
from samplebank.web.rendering import Page
from samplebank.web.visit import Visit

#: the user agent of submissions by the form
AGENT: Final = "samplebank-pages"
#: customers offered by the form; beyond, the name has to be written
MOST_OFFERED: Final = 200
LONGEST_NAME: Final = 4096
#: mistakes told on one page
MOST_TOLD: Final = 100
RETENTIONS: Final = ("7 days", "30 days", "90 days", "1 year")
NO_FILE: Final = "No file was chosen: choose at least one."
NOT_A_PAIR: Final = "The line {!r} is no pair: write key=value, one pair a line."
TWICE: Final = "The key {!r} stands on two lines: write each key once."
TAKEN: Final = (
    f"The key '{BATCH}' is the service's own: the id of the files that are sent together. Choose another key."
)
SAME: Final = "The same file was submitted under this name a moment ago, so nothing new was stored."


class SubmitQuery(Body):
    batch: UUID | None = None


class SubmitPage(Page, frozen=True):
    """`customers` are those offered, none where there are too many to offer. `rows` are the files sent so far, the newest first.

    `is_cut` is whether older files of the batch are left out.
    `sees_samples` is whether the visitor may be told which files are known.
    """

    template: ClassVar[str] = "submit.html"
    section: ClassVar[str] = "submit"

    batch: UUID
    form_batch: UUID
    agent: str
    own: str
    customers: list[str]
    retentions: tuple[str, ...]
    rows: list[SentFile]
    is_cut: bool
    is_under_way: bool
    sees_samples: bool
    copied: Copied


class SentPage(Page, frozen=True):
    """What became of a form of which not every file was stored. `mistakes` have the name of the file as their field.

    `more` counts the mistakes beyond those told.
    """

    template: ClassVar[str] = "sent.html"
    section: ClassVar[str] = "submit"

    batch: UUID
    stored: int
    mistakes: list[Violation]
    more: int


@get("/submit", opt=operation("showSubmit", Permission.ADD_SUBMISSION))
async def show_submit(request: Visit) -> Response[bytes]:
    """Show the form, and below the form the files of the batch that have been sent."""
    query = request.read_query(SubmitQuery)
    customers = _customers(request)
    names = sorted(customer.short_name for customer in customers)
    sent = None if query.batch is None else await files_of(request, query.batch, asked=query)
    own = request.caller.user.customer.short_name
    return request.page(
        SubmitPage(
            batch=query.batch or new_id(),
            form_batch=new_id(),
            agent=AGENT,
            own=own if own in names or not names else names[0],
            customers=names if len(names) <= MOST_OFFERED else [],
            retentions=RETENTIONS,
            rows=[] if sent is None else sent.rows,
            is_cut=sent is not None and sent.older is not None,
            is_under_way=sent is not None and sent.is_under_way,
            sees_samples=request.caller.holds(Permission.VIEW_SAMPLES),
            copied=of_submit(request.address),
        )
    )


@post("/submit/file", opt=operation("submitBatchFile", Permission.SUBMIT_SAMPLE, query=FileQuery, keyed=True))
async def submit_file(request: Visit) -> Response[bytes]:
    """Store the bytes of the body as the API does, and answer as the API does: a script reads the answer."""
    try:
        answer = await take_body(request)
    except Refusal as error:
        answer = refusal(error)
    else:
        _tell(request, (request.read_query(FileQuery).meta or {}).get(BATCH))
    answer.headers.update(PAGE)
    return answer


@post("/submit", opt=operation("submitForm", Permission.SUBMIT_SAMPLE), status_code=303)
async def submit_form(request: Visit) -> Response[bytes]:
    """Store the files of a form, one after the other as they come. The form can be sent again: nothing is stored twice."""
    form = FormWithFiles(request)
    stored, position = 0, 0
    mistakes: list[Violation] = []
    new: NewSubmission | None = None
    async for name, content in form.files():
        if new is None:
            new = await _read_form(request, form.fields)
        key = f"{new.meta_data[BATCH]}/{position}"
        position += 1
        try:
            is_new = await _store(
                request, msgspec.structs.replace(new, file_name=name[:LONGEST_NAME] or "-"), content, key
            )
        except (Malformed, Unsupported):
            raise
        except Refusal as error:
            mistakes += [Violation(one.message, name) for one in error.violations]
            continue
        stored += is_new
        mistakes += [] if is_new else [Violation(SAME, name)]
    if new is None:
        raise Invalid(Violation(NO_FILE, "files"))
    batch = new.meta_data[BATCH]
    _tell(request, batch)
    if mistakes:
        return request.page(
            SentPage(UUID(batch), stored, mistakes[:MOST_TOLD], len(mistakes[MOST_TOLD:])), 400
        )
    return request.to(f"batch/{batch}")


async def _store(request: Visit, new: NewSubmission, content: AsyncIterator[bytes], key: str) -> bool:
    """Store a file; answers whether there is a new submission."""
    async with kept_sample(request, content, key=key) as digests:
        answer = await take(request, digests, new, key)
    return answer.status_code != SIMILAR


async def _read_form(request: Visit, fields: dict[str, str]) -> NewSubmission:
    """The submission that the fields of the form describe, without the name of a file. Raises `Invalid` and `Forbidden`."""
    violations = Violations()
    batch = find_id(fields.get("batch", ""))
    meta = _read_pairs(fields.get("meta", ""), violations)
    retention = fields.get("retention", "")
    if retention and retention not in RETENTIONS:
        violations.add("retention", f"The retention is one of: {', '.join(RETENTIONS)}.")
    tlp: Any = fields.get("tlp", "amber")
    if tlp not in {"amber", "green", "clear"}:
        violations.add("tlp", "The TLP is amber, green or clear.")
    violations.raise_if_any()
    return await read_submission(
        request,
        SubmissionRequest(
            file_name="-",
            user_agent=UserAgentRequest(AGENT, ""),
            customer=fields.get("customer", "").strip() or None,
            tlp=tlp,
            meta_data={**meta, BATCH: str(batch or new_id())},
            retention=f"now + {retention}" if retention else None,
        ),
    )


def _read_pairs(text: str, violations: Violations) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, is_pair, value = (part.strip() for part in line.partition("="))
        if not is_pair or not key:
            violations.add("meta", NOT_A_PAIR.format(line[:100]))
        elif key == BATCH:
            violations.add("meta", TAKEN)
        elif key in pairs:
            violations.add("meta", TWICE.format(key[:100]))
        pairs[key] = value
    return pairs


def _customers(request: Visit) -> list[Customer]:
    """The customers for which the visitor may submit."""
    caller, directory = request.caller, request.bank.directory
    scope = caller.scope(Permission.ADD_SUBMISSION)
    ids = directory.customer_ids if scope.everywhere else scope.customers
    return [directory.customer(id_) for id_ in ids if id_ in directory.customer_ids]


def _tell(request: Visit, batch: str | None) -> None:
    """Tell the tabs that show the batch."""
    if batch is not None and (id_ := find_id(batch)) is not None:
        request.bank.signals.tell(id_)


ROUTES = [show_submit, submit_file, submit_form]
