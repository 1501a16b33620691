"""Decoding in bfloat16 on a CPU: a little C, compiled where it runs."""
