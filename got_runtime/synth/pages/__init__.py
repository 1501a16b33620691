"""Kinds of synthetic page, one module for each, and what they share."""
