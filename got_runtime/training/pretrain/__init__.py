"""Pre-training of got-nano on pages of the data engine."""
