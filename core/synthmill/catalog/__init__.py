"""What is kept for jobs to come: recipes by name and version, uploaded sources by id and name.

# Layout
- `recipes`   stored versions of recipes
- `sources`   uploaded files, and how a job reads one
"""
