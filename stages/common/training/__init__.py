"""The training loop, losses, soft labels, resuming, and what a training stage leaves behind."""
