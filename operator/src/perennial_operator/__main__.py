"""``python -m perennial_operator``."""

from perennial_operator.main import main

main()
