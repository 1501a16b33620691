"""C for the encoder on a CPU, compiled on the machine it runs on."""
