"""From a fitted estimator to an artifact that predicts the same."""
