"""Training data: from a URI to features and target, checked."""
