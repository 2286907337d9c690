"""The networks: families, the registry, cards and model files, costs."""
