"""Finding anything by its name or id: the box at the top of every page, and `/find/`."""
