"""Access control lists of requests: read the named subjects, without telling who else there is."""

from collections.abc import Sequence

from samplebank.accounts.caller import Caller
from samplebank.accounts.model import Subject
from samplebank.api.call import Call
from samplebank.errors import Violations
from samplebank.submissions.queries import subjects_met

#: the most subjects that an ACL names; a group stands for more users. The readers of a submission or link stand in indexes, of
#: which an entry has room for 2.7 kB: 8 bytes for each subject
MOST = 300


async def read_acl(
    request: Call, violations: Violations, references: Sequence[int | str] | None
) -> list[int]:
    """Read the ids of the subjects that an ACL names. Unknown subjects become violations of `acl`.

    A short name may name any subject: a caller who shares with a subject knows the short name. A number could be
    guessed, so a number names only subjects that the caller has met. The caller has met the subjects of the caller's
    domain, the subjects of customers for which the caller holds a permission, and the subjects in the ACL of any
    submission that the caller sees.
    """
    given = references or ()
    if len(given) > MOST:
        violations.add("acl", f"An ACL names at most {MOST} users and groups; a group stands for many users.")
        return []
    found = [request.bank.directory.find_subject(reference) for reference in given]
    guessed = {
        subject.id
        for subject, reference in zip(found, given, strict=True)
        if subject and str(reference) != subject.short_name and not _is_near(request.caller, subject)
    }
    if guessed:
        async with request.bank.database.connection() as db:
            guessed -= await subjects_met(db, request.caller, sorted(guessed))
    for position, (subject, reference) in enumerate(zip(found, given, strict=True)):
        if subject is None or subject.id in guessed:
            violations.add(f"acl[{position}]", f"There is no user or group {str(reference)[:100]!r}.")
    return list(dict.fromkeys(subject.id for subject in found if subject and subject.id not in guessed))


def _is_near(caller: Caller, subject: Subject) -> bool:
    """Whether the subject is of the caller's domain, or of a customer for which the caller holds a permission."""
    if subject.customer.domain.id == caller.user.customer.domain.id:
        return True
    return any(scope.covers(subject.customer.id) for scope in caller.scopes.values())
