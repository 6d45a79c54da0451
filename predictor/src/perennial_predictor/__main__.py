"""``python -m perennial_predictor`` is ``perennial-predictor``."""

from perennial_predictor.main import main

if __name__ == "__main__":
    main()
