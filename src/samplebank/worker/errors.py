"""What can go wrong between a worker and the service."""


class WorkerError(Exception):
    """The message is a sentence for the operator."""


class UnknownSetting(WorkerError):
    """None of the analysers takes a setting that was given."""


class ServiceRefused(WorkerError):
    """The service understood the request and refuses. Asking again would not help.

    `names_field` tells that a field of the request is to blame.
    """

    def __init__(self, status: int, message: str, *, names_field: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.names_field = names_field


class KeyRefused(WorkerError):
    """The service does not know the key of this worker, or knows the key no longer."""


class ServiceUnavailable(WorkerError):
    """The service cannot be reached or cannot answer now. A later attempt may succeed."""


class LeaseLost(WorkerError):
    """The task belongs to another worker by now, or to nobody."""


class DamagedDownload(WorkerError):
    """The downloaded bytes are not the sample."""
