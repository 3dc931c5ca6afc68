"""The configuration: where it lies, what it may say, and where each value came from."""
