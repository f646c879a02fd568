"""What a scope looks like: `*`, `domain:<group>`, `product:<name>`, or a word of one's own."""

import re
from typing import Annotated

from pydantic import AfterValidator

ALL = "*"
"""The scope that every product can be read with."""

DOMAIN = "domain:"
PRODUCT = "product:"

_PATTERN = re.compile(r"\*|(domain:|product:)?[A-Za-z][A-Za-z0-9_.-]*")


def checked(text: str) -> str:
    """The scope, as it is.

    Raises:
        ValueError: it is none; the message says what is.
    """
    if not _PATTERN.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a scope: *, domain:<group>, product:<name>, or a word of letters, "
            "digits, `_`, `.` and `-` such as pii"
        )
    return text


Scope = Annotated[str, AfterValidator(checked)]
