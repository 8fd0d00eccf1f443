"""Rules: changes to the default policy for some customers, file types or submissions."""

from functools import partial
from uuid import UUID

from litestar import delete, get, post, put

from samplebank.accounts.caller import Caller, knows_customer, sees_customer
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission, Subject
from samplebank.api.call import Call
from samplebank.api.envelope import Answer
from samplebank.api.people import CustomerInfo, known_user
from samplebank.api.policy.access import known_customers, require_for, require_known
from samplebank.api.policy.default import (
    AnalysisWorkerInfo,
    read_options,
    show_options,
)
from samplebank.api.policy.rule_shapes import (
    AnalysisRuleActionClauseRequest,
    AnalysisRuleActionClauseResponse,
    AnalysisRuleActionOptionsClauseRequest,
    AnalysisRuleActionOptionsClauseResponse,
    AnalysisRuleActionWorkersClauseRequest,
    AnalysisRuleActionWorkersClauseResponse,
    AnalysisRuleAddRequest,
    AnalysisRuleClassificationMatchClauseResponse,
    AnalysisRuleCustomerMatchClauseResponse,
    AnalysisRuleMatchClauseRequest,
    AnalysisRuleMatchClauseResponse,
    AnalysisRuleResponse,
    AnalysisRuleSubmissionMatchClauseResponse,
    AnalysisRuleUpdateRequest,
    RuleListQuery,
    check_combinations,
    once,
)
from samplebank.api.repeated_requests import repeatable
from samplebank.audit.model import Kind
from samplebank.database import Connection
from samplebank.errors import Violations
from samplebank.http.operation import V2, operation
from samplebank.http.reader import named_customer
from samplebank.http.shapes import NoQuery
from samplebank.policy import rules
from samplebank.policy.model import Action, Match, Rule, RuleContent, RuleKind, Worker
from samplebank.policy.workers import resolve, workers_by_id


@get(
    f"{V2}/policy/default/rule",
    opt=operation(
        "searchAnalysisRules",
        Permission.VIEW_POLICY,
        query=RuleListQuery,
        answers=list[AnalysisRuleResponse],
        act=Kind.READ,
    ),
)
async def list_rules(request: Call) -> Answer:
    """List the rules for everybody, and for customers that the caller may know, oldest first."""
    query = request.read_query(RuleListQuery)
    async with request.bank.database.connection() as db:
        found, total = await rules.list_rules(
            db, query.page(), include_deleted=query.include_deleted, customers=known_customers(request.caller)
        )
        known = await _workers_of(db, found)
    return await request.show_page(
        [(rule, known) for rule in found], query.page(), total, partial(_show, request.caller)
    )


@post(
    f"{V2}/policy/default/rule",
    opt=operation(
        "addAnalysisRule",
        Permission.ADD_POLICY,
        query=NoQuery,
        body=AnalysisRuleAddRequest,
        answers=AnalysisRuleResponse,
        status=201,
        keyed=True,
    ),
)
@repeatable
async def add_rule(request: Call) -> Answer:
    document = await request.document(AnalysisRuleAddRequest)
    request.read_query(NoQuery)
    data = document.read(request.now)
    violations = Violations()
    async with request.bank.database.transaction() as db:
        match = read_match(request, violations, data.match)
        action = await read_action(db, violations, data.action)
        violations.raise_if_any()
        require_for(request, Permission.ADD_POLICY, match)
        rule = await rules.add_rule(
            db,
            RuleContent(name=data.name, description=data.description, match=match, action=action),
            user_id=request.caller.user.id,
            now=request.now,
        )
        await request.record(db, target=rule.id)
        known = await _workers_of(db, [rule])
    return await request.show((rule, known), partial(_show, request.caller), 201)


@get(
    f"{V2}/policy/default/rule/{{id:str}}",
    opt=operation(
        "getAnalysisPolicyRule", Permission.VIEW_POLICY, query=NoQuery, answers=AnalysisRuleResponse
    ),
)
async def get_rule(request: Call) -> Answer:
    async with request.bank.database.connection() as db:
        rule = await rules.get_rule(db, request.path("id"))
        require_known(request.caller, rule.match, request.bank.directory)
        known = await _workers_of(db, [rule])
    request.read_query(NoQuery)
    return await request.show((rule, known), partial(_show, request.caller))


@put(
    f"{V2}/policy/default/rule/{{id:str}}",
    opt=operation(
        "updateAnalysisRule",
        Permission.UPDATE_POLICY,
        query=NoQuery,
        body=AnalysisRuleUpdateRequest,
        answers=AnalysisRuleResponse,
    ),
)
async def update_rule(request: Call) -> Answer:
    """Change the given fields. The version before the change stays on record."""
    document = await request.document(AnalysisRuleUpdateRequest)
    violations = Violations()
    async with request.bank.database.transaction() as db:
        rule = await rules.lock_rule(db, request.path("id"))
        require_for(request, Permission.UPDATE_POLICY, rule.match)
        request.read_query(NoQuery)
        data = document.read(request.now)
        if rule.deleted_time is not None:
            violations.add("id", "The rule is deleted; add a new one.")
        match = rule.match if data.match is None else read_match(request, violations, data.match)
        action = rule.action if data.action is None else await read_action(db, violations, data.action)
        violations.raise_if_any()
        require_for(request, Permission.UPDATE_POLICY, match)
        content = RuleContent(
            name=rule.name if data.name is None else data.name,
            description=rule.description if data.description is None else data.description,
            match=match,
            action=action,
        )
        changed = await rules.update_rule(
            db,
            rule.id,
            content,
            user_id=request.caller.user.id,
            now=request.now,
        )
        await request.record(db, target=rule.id)
        known = await _workers_of(db, [changed])
    return await request.show((changed, known), partial(_show, request.caller))


@delete(
    f"{V2}/policy/default/rule/{{id:str}}",
    opt=operation(
        "deleteAnalysisRule", Permission.DELETE_POLICY, query=NoQuery, answers=AnalysisRuleResponse
    ),
    status_code=200,
)
async def delete_rule(request: Call) -> Answer:
    async with request.bank.database.transaction() as db:
        found = await rules.lock_rule(db, request.path("id"))
        require_for(request, Permission.DELETE_POLICY, found.match)
        request.read_query(NoQuery)
        rule = await rules.delete_rule(
            db, request.path("id"), user_id=request.caller.user.id, now=request.now
        )
        await request.record(db, target=rule.id)
        known = await _workers_of(db, [rule])
    return await request.show((rule, known), partial(_show, request.caller))


def read_match(request: Call, violations: Violations, given: AnalysisRuleMatchClauseRequest) -> Match:
    """Read the match clause of a rule. No clause, or more than one clause, is a violation."""
    clauses = [
        clause for clause in (given.customer, given.classification, given.submission) if clause is not None
    ]
    if len(clauses) != 1:
        violations.add(
            "match", "A rule has exactly one of the clauses customer, classification and submission."
        )
    if given.customer is not None:
        found = _read_customers(request, violations, given.customer.customer_or_group)
        return Match(RuleKind.CUSTOMER, customers=tuple(found))
    if given.classification is not None:
        types, super_types = given.classification.type or (), given.classification.super_type or ()
        if not types and not super_types:
            violations.add("match.classification", "The clause names neither a type nor a superType.")
        check_combinations(violations, "match.classification", types, super_types)
        return Match(RuleKind.CLASSIFICATION, types=once(types), super_types=once(super_types))
    if given.submission is None:
        return Match(RuleKind.SUBMISSION)
    keys, values = given.submission.meta_data_key, given.submission.meta_data_value
    check_combinations(violations, "match.submission", keys, values)
    return Match(RuleKind.SUBMISSION, meta_keys=once(keys), meta_values=once(values))


def _read_customers(request: Call, violations: Violations, references: list[int | str]) -> list[int]:
    """Read customers by id or short name. A group stands for the group's customer and all customers below."""
    caller, directory = request.caller, request.bank.directory
    found: dict[int, None] = {}
    for position, reference in enumerate(references):
        customer, group = named_customer(reference, caller, directory), directory.find_subject(reference)
        if customer is not None:
            found[customer.id] = None
        elif group is not None and group.kind == "group" and _may_name(caller, reference, group):
            found.update(dict.fromkeys(sorted(directory.with_all_below([group.customer.id]))))
        else:
            field = f"match.customer.customerOrGroup[{position}]"
            violations.add(field, f"There is no customer or group {str(reference)[:100]!r}.")
    return list(found)


def _may_name(caller: Caller, reference: int | str, group: Subject) -> bool:
    """Whether the caller may name the group so: a number could be guessed, and names only groups of known customers."""
    return str(reference) == group.short_name or knows_customer(caller, group.customer)


async def read_action(
    db: Connection, violations: Violations, given: AnalysisRuleActionClauseRequest
) -> Action:
    """Read the action of a rule. An action that does nothing is a violation."""
    workers = given.workers or AnalysisRuleActionWorkersClauseRequest()
    options = given.options or AnalysisRuleActionOptionsClauseRequest()
    if not any((workers.set, workers.add, workers.remove, options.set, options.add, options.remove)):
        violations.add("action", "A rule needs an action: it sets, adds or removes workers or options.")
    return Action(
        workers_set=await resolve(db, "action.workers.set", workers.set or (), violations),
        workers_add=await resolve(db, "action.workers.add", workers.add or (), violations),
        workers_remove=await resolve(db, "action.workers.remove", workers.remove or (), violations),
        options_set=read_options(violations, "action.options.set", options.set),
        options_add=read_options(violations, "action.options.add", options.add),
        options_remove=once(options.remove or []),
    )


async def _workers_of(db: Connection, found: list[Rule]) -> dict[UUID, Worker]:
    actions = [rule.action for rule in found]
    ids = {id_ for a in actions for id_ in (*a.workers_set, *a.workers_add, *a.workers_remove)}
    return await workers_by_id(db, ids)


def _show(caller: Caller, row: tuple[Rule, dict[UUID, Worker]], directory: Directory) -> AnalysisRuleResponse:
    rule, known = row
    action = rule.action
    find_user = partial(known_user, caller=caller, directory=directory, permission=Permission.VIEW_POLICY)
    given, added, removed = (
        [AnalysisWorkerInfo.of(known[id_]) for id_ in ids]
        for ids in (action.workers_set, action.workers_add, action.workers_remove)
    )
    options = AnalysisRuleActionOptionsClauseResponse(
        set=show_options(action.options_set),
        add=show_options(action.options_add),
        remove=list(action.options_remove),
    )
    return AnalysisRuleResponse(
        id=rule.id,
        name=rule.name,
        description=rule.description,
        match=_show_match(rule.match, caller, directory),
        action=AnalysisRuleActionClauseResponse(
            AnalysisRuleActionWorkersClauseResponse(set=given, add=added, remove=removed), options
        ),
        flags=[] if rule.deleted_time is None else ["deleted"],
        created_timestamp=rule.created_time,
        created_by_user=find_user(rule.created_by),
        last_updated_by_user=find_user(rule.updated_by),
        last_updated_timestamp=rule.updated_time,
        deleted_by_user=find_user(rule.deleted_by),
        deleted_timestamp=rule.deleted_time,
    )


def _show_match(match: Match, caller: Caller, directory: Directory) -> AnalysisRuleMatchClauseResponse:
    if match.kind is RuleKind.CUSTOMER:
        named = [directory.customer(id_) for id_ in match.customers]
        customers = [CustomerInfo.of(c) for c in named if sees_customer(caller, c, Permission.VIEW_POLICY)]
        return AnalysisRuleMatchClauseResponse(customer=AnalysisRuleCustomerMatchClauseResponse(customers))
    if match.kind is RuleKind.CLASSIFICATION:
        clause = AnalysisRuleClassificationMatchClauseResponse(list(match.types), list(match.super_types))
        return AnalysisRuleMatchClauseResponse(classification=clause)
    about = AnalysisRuleSubmissionMatchClauseResponse(list(match.meta_keys), list(match.meta_values))
    return AnalysisRuleMatchClauseResponse(submission=about)


ROUTES = [list_rules, add_rule, get_rule, update_rule, delete_rule]
