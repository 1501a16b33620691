"""Parsing: an answer in GOT's dialect of LaTeX, and its repair."""
