"""Improve: a contract against its own examples, and what a changed one would do."""
