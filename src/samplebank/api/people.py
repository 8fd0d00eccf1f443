"""The shapes of customers, users, groups and user agents in requests and answers."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal, Self

from samplebank.accounts.caller import Caller, sees_customer
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Customer, Permission, Subject
from samplebank.http.shapes import Body, Int64, Sentence, Shown, Unique, Word
from samplebank.timespec import Millis

Tlp = Literal["red", "amber", "green", "clear"]


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
    @lru_cache(4096)
    def of(cls, customer: Customer) -> "CustomerInfo":
        """The customer as shown, kept for the rows of lists, whose customers are few."""
        domain = DomainInfo(customer.domain.id, customer.domain.name)
        return cls(id=customer.id, name=customer.name, short_name=customer.short_name, domain=domain)


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
        return cls(
            id=subject.id,
            name=subject.name,
            short_name=subject.short_name,
            type=kind,
            customer=customer,
            domain=customer.domain,
            flags=[],
        )


class UserInfo(SubjectInfo):
    """A subject that is a user."""


class AccessControl(Shown):
    subject: SubjectInfo
    granted_by_user: UserInfo
    granted_timestamp: int

    @classmethod
    def of(cls, acl: Iterable[int], by: int, time: Millis, directory: Directory) -> "list[AccessControl]":
        """The ACL of a row: granted by the maker of the row, when the row was made."""
        granter = UserInfo.of(directory.subject(by)) if acl else None
        return [cls(SubjectInfo.of(directory.subject(id_)), granter, time) for id_ in acl] if granter else []


def known_user(
    id_: int | None, caller: Caller, directory: Directory, permission: Permission
) -> UserInfo | None:
    """Show a user of the caller's customer, or of a customer for which the caller holds the permission; else None."""
    user = None if id_ is None else directory.subject(id_)
    return UserInfo.of(user) if user and sees_customer(caller, user.customer, permission) else None
