"""TikZ → SVG for the subset that geometric figures and graphs of functions use, without LaTeX.

Supported are the drawing commands with straight lines, curves, ``rectangle``, ``circle``, ``ellipse``, ``arc``,
``grid``, ``parabola``, ``sin``, ``plot``, nodes and their shapes, trees, matrices of nodes and angles; points
as ``(x,y)``, ``(angle:radius)``, ``(name)``, relative ones, those of the calc library and intersections of named paths;
calculations, loops, scopes, clips, styles, decorations, macros, comments; tkz-euclide; and the axes of pgfplots.
A statement that is not fully understood is left out and counted.
"""

from got_runtime.markup.notation.tikz.picture import Figure, draw, to_svg

__all__ = ["Figure", "draw", "to_svg"]
