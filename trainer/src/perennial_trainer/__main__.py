"""``python -m perennial_trainer``."""

from perennial_trainer.main import main

main()
