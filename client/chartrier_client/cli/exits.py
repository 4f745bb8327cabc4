"""How a command ends, for scripts."""

from typing import Final

ACCEPTED: Final = 0
TECHNICAL: Final = 1
REJECTED: Final = 2
INDETERMINATE: Final = 3
