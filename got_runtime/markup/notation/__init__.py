"""Notations other than LaTeX: charts, molecules, sheet music, TikZ figures."""
