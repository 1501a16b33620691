"""Decoding in bfloat16 on a CPU, with C code that is compiled on the machine where it runs."""
