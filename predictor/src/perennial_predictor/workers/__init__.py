"""Several processes that answer for one predictor."""
