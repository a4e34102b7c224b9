"""Slots, attribute tuples and generation requests: pure functions of recipe, seed and slot.

# Layout
- `permutation` a shuffle of range(n) without memory
- `quota`       how N records are divided among weighted values
- `draws`       from (recipe seed, column, slot) to uniform numbers
- `samplers`    one drawing function per kind of sampler
- `people`      invented persons
- `tuples`      the attribute tuple of a slot
- `seeds`       which seed a slot is made from, and how many records there are
- `requests`    generation requests
"""
