"""Why a call into the sandbox gave no answer; each message is a sentence that can be shown to an analyst."""


class SandboxError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TimedOut(SandboxError):
    """The child used up its time and was killed."""


class Crashed(SandboxError):
    """The child died of its own."""


class OutOfMemory(SandboxError):
    """The child wanted more memory than it may have."""


class Refused(SandboxError):
    """The child lives, but its answer was an unforeseen exception, or too large."""


class NotStarted(SandboxError):
    """No child could be had: the fault is ours or the machine's, not the request's."""
