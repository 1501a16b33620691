"""The network: checkpoints, image processor, prompt, encoder and decoder."""
