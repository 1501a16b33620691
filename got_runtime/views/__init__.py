"""Views of a page: the images that the network gets, one of the whole page or several tiles."""
