"""Why a call into the sandbox gave no answer; each message is a sentence that can be shown to an analyst."""


class SandboxError(Exception):
    """`last_words` is the end of what the call printed, for the author of what ran in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.last_words = ""


class TimedOut(SandboxError):
    """The call used up its time and was killed."""


class Crashed(SandboxError):
    """The call died of its own."""


class OutOfMemory(SandboxError):
    """The call wanted more memory than it may have."""


class Refused(SandboxError):
    """The answer was an unforeseen exception, or too large."""


class Disturbed(SandboxError):
    """The fault is ours or the machine's, not the request's: another try may do."""


class NotStarted(Disturbed):
    """No child could be had."""


class KilledAtStart(NotStarted):
    """Somebody else ended the child before it could be asked."""


class Killed(Disturbed):
    """Somebody else ended the process of the call: the operator, or the kernel for want of memory."""


class ChildKilled(Disturbed):
    """Somebody else ended the child that makes the calls. The child sees no file, so no file is to blame."""
