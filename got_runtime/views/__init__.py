"""How a page is shown to the network: in one view, or split into tiles."""
