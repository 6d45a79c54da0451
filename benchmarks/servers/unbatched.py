"""Perennial's predictor, which asks its model for each request alone."""

from perennial_predictor.cost import Cost
from perennial_predictor.main import main

if __name__ == "__main__":
    Cost.favours_batches = False  # type: ignore[assignment, method-assign]
    main()
