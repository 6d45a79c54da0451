"""The commands of ``perennial``, a module each."""
