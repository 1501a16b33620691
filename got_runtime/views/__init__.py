"""How a page is shown to the network: whole, as tiles, or as zoomed pieces of its lines.

The pipeline shows pages whole or as tiles. Zoomed views (:mod:`got_runtime.views.zoom`) are not used by it yet.
"""
