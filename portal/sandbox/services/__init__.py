"""The vendor's service stubs, answered from the world. One module per service."""
