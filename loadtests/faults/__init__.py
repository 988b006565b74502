"""The stream core on a real broker while its processes, its broker, its disk and its clock fail.

The load comes from the synthetic nation, the faults from a seed, and the verdict from an auditor
that reads only what is committed and compares it with its own books.
"""
