"""The tables of the embedded profile, as migrations: step n brings a file from version n - 1 to n.

A released step never changes; a change is a new step. Documents stand in two shapes of the same tables, so their
statements come from a function: `documents` for everybody, `seen` for the store's delayed-visibility test mode.
"""

COLUMNS = (
    "job_id",
    "state",
    "reject_class",
    "round",
    "slot",
    "outcome",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
)
"""Top-level fields that also stand in columns, because status and planning ask for them all the time.

Counting a job of 100,000 calls out of their JSON text takes seconds, out of an index a tenth of one.
"""


def document_tables(documents: str, words: str) -> tuple[str, ...]:
    """The statements that make a set of document tables.

    `number` is never used twice, so that a scan cannot meet a new document under the number of a deleted one. The
    indexes end in the fields that are summed and counted, so that the documents themselves are not read for that.
    The full-text index keeps no copy of its text: removing an entry needs the words again, which the document holds.
    """
    return (
        f"""CREATE TABLE IF NOT EXISTS {documents} (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            place INTEGER NOT NULL,
            id TEXT NOT NULL,
            document TEXT NOT NULL,
            version INTEGER NOT NULL,
            rank INTEGER,
            {", ".join(COLUMNS)},
            UNIQUE (place, id)
        )""",
        f"""CREATE INDEX IF NOT EXISTS {documents}_by_job
            ON {documents} (place, job_id, id, outcome, prompt_tokens, completion_tokens, cost_usd)
            WHERE job_id IS NOT NULL""",
        f"""CREATE INDEX IF NOT EXISTS {documents}_by_state
            ON {documents} (place, job_id, state, id, reject_class, round) WHERE state IS NOT NULL""",
        f"""CREATE INDEX IF NOT EXISTS {documents}_by_reject_class
            ON {documents} (place, job_id, reject_class) WHERE reject_class IS NOT NULL""",
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {words} USING fts5(text, content='')",
    )


_QUEUE = (
    """CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        message_id TEXT NOT NULL,
        body BLOB NOT NULL,
        headers TEXT NOT NULL,
        due REAL DEFAULT 0,
        owner TEXT,
        lease_ends REAL,
        deliveries INTEGER NOT NULL DEFAULT 0,
        lost INTEGER NOT NULL DEFAULT 0,
        started INTEGER NOT NULL DEFAULT 0,
        began INTEGER NOT NULL DEFAULT 0,
        UNIQUE (queue, message_id)
    )""",
    "CREATE INDEX messages_by_due ON messages (queue, due, seq)",
    "CREATE INDEX messages_by_lease ON messages (queue, lease_ends) WHERE lease_ends IS NOT NULL",
    "CREATE INDEX messages_by_owner ON messages (owner) WHERE owner IS NOT NULL",
    "CREATE TABLE owners (owner TEXT PRIMARY KEY, queue TEXT NOT NULL) WITHOUT ROWID",
)

_STORE = (
    """CREATE TABLE places (
        number INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        collection TEXT NOT NULL,
        dataset TEXT NOT NULL,
        UNIQUE (tenant, collection, dataset)
    )""",
    "CREATE TABLE versions (last INTEGER NOT NULL)",
    "INSERT INTO versions (last) VALUES (0)",
    """CREATE TABLE datasets (
        tenant TEXT NOT NULL,
        dataset TEXT NOT NULL,
        fields TEXT NOT NULL DEFAULT '{}',
        latest INTEGER,
        PRIMARY KEY (tenant, dataset)
    ) WITHOUT ROWID""",
    *document_tables("documents", "words"),
)

MIGRATIONS: tuple[tuple[str, ...], ...] = ((*_QUEUE, *_STORE),)
