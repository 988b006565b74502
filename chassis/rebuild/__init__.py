"""Decides the retained log once more and compares: what was written, and what is held as state.

`logs` reads committed records, `replay` runs one partition by its journal, `multiset` compares
outputs in bounded memory, `states` compares stores, `audit` puts them together.
"""
