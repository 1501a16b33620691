"""Training: pre-training of got-nano, fine-tuning of any checkpoint, and the loop that both use."""
