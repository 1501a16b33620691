"""Training: pre-training of got-nano and fine-tuning of any checkpoint."""
