"""The record store of the stack profile on Elasticsearch.

# Layout
- `client`      the requests, the only module that names `elasticsearch`
- `names`, `documents`   how indexes and documents are called, what a document carries on its way
- `mappings`, `templates`   the fields of every kind of document, and the indexes made of them
- `fields`, `registry`, `datasets`, `routing`   a dataset's own fields, its indexes, and where a slot lies
- `bulks`, `judging`   writing, judged one by one
- `types`, `queries`, `together`, `reading`   searching; what is asked for at once goes in one request
- `store`       the port
"""

from synthmill.stack.elastic.store import ElasticRecordStore

__all__ = ["ElasticRecordStore"]
