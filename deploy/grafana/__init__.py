"""The board of the way of the data, as code."""
