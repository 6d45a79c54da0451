"""Local mode: the whole pipeline on one machine, without a cluster."""
