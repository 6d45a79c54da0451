"""``python -m perennial_cli``."""

from perennial_cli.main import main

main()
