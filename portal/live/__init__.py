"""News for open pages: each asks every second whether something that it shows has changed, at next to no cost."""
