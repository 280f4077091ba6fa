"""``python -m seealso_cli`` is the program ``seealso``."""

import sys

from seealso_cli import main

sys.exit(main())
