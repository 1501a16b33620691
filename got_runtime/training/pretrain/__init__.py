"""Pre-training of got-nano on the pages of the data engine."""
