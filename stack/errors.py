"""Errors of the embedded stack.

MalhaError
└── StackError
    ├── PortInUseError     another process has a port of the stack
    └── ServiceError       a service did not become healthy
"""

from malha.errors import MalhaError


class StackError(MalhaError):
    """The stack could not do what was asked."""


class PortInUseError(StackError):
    """Another process listens on a port that the stack needs."""


class ServiceError(StackError):
    """A service stopped, or did not become healthy in time."""
