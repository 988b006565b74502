"""A bank: reads payment files like one, keeps its own books, answers with receipt and results.

It shares no code with the payer for reading: what it accepts, it accepts by its own reading of the
format, so a mistake in our writer shows here.
"""
