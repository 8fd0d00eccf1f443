"""Who may read and change a rule: callers with the permission for the customers that the rule concerns.

A rule without customers concerns everybody.
"""

from samplebank.accounts.caller import Caller, sees_customer
from samplebank.accounts.directory import Directory
from samplebank.accounts.model import Permission
from samplebank.api.call import Call
from samplebank.errors import Forbidden
from samplebank.http.guard import require_administration
from samplebank.policy.model import Match, RuleKind

OF_OTHERS = "The rule concerns customers for whom you do not hold {}."


def known_customers(caller: Caller) -> frozenset[int] | None:
    """The customers whose rules the caller may read; None for every customer."""
    scope = caller.scope(Permission.VIEW_POLICY)
    return None if scope.everywhere else scope.customers | {caller.user.customer.id}


def require_known(caller: Caller, match: Match, directory: Directory) -> None:
    """Raise `Forbidden` for a rule of customers unknown to the caller: name and options belong to the customers."""
    named = [directory.customer(id_) for id_ in match.customers]
    if match.kind is RuleKind.CUSTOMER and not any(
        sees_customer(caller, customer, Permission.VIEW_POLICY) for customer in named
    ):
        raise Forbidden(OF_OTHERS.format(Permission.VIEW_POLICY))


def require_for(request: Call, permission: Permission, match: Match) -> None:
    """Raise `Forbidden` unless the caller may decide for everybody whom a rule concerns.

    A rule with customers concerns the customers, any other rule concerns everybody.
    """
    if match.kind is not RuleKind.CUSTOMER:
        require_administration(request, permission)
    if not all(request.caller.may(permission, id_) for id_ in match.customers):
        raise Forbidden(OF_OTHERS.format(permission))
