"""`samplebank key`: make, list and revoke API keys."""

from typing import Annotated
from uuid import UUID

import msgspec
import typer

from samplebank import timespec
from samplebank.accounts import keys, provisioning
from samplebank.accounts.model import ROLES
from samplebank.assembly import clock
from samplebank.audit.model import OPERATOR
from samplebank.audit.recording import record_access
from samplebank.cli.installation import in_transaction
from samplebank.cli.printing import JsonOption, complain, out, table, write_json
from samplebank.database import Connection
from samplebank.timespec import Millis

key_app = typer.Typer(help="Make, list and revoke API keys.")

USELESS = (
    "{user} holds no grant of {roles}, so this key allows nothing now. `samplebank accounts add-grant` gives the role; "
    "or make a key of a user with the role."
)


class ListedKey(msgspec.Struct, frozen=True, rename="camel"):
    """A key of `samplebank key list --json`. Roles and customers are null where the key is not narrowed to some."""

    id: UUID
    user: str
    label: str
    roles: list[str] | None
    customers: list[str] | None
    created_timestamp: Millis
    expiry_timestamp: Millis | None
    revoked_timestamp: Millis | None


@key_app.command()
def create(
    user: Annotated[str, typer.Argument(help="Short name of the user.")],
    *,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    expires: Annotated[str | None, typer.Option(help='When it ends, such as "now + 90 days".')] = None,
    role: Annotated[list[str] | None, typer.Option(help="Narrow the key to this role; repeatable.")] = None,
    customer: Annotated[
        list[str] | None, typer.Option(help="Narrow the key to this customer and all below it; repeatable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key for a user and print it, this once."""
    unknown = [name for name in role or () if name not in ROLES]
    if unknown:
        raise typer.BadParameter(
            f"{unknown[0]!r} is no role; the roles are {', '.join(ROLES)}.", param_hint="--role"
        )
    _check_label(label)
    if expires is not None:
        _expiry(expires, clock())  # a mistake is told before the database is asked for its time

    async def make(db: Connection, now: Millis) -> tuple[UUID, str, bool]:
        expiry = None if expires is None else _expiry(expires, now)
        user_id = await provisioning.get_user_id(db, user)
        customers = [await provisioning.get_customer_id(db, name) for name in customer] if customer else None
        id_, key = await keys.issue(
            db,
            user_id,
            now=now,
            label=label,
            roles=role or None,
            customers=customers,
            expiry=expiry,
        )
        narrowed = {"label": label, "roles": role, "customers": customer}
        await record_access(db, "createKey", user_id, by=OPERATOR, now=now, target=id_, **narrowed)
        return id_, key, not role or await keys.holds_any(db, user_id, role)

    def tell(made: tuple[UUID, str, bool], where: str) -> None:
        id_, key, is_useful = made
        if not is_useful:
            complain(USELESS.format(user=user, roles=" or ".join(role or ())))
        if as_json:
            write_json({"id": str(id_), "user": user, "key": key})
        else:
            typer.echo(f"Key {id_} of {user} in {where}, shown only now: {key}")

    in_transaction(make, tell)


@key_app.command(name="list")
def list_(
    *,
    user: Annotated[str | None, typer.Option(help="Only the keys of this user.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List keys; the keys themselves are stored nowhere."""

    async def listed(db: Connection, _: Millis) -> list[keys.Key]:
        if user is not None:
            await provisioning.get_user_id(db, user)
        return await keys.list_keys(db, user)

    found, _ = in_transaction(listed)
    if as_json:
        write_json({"keys": [_told(key) for key in found]})
        return
    rows = [
        (
            key.id,
            key.user,
            key.label,
            _narrowed_to(key.roles),
            _narrowed_to(key.customers),
            _said(key.created_time),
            _said(key.expiry_time),
            _said(key.revoked_time),
        )
        for key in found
    ]
    columns = ["ID", "USER", "LABEL", "ROLES", "CUSTOMERS", "CREATED", "EXPIRES", "REVOKED"]
    out().print(table(columns, rows))


@key_app.command()
def revoke(
    id_: Annotated[
        UUID, typer.Argument(metavar="ID", help="Id of the key, as `samplebank key list` has it.")
    ],
) -> None:
    """End a key; it stops working within 2 seconds."""

    async def end(db: Connection, now: Millis) -> None:
        user_id = await keys.revoke(db, id_, now=now)
        await record_access(db, "revokeKey", user_id, by=OPERATOR, now=now, target=id_)

    _, where = in_transaction(end)
    typer.echo(f"The key {id_} in {where} is revoked.")


def _check_label(label: str) -> None:
    if len(label) > keys.LONGEST_LABEL:
        raise typer.BadParameter(
            f"The label has {len(label)} letters, more than the {keys.LONGEST_LABEL} allowed.",
            param_hint="--label",
        )


def _expiry(given: str, now: Millis) -> Millis:
    try:
        expiry = timespec.parse(given, now=now)
    except timespec.BadTime as error:
        raise typer.BadParameter(str(error), param_hint="--expires") from error
    if expiry <= now:
        raise typer.BadParameter(
            f"The key would end at once: {timespec.iso(expiry)} is past.", param_hint="--expires"
        )
    return expiry


def _told(key: keys.Key) -> ListedKey:
    return ListedKey(
        id=key.id,
        user=key.user,
        label=key.label,
        roles=key.roles,
        customers=key.customers,
        created_timestamp=key.created_time,
        expiry_timestamp=key.expiry_time,
        revoked_timestamp=key.revoked_time,
    )


def _narrowed_to(names: list[str] | None) -> str:
    return "all of the user" if names is None else ", ".join(names)


def _said(time: Millis | None) -> str | None:
    return None if time is None else timespec.iso(time)
