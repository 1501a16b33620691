"""Decoding in bfloat16 on a CPU: a little C between oneDNN's matrix products, compiled where it runs."""
