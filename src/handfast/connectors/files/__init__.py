"""Files of facts: CSV, JSON lines and Parquet in, through a mapping, to signals, reps, accounts, touches, opportunities, outcomes.

`table` reads rows, each with its line; `mapping` reads the small language that says what a column means; `shapes` says what each kind
of file may hold; `facts` makes a fact of a row, or a Problem.
"""
