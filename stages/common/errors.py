"""What a user got wrong, and what cannot be done, said in one line."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Bad input. Its text names the file or key, what is wrong and what to do."""


class NotPossible(UserError):
    """What a method cannot do with a network. Its text names the layer, where there is one, and why.

    A stage whose network others do not need leaves it out and says so; elsewhere it ends the stage.
    """


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main`; a `UserError` ends it with one line on stderr and exit code 1."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
