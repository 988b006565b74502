"""Takes applications in over HTTP and answers 202 only when the broker holds them.

Place in the way: clients → **intake** → `applications.submitted` → identify.
"""
