"""Engines: requests in, tokens out."""
