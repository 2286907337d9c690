"""The pipeline's stages: one module a DVC stage, run as `python -m stages.<name>`."""
