"""The watcher (`manage.py watch_ona`): events of Ona become hints, hints become reads, and reads observations."""
