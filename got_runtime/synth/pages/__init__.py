"""Kinds of synthetic page, one module for each, and the modules that several of them use."""
