"""The data engine: synthetic pages with their text and the box of every character."""
