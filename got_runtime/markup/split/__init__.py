"""Splitting: an element over a token budget → parts that are valid elements."""
