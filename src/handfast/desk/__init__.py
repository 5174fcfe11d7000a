"""The desk: one function for each thing a person or the clock can cause.

The only rooms that call the core and the store together: read, decide with values and a given `at`, record facts, decision, event and
messages in one transaction. What leaves the house afterwards is `deliver`'s business.
"""
