"""Views of a page: the images that the network receives, one of the whole page or several tiles."""
