"""`python -m digits COMMAND …`: the same as `digits COMMAND …`."""

import sys

from digits.cli import main

sys.exit(main())
