"""The Environment Portal."""

VERSION = "0.1.0"
