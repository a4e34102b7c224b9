"""What jobs and datasets hold, for whoever reads them: API and command line.

# Layout
- `fields`  filters, sorting and facets by the recipe's own fields and by a record's origin
- `search`  pages, samples and counts of the records of a job or a version
- `story`   one record or reject with everything that led to it
"""
