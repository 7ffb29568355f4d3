"""News for open pages: each asks, again and again, whether something that it shows has changed, at next to no cost."""
