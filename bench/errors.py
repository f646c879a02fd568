"""Errors of the benchmark."""

from malha.errors import MalhaError


class BenchmarkError(MalhaError):
    """A measured command failed, or its result is wrong."""
