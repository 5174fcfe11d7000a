"""`python -m tests.simulate`: see `cli`."""

import sys

from tests.simulate.cli import main

if __name__ == "__main__":
    sys.exit(main())
