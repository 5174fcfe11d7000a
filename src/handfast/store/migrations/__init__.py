"""The history of the tables. `handfast.store.migrate` runs it; `handfast/store/schema.sql` is the sum."""
