"""Tools for assistants over the Model Context Protocol: reading, searching and showing documents of one folder."""
