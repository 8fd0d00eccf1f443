"""The reasons why a call into the sandbox gave no answer. Each message is a sentence fit for an analyst."""


class SandboxError(Exception):
    """`last_words` is the end of the output of the call, for the author of the code that ran in the call."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.last_words = ""


class TimedOut(SandboxError):
    """The call used up its time and was killed."""


class Crashed(SandboxError):
    """The call died by itself."""


class OutOfMemory(SandboxError):
    """The call needed more memory than allowed."""


class Refused(SandboxError):
    """The call ended with an unforeseen exception, or the answer is too large or unreadable."""


class Disturbed(SandboxError):
    """The fault is ours or the machine's, not the request's. Another attempt may succeed."""


class NotStarted(Disturbed):
    """No child could be started."""


class KilledAtStart(NotStarted):
    """Somebody else ended the child before the first call."""


class Killed(Disturbed):
    """Somebody else ended the process of the call: the operator, or the kernel for want of memory."""


class ChildKilled(Disturbed):
    """Somebody else ended the child that makes the calls. The child sees no file, so no file is to blame."""
