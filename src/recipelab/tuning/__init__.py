"""Search over the composed configuration, with Optuna."""
