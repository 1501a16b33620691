"""Fine-tuning of a checkpoint on a user's own pairs of image and text: LoRA, or every weight of the decoder."""
