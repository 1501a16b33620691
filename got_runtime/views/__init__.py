"""How a page is shown to the network: whole, as the official tiles, or in zoomed views of its lines.

:mod:`got_runtime.views.zoom` decides by the width of the type and puts the answers together.
"""
