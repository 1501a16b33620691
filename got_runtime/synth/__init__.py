"""The data engine: synthetic pages with their answers and the position of every character."""
