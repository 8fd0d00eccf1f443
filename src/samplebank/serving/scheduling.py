"""How the kernel shares the processors among the processes of the service."""

import contextlib
import os


def finish_before_others_begin() -> None:
    """Let waking processes wait for processes at work, unless the operator chose another policy.

    Child processes inherit the policy. A request goes to and fro between a web process and the database. Interrupting one
    process for the other at each message empties the caches of both. A web process may be interrupted while holding the
    interpreter's lock. Then all threads of the web process stop.
    """
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        with contextlib.suppress(OSError):  # where it is forbidden, the service is slower
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
