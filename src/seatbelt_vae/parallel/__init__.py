"""Several processes: those that share a batch, those that work side by side, and their system."""
