"""Customers, users, groups and user agents as they go over the wire, and the shapes that every resource shares."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, TypeVar

import msgspec
from msgspec import Meta

from samplebank.accounts.access import Caller
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Customer, Permission, Subject
from samplebank.api.validation import TIME, read_time
from samplebank.database import Page
from samplebank.errors import Violations
from samplebank.timespec import Millis

T = TypeVar("T")
Tlp = Literal["red", "amber", "green", "clear"]
Limit = Annotated[int, Meta(ge=0, le=10_000)]
Offset = Annotated[int, Meta(ge=0, le=2**31 - 1)]
#: searches that may find very much go no deeper page by page; with limit 0 they answer all of it
SearchOffset = Annotated[int, Meta(ge=0, le=10_000)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
#: published as a number of 64 bits; every other number that is no time has 32
Int64 = Annotated[int, Meta(extra_json_schema={"format": "int64"})]
#: published as a list without repetitions; in a request they do no harm
Unique = Annotated[list[T], Meta(extra_json_schema={"x-set": True})]
#: the same in a request that needs no more than these
Several = Annotated[list[T], Meta(max_length=1000, extra_json_schema={"x-set": True})]
Time = Annotated[int | str | None, Meta(extra_json_schema=TIME)]
# The patterns of the contract, for the whole string (a plain $ would let a final line break pass).
END = r"(?![\s\S])"
WORD = r"[a-zA-Z0-9_:\-\.]*"
Word = Annotated[str, Meta(pattern=f"^{WORD}{END}", max_length=255, extra_json_schema={"x-pattern": WORD})]
#: `\s` and `\w` of the contract mean ASCII, as in the Java that it was written for
SENTENCE = r"^[ \t\n\x0b\f\r" + r"""a-zA-Z0-9_\{\}\$\-\(\)\.\[\]"\'/\\,\*\+\#:@!?;=]*""" + END
#: the same as the contract writes it
PUBLISHED_SENTENCE = r"""[\s\w\{\}\$\-\(\)\.\[\]"\'_/\\,\*\+\#:@!?;=]*"""
Sentence = Annotated[
    str, Meta(pattern=SENTENCE, max_length=10_000, extra_json_schema={"x-pattern": PUBLISHED_SENTENCE})
]


#: published as required
ASKED_FOR = Meta(extra_json_schema={"x-required": True})


def unless_given(value: Any) -> Meta:
    """Publishes what holds when a field is not given, where the field itself is then None."""
    return Meta(extra_json_schema={"x-default": value})


class Body(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a request brings: unknown fields are refused."""


class Shown(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """What an answer holds: fields without a value are left out, lists never."""


class PageQuery(Body):
    limit: Limit = 25
    offset: Offset = 0

    def page(self, sort: Iterable[str] | None = ()) -> Page:
        return Page(self.limit, self.offset, tuple(sort or ()))


class NoQuery(Body):
    """The call takes no parameters."""


class UserAgentRequest(Body):
    name: Word
    version: Sentence


class UserAgent(Shown):
    name: str
    version: str


class DomainInfo(Shown):
    id: int
    name: str


class CustomerInfo(Shown):
    id: Int64
    name: str
    short_name: str
    domain: DomainInfo

    @classmethod
    def of(cls, customer: Customer) -> "CustomerInfo":
        domain = DomainInfo(customer.domain.id, customer.domain.name)
        return cls(customer.id, customer.name, customer.short_name, domain)


class SubjectInfo(Shown):
    id: Int64
    name: str
    short_name: str
    type: Literal["user", "group"]
    customer: CustomerInfo
    domain: DomainInfo
    flags: Unique[Literal["deleted"]]

    @classmethod
    def of(cls, subject: Subject) -> Self:
        customer = CustomerInfo.of(subject.customer)
        kind: Any = subject.kind
        return cls(subject.id, subject.name, subject.short_name, kind, customer, customer.domain, [])


class UserInfo(SubjectInfo):
    """A subject that is a user."""


class AccessControl(Shown):
    subject: SubjectInfo
    granted_by_user: UserInfo
    granted_timestamp: int

    @classmethod
    def of(cls, acl: Iterable[int], by: int, time: Millis, directory: Directory) -> "list[AccessControl]":
        """The ACL of a row: granted by whoever made the row, when it was made."""
        granter = UserInfo.of(directory.subject(by)) if acl else None
        return [cls(SubjectInfo.of(directory.subject(id_)), granter, time) for id_ in acl] if granter else []


def find_customer(
    violations: Violations, field: str, reference: str | int, directory: Directory
) -> Customer | None:
    """The customer that a request names. An unknown one becomes a violation of `field`."""
    customer = directory.find_customer(reference)
    if customer is None:
        violations.add(field, f"There is no customer {str(reference)[:100]!r}.")
    return customer


def customers_to_filter(
    violations: Violations,
    references: Iterable[str | int] | None,
    caller: Caller,
    directory: Directory,
    *permissions: Permission,
) -> list[int] | None:
    """The customers that a filter names; unknown and invisible ones are refused with the same words."""
    if references is None:
        return None
    found = []
    for position, reference in enumerate(references):
        customer = directory.find_customer(reference)
        if customer is None or not sees_customer(caller, customer, *permissions):
            violations.add(
                f"customer[{position}]", f"There is no customer {str(reference)[:100]!r} that you may see."
            )
        else:
            found.append(customer.id)
    return found


def sees_customer(caller: Caller, customer: Customer, *permissions: Permission) -> bool:
    """Whether the caller may know of the customer: it is its own, or one it holds any of `permissions` for."""
    return customer.id == caller.user.customer.id or caller.scope(*permissions).covers(customer.id)


def known_user(
    id_: int | None, caller: Caller, directory: Directory, permission: Permission
) -> UserInfo | None:
    """A user as the caller may know it: of its customer, or one that it holds the permission for; else None."""
    user = None if id_ is None else directory.subject(id_)
    return UserInfo.of(user) if user and sees_customer(caller, user.customer, permission) else None


def read_range(
    violations: Violations, start: object, end: object, now: Millis
) -> tuple[Millis | None, Millis | None]:
    """The bounds of a time search; a start after its end is a violation."""
    first = read_time(violations, "startTimestamp", start, now)
    last = read_time(violations, "endTimestamp", end, now)
    if first is not None and last is not None and first > last:
        violations.add("startTimestamp", "startTimestamp is after endTimestamp.")
    return first, last
