"""Rendering: elements as Markdown, HTML, text, JSON and MathML."""
