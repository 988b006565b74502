"""A synthetic population that applies as people did in 2020, each defect labelled.

Seeded: the same seed and size give the same people, applications and expected ends. Everything is
visibly synthetic: family names begin with テスト, addresses end in `.example`.
"""
