"""Parts that objectives about groups are made of: means within a batch, what is remembered of them, and multipliers."""
