"""Handfast runs the handoff between Marketing and Sales as one measured, closed loop."""

__version__ = "0.1.0"
