"""`samplebank accounts`: list, make and remove users and groups, give and take single grants and memberships, remove customers."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from samplebank import timespec
from samplebank.accounts import customers, upkeep
from samplebank.accounts.model import ROLES
from samplebank.accounts.tenants import Name, ShortName
from samplebank.accounts.upkeep import Account, Taken
from samplebank.audit.model import OPERATOR, Entry, Kind
from samplebank.audit.recording import record
from samplebank.cli.installation import Done, T, Work, in_transaction
from samplebank.cli.printing import JsonOption, out, table, write_json
from samplebank.database import Connection
from samplebank.timespec import Millis

accounts_app = typer.Typer(
    help="List, make and remove users and groups, give and take single rights, remove customers."
)

User = Annotated[str, typer.Argument(metavar="USER", help="Short name of the user.")]
Group = Annotated[str, typer.Argument(metavar="GROUP", help="Short name of the group.")]

Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="Short name of the user or group.")]
Role = Annotated[str, typer.Argument(metavar="ROLE", help="The role.")]
Customer = Annotated[
    str, typer.Argument(metavar="CUSTOMER", help='Short name of the customer; "*" = every customer.')
]
Home = Annotated[
    str, typer.Argument(metavar="CUSTOMER", help="Short name of the customer that the account belongs to.")
]
FullName = Annotated[str | None, typer.Option("--name", help="What people call the account.")]


class ListedAccount(msgspec.Struct, frozen=True, rename="camel"):
    """A user or group of `samplebank accounts list --json`."""

    kind: str
    short_name: str
    name: str
    customer: str
    groups: Sequence[str]
    grants: Sequence[str]
    removed_timestamp: Millis | None


def _changed(action: str, work: Work[T], target: str, **details: str) -> Done[T]:
    """Change accounts, and tell the ledger in the same transaction. `target` is whom the change is about, as by the API."""

    async def changed(db: Connection, now: Millis) -> T:
        done = await work(db, now)
        await record(db, Entry(now, Kind.ACCESS, action, OPERATOR, target=target, details=details))
        return done

    return in_transaction(changed)


@accounts_app.command(name="list")
def list_(*, as_json: JsonOption = False) -> None:
    """List users and groups with their groups and grants."""
    found, _ = in_transaction(lambda db, _: upkeep.accounts(db))
    if as_json:
        write_json({"accounts": [_told(one) for one in found]})
        return
    rows = [
        (
            one.kind,
            one.short_name,
            one.customer,
            ", ".join(one.groups),
            ", ".join(one.grants),
            None if one.removed_time is None else timespec.iso(one.removed_time),
        )
        for one in found
    ]
    out().print(table(["KIND", "NAME", "CUSTOMER", "GROUPS", "GRANTS", "REMOVED"], rows))


@accounts_app.command()
def remove_user(user: User) -> None:
    """Remove a user: grants, memberships, keys and sessions end within 2 seconds. What the user submitted stays."""
    taken, where = _changed(
        "removeUser", lambda db, now: upkeep.remove_user(db, user, now=now), user, user=user
    )
    typer.echo(f"The user {user} in {where} is removed, with {_counted(taken)}.")


@accounts_app.command()
def remove_group(group: Group) -> None:
    """Remove a group: its grants and members end."""
    taken, where = _changed(
        "removeGroup", lambda db, now: upkeep.remove_group(db, group, now=now), group, group=group
    )
    typer.echo(f"The group {group} in {where} is removed, with {_counted(taken)}.")


@accounts_app.command()
def remove_customer(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="Short name of the customer.")],
) -> None:
    """Remove a customer that has no user, group, customer below, submission, upload and job. Grants for the customer end."""
    ended, where = _changed(
        "removeCustomer", lambda db, now: customers.remove(db, customer, now=now), customer, customer=customer
    )
    typer.echo(f"The customer {customer} in {where} is removed, with {ended} grants.")


@accounts_app.command()
def add_user(user: User, customer: Home, *, name: FullName = None) -> None:
    """Make a user of a customer, or change customer and name. A removed user is back, without rights."""
    where = _put("user", user, customer, name)
    typer.echo(
        f"The user {user} in {where} belongs to {customer}. `samplebank key create {user}` makes a key."
    )


@accounts_app.command()
def add_group(group: Group, customer: Home, *, name: FullName = None) -> None:
    """Make a group of a customer, or change customer and name. A removed group is back, without rights."""
    where = _put("group", group, customer, name)
    typer.echo(f"The group {group} in {where} belongs to {customer}.")


@accounts_app.command()
def remove_member(group: Group, user: User) -> None:
    """Take a user out of a group."""
    _, where = _changed(
        "removeMember", lambda db, _: upkeep.remove_member(db, group, user), user, group=group, user=user
    )
    typer.echo(f"The user {user} is not in the group {group} in {where} any more.")


@accounts_app.command()
def add_member(group: Group, user: User) -> None:
    """Put a user into a group."""
    _, where = _changed(
        "addMember", lambda db, _: upkeep.add_member(db, group, user), user, group=group, user=user
    )
    typer.echo(f"The user {user} is in the group {group} in {where}.")


@accounts_app.command()
def add_grant(subject: Subject, role: Role, customer: Customer) -> None:
    """Give a user or group a role for a customer and all customers below, beside the other grants."""
    _check_role(role)
    _, where = _changed(
        "addGrant",
        lambda db, _: upkeep.add_grant(db, subject, role, customer),
        subject,
        subject=subject,
        role=role,
        customer=customer,
    )
    typer.echo(f"{subject} in {where} has a grant of {role} for {customer}.")


@accounts_app.command()
def remove_grant(subject: Subject, role: Role, customer: Customer) -> None:
    """Take a grant back, as the grant was given."""
    _check_role(role)
    _, where = _changed(
        "removeGrant",
        lambda db, _: upkeep.remove_grant(db, subject, role, customer),
        subject,
        subject=subject,
        role=role,
        customer=customer,
    )
    typer.echo(f"{subject} in {where} has no grant of {role} for {customer} any more.")


def _put(kind: str, short_name: str, customer: str, name: str | None) -> str:
    """Make or change an account; answers where."""
    try:
        msgspec.convert([short_name, name or short_name], tuple[ShortName, Name])
    except msgspec.ValidationError as error:
        raise typer.BadParameter(
            "A short name has 1 to 100 letters, digits, and _ : - . only, a name 1 to 200 characters."
        ) from error
    _, where = _changed(
        f"put{kind.title()}",
        lambda db, _: upkeep.put(db, kind, short_name, name=name or short_name, customer=customer),
        short_name,
        account=short_name,
        customer=customer,
    )
    return where


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise typer.BadParameter(f"{role} is no role; the roles are {', '.join(ROLES)}.", param_hint="ROLE")


def _counted(taken: Taken) -> str:
    return f"{taken.grants} grants, {taken.memberships} memberships, {taken.keys} keys and {taken.sessions} sessions"


def _told(one: Account) -> ListedAccount:
    return ListedAccount(
        kind=one.kind,
        short_name=one.short_name,
        name=one.name,
        customer=one.customer,
        groups=one.groups,
        grants=one.grants,
        removed_timestamp=one.removed_time,
    )
