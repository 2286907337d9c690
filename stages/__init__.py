"""The stages: verbs over the library in `common`."""

import signal
import sys
from importlib.util import find_spec

from stages.common import errors

# While a stage imports torch, Ctrl-C ends it without a word, and so does the end of its DVC; from then on
# `errors.run` has the say.
if sys.argv and sys.argv[0] == "-m":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    errors.stop_with_dvc()
    if find_spec("pydantic") is None:
        sys.exit("error: the environment is not active: `source .venv/bin/activate` (`make setup` makes it)")
