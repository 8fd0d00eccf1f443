"""Statistics over submissions."""

from typing import Annotated, Any, Literal

from litestar import post
from msgspec import Meta

from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.search.criteria import Reader
from samplebank.api.search.submissions import SubmissionCriteriaRequest, read_criteria
from samplebank.audit.model import Kind
from samplebank.database import Page
from samplebank.database.times import TimeRange
from samplebank.http.operation import V2, operation
from samplebank.http.shapes import END as WHOLE
from samplebank.http.shapes import Body, Int64, NoQuery, Shown
from samplebank.search.statistics import META_DATA, SAMPLE, Group, Record, Statistics, statistics_of
from samplebank.search.submissions import TIMES
from samplebank.search.timelines import Timeline

#: the most levels of groups, and the most timelines and statistics of a request
MOST_LEVELS = 6
MOST_METRICS = 20
#: the most records of a level
MOST_RECORDS = 10_000

GroupField = Literal["customer", "fileName", "sampleSha256", "mimeType", "tlp", "metaData"]
TimeField = Literal["submittedTimestamp", "observedTimestamp", "expiryTimestamp"]
Name = Annotated[
    str,
    Meta(
        pattern=f"^[a-zA-Z0-9_-]+{WHOLE}", max_length=255, extra_json_schema={"x-pattern": "^[a-zA-Z0-9_-]+$"}
    ),
]


class SubmissionGroupByRequest(Body):
    field: GroupField
    limit: Annotated[int, Meta(ge=1, le=MOST_RECORDS)] = 25
    meta_data_field: str | None = None


class SubmissionRangeMetricRequest(Body):
    name: Name
    field: TimeField
    resolution: Literal["hour", "day", "week", "month", "quarter"]
    include_empty: bool = False


class SubmissionStatisticsMetricRequest(Body):
    name: Name
    field: TimeField


class SubmissionStatisticsRequest(SubmissionCriteriaRequest):
    group_by: Annotated[list[SubmissionGroupByRequest], Meta(max_length=MOST_LEVELS)] | None = None
    timeline: Annotated[list[SubmissionRangeMetricRequest], Meta(max_length=MOST_METRICS)] | None = None
    statistics: Annotated[list[SubmissionStatisticsMetricRequest], Meta(max_length=MOST_METRICS)] | None = (
        None
    )


class SubmissionMetricMetadata(Shown):
    type: GroupField
    identifier: str
    display_name: str
    short_name: str | None = None
    meta_data_field: str | None = None


class SubmissionRangeMetricBucket(Shown):
    timestamp: int
    count: Int64


class SubmissionRangeMetric(Shown):
    name: str
    field: TimeField
    buckets: list[SubmissionRangeMetricBucket]


class SubmissionStatisticsMetric(Shown):
    name: str
    field: TimeField
    min: Int64 | None = None
    max: Int64 | None = None


class SubmissionMetricRecord(Shown):
    count: Int64
    group: SubmissionMetricMetadata | None = None
    buckets: "list[SubmissionMetricRecord] | None" = None
    timeline: list[SubmissionRangeMetric] | None = None
    statistics: list[SubmissionStatisticsMetric] | None = None


@post(
    f"{V2}/submission/statistics",
    opt=operation(
        "submissionStatistics",
        Permission.VIEW_SUBMISSION,
        query=NoQuery,
        body=SubmissionStatisticsRequest,
        answers=list[SubmissionMetricRecord],
        act=Kind.READ,
    ),
)
async def get_statistics(request: Call) -> Answer:
    """Count the submissions that match every given filter: in groups, over time, and with the extremes of times."""
    document = await request.document(SubmissionStatisticsRequest)
    request.read_query(NoQuery)
    wanted = document.read(request.now)
    reader = Reader(request.caller, request.bank.directory, request.now)
    window = reader.window(wanted.index_start_timestamp, wanted.index_end_timestamp)
    criterion = read_criteria(reader, wanted)
    asked = read_statistics(reader, wanted, criterion.times)
    reader.violations.raise_if_any()

    async def search() -> list[Record]:
        async with request.bank.database.transaction(read_only=True) as db:
            return await statistics_of(db, request.caller, criterion, window, asked)

    records = await request.dearly(search)

    def show(record: Record, directory: Directory) -> SubmissionMetricRecord:
        return show_record(record, wanted, directory, 0)

    return await request.show_page(records, Page(0), len(records), show)


def read_statistics(reader: Reader, wanted: SubmissionStatisticsRequest, times: TimeRange) -> Statistics:
    """Read the groups, timelines and extremes to count.

    A timeline spans the bounds of the time search, where the time search looks at the field of the timeline.
    """
    groups = wanted.group_by or []
    for position, group in enumerate(groups):
        if group.field == META_DATA and not group.meta_data_field:
            said = "Groups by metadata need the name of a metadata field."
            reader.violations.add(f"groupBy[{position}].metaDataField", said)
    lines = []
    for line in wanted.timeline or ():
        is_bound = TIMES[line.field] in times.fields
        start, end = (times.start, times.end) if is_bound else (None, None)
        lines.append(
            Timeline(
                field=line.field,
                resolution=line.resolution,
                include_empty=line.include_empty,
                start=start,
                end=end,
            )
        )
    return Statistics(
        groups=tuple(
            Group(field=group.field, limit=group.limit, meta_data_field=group.meta_data_field or "")
            for group in groups
        ),
        timelines=tuple(lines),
        extremes=tuple(metric.field for metric in wanted.statistics or ()),
    )


def show_record(
    record: Record, wanted: SubmissionStatisticsRequest, directory: Directory, level: int
) -> SubmissionMetricRecord:
    groups = wanted.group_by or []
    group = show_group(groups[level], record.key, directory) if groups else None
    if level + 1 < len(groups):
        inner = [show_record(each, wanted, directory, level + 1) for each in record.records]
        return SubmissionMetricRecord(count=record.count, group=group, buckets=inner)
    lines = [
        SubmissionRangeMetric(
            name=line.name,
            field=line.field,
            buckets=[SubmissionRangeMetricBucket(start, count) for start, count in buckets],
        )
        for line, buckets in zip(wanted.timeline or (), record.timelines, strict=True)
    ]
    extremes = [
        SubmissionStatisticsMetric(name=metric.name, field=metric.field, min=least, max=most)
        for metric, (least, most) in zip(wanted.statistics or (), record.extremes, strict=True)
    ]
    return SubmissionMetricRecord(
        count=record.count, group=group, buckets=None, timeline=lines or None, statistics=extremes or None
    )


def show_group(group: SubmissionGroupByRequest, key: Any, directory: Directory) -> SubmissionMetricMetadata:
    if group.field == "customer":
        customer = directory.customer(key)
        return SubmissionMetricMetadata(
            type=group.field, identifier=str(key), display_name=customer.name, short_name=customer.short_name
        )
    text = key.hex() if group.field == SAMPLE else key
    return SubmissionMetricMetadata(
        type=group.field,
        identifier=text,
        display_name=text,
        short_name=None,
        meta_data_field=group.meta_data_field,
    )


ROUTES = [get_statistics]
