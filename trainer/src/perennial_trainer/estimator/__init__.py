"""Estimators: from the spec to an unfitted scikit-learn estimator."""
