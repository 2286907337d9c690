"""What a user got wrong, said in one line."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input. Its text names the file or key, what is wrong and what to do."""


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main`; a `UserError` ends it with one line on stderr and exit code 1."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
