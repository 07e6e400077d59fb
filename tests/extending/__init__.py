"""Objects defined outside the package: a loss, a model, a wrapper."""
