"""The Environment Portal at the command line, over its REST API alone."""
