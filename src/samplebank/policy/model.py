"""Workers, the default policy and the rules that adapt it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from samplebank.timespec import Millis


class Option(msgspec.Struct, frozen=True):
    key: str
    value: str


class Worker(msgspec.Struct, frozen=True):
    """A registered analyser. `names` and `descriptions` are texts by language."""

    id: UUID
    short_name: str
    names: dict[str, str]
    descriptions: dict[str, str]
    created_by: int
    created_time: Millis
    updated_by: int | None
    updated_time: Millis | None
    deleted_by: int | None
    deleted_time: Millis | None


class WorkerContent(msgspec.Struct, frozen=True):
    """The content of the registration of a worker. `schema` is JSON. In a change, None leaves a field as before."""

    short_name: str | None
    names: dict[str, str] | None
    descriptions: dict[str, str] | None
    schema: bytes | None = None


class Policy(msgspec.Struct, frozen=True):
    """The workers and options where no rule says otherwise."""

    workers: tuple[UUID, ...]
    options: tuple[Option, ...]
    updated_by: int | None = None
    updated_time: Millis | None = None


class RuleKind(StrEnum):
    CUSTOMER = "customer"
    CLASSIFICATION = "classification"
    SUBMISSION = "submission"


class Match(msgspec.Struct, frozen=True):
    """A single clause: customers; types and super types; or metadata keys and values."""

    kind: RuleKind
    customers: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    super_types: tuple[str, ...] = ()
    meta_keys: tuple[str, ...] = ()
    meta_values: tuple[str, ...] = ()


class Action(msgspec.Struct, frozen=True):
    """The changes that a matching rule makes to workers and options."""

    workers_set: tuple[UUID, ...] = ()
    workers_add: tuple[UUID, ...] = ()
    workers_remove: tuple[UUID, ...] = ()
    options_set: tuple[Option, ...] = ()
    options_add: tuple[Option, ...] = ()
    options_remove: tuple[str, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    id: UUID
    version: int
    name: str
    description: str
    match: Match
    action: Action
    created_by: int
    created_time: Millis
    updated_by: int | None = None
    updated_time: Millis | None = None
    deleted_by: int | None = None
    deleted_time: Millis | None = None


class RuleContent(msgspec.Struct, frozen=True):
    """A rule as requested: checked, with every default filled in."""

    name: str
    description: str
    match: Match
    action: Action


class Case(msgspec.Struct, frozen=True):
    """The facts that rules look at: the customer of a submission, the type of the file, the submission's metadata."""

    customer_id: int
    type: str | None = None
    super_type: str | None = None
    meta_data: dict[str, Any] = {}


class Plan(msgspec.Struct, frozen=True):
    """The effective policy of a job: sorted workers and options, and the rules that led to the policy."""

    workers: tuple[UUID, ...]
    options: tuple[Option, ...]
    rules: tuple[tuple[UUID, int], ...] = ()


class Book(msgspec.Struct, frozen=True):
    """The policy, the rules in force, and the names of undeleted workers, as of the same version."""

    version: int
    policy: Policy
    rules: tuple[Rule, ...]
    names: Mapping[UUID, str]
    looks_at_classification: bool
