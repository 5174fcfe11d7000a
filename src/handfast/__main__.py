"""`python -m handfast` is `handfast`."""

from handfast.cli import main

main()
