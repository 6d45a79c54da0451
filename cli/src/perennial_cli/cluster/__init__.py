"""Models in a cluster, through kubectl."""
