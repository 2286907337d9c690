"""The stages: verbs over the library in `common`."""

import signal
import sys

from stages.common import errors

# While a stage imports torch, Ctrl-C ends it without a word, and so does the end of its DVC; from then on
# `errors.run` has the say.
if sys.argv and sys.argv[0] == "-m":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    errors.stop_with_dvc()
