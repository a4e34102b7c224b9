"""What `synthmill preview` is made of.

# Layout
- `make`      runs a small job in a folder of its own and collects what it made
- `estimate`  from a few records to the whole job
- `show`      panels for people, or JSON
"""
