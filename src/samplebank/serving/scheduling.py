"""How the kernel shares the processors among the processes of the service."""

import contextlib
import os


def finish_before_others_begin() -> None:
    """Let processes that wake up wait for those at work, unless the operator chose another policy; children inherit it.

    A request goes to and fro between a web process and the database. Interrupting one for the other at each message
    empties their caches, and stops a web process that holds the interpreter's lock and with it all of its threads.
    """
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        with contextlib.suppress(OSError):  # where it is forbidden, the service is slower
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
