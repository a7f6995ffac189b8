"""``python -m encas_zoo`` is the program ``encas-zoo``."""

import sys

from ._program import main

if __name__ == "__main__":
    sys.exit(main())
