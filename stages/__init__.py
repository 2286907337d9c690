"""The stages: verbs over the library in `common`."""

import signal
import sys

# A stage that is stopped while it imports torch says nothing; from then on `errors.run` has the say.
if sys.argv and sys.argv[0] == "-m":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
