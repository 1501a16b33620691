"""Kinds of synthetic page, one file a kind."""
