"""Rules of hunts are compiled in a sealed process of their own before a hunt is stored."""

import msgspec

from samplebank.errors import Invalid, Unavailable, Violation
from samplebank.http.exchange import Exchange
from samplebank.sandbox import Crashed, Disturbed, Limits, OutOfMemory, Refused, SandboxError, TimedOut
from samplebank.sandbox.pool import Sandbox
from samplebank.worker.hunting.messages import (
    COMPILE_BYTES,
    COMPILE_SECONDS,
    FACTORY,
    MOST_RULES_BYTES,
    Compile,
    Compiled,
    Mistake,
    Unusable,
    decoded_reply,
    encoded,
)

FIELD = "rules"
TOO_DEAR = "The rules cannot be compiled: {}"
NO_CHECK = "The rules cannot be checked at the moment; try again in a moment."


async def checked_rules(request: Exchange, rules: str) -> int:
    """Compile rules; answers their number. Raises `Invalid` with the mistakes of the compiler, and `Unavailable`."""
    size = len(rules.encode())
    if size > MOST_RULES_BYTES:
        said = f"The rules have {size} bytes, more than the {MOST_RULES_BYTES} of a hunt."
        raise Invalid(Violation(said, FIELD))
    async with request.budgets.rules.turn(request.caller.user.id):
        reply = await _compiled(rules, required=request.bank.settings.sandbox_required)
    if isinstance(reply, Unusable):
        raise Invalid(*(Violation(_said(mistake), FIELD) for mistake in reply.mistakes))
    return reply.rules


async def _compiled(rules: str, *, required: bool) -> Compiled | Unusable:
    limits = Limits(memory_bytes=COMPILE_BYTES, start_seconds=COMPILE_SECONDS, required=required)
    try:
        async with Sandbox(FACTORY, rules, limits=limits) as sandbox:
            reply = decoded_reply(await sandbox.call(encoded(Compile()), COMPILE_SECONDS))
    except (TimedOut, OutOfMemory, Crashed, Refused) as error:
        raise Invalid(Violation(TOO_DEAR.format(error.reason), FIELD)) from error
    except (Disturbed, SandboxError, msgspec.MsgspecError) as error:
        raise Unavailable(NO_CHECK) from error
    if not isinstance(reply, Compiled | Unusable):
        raise Unavailable(NO_CHECK)
    return reply


def _said(mistake: Mistake) -> str:
    return f"Line {mistake.line}: {mistake.message}" if mistake.line else mistake.message
