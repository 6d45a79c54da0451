"""Pure builders of the objects that a model owns: one module a kind, each with ``build_*``."""
