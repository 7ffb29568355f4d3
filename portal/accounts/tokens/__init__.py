"""Tokens of the portal's API: who makes them, what they may do, and when they end."""
