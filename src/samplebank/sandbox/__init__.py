"""Parses untrusted bytes in child processes. A hostile file may cost the child life, memory or time, and never costs ours."""

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
from samplebank.sandbox.pool import Sandbox

__all__ = [
    "ChildKilled",
    "Crashed",
    "Disturbed",
    "Killed",
    "Limits",
    "NotStarted",
    "OutOfMemory",
    "Refused",
    "Sandbox",
    "SandboxError",
    "TimedOut",
    "missing_parts",
]
