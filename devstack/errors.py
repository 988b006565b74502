"""Faults of the machine or of the command line that a person can mend.

Whatever raises `SetupError` carries one line that says what is wrong and what to do; `__main__`
prints that line and exits with code 2, with no traceback and nothing left running.
"""


class SetupError(Exception):
    """One line for a person: what is wrong, and what to do about it."""


class ProcessFailed(Exception):
    """A supervised process is beyond its restart limit, or missed a named deadline."""
