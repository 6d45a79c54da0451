"""The demonstration: a model's life on generated data, in well under a minute."""
