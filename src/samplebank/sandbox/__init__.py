"""Parses untrusted bytes in child processes. A hostile file may cost the child life, memory or time, and never costs ours.

The outside of the sandbox is in `pool`, which the children do not import: each fork would copy what asyncio and TLS take.
"""

from samplebank.sandbox.confinement import missing_parts
from samplebank.sandbox.errors import (
    ChildKilled,
    Crashed,
    Disturbed,
    Killed,
    NotStarted,
    OutOfMemory,
    Refused,
    SandboxError,
    TimedOut,
)
from samplebank.sandbox.limits import Limits

__all__ = [
    "ChildKilled",
    "Crashed",
    "Disturbed",
    "Killed",
    "Limits",
    "NotStarted",
    "OutOfMemory",
    "Refused",
    "SandboxError",
    "TimedOut",
    "missing_parts",
]
