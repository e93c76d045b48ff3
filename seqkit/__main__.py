"""`python -m seqkit` is the command `seqkit`."""

import sys

from seqkit.cli.main import main

sys.exit(main())
