"""The ledger's tables, for SQLite and PostgreSQL alike.

Every row has its `tenant_id`. Ids are text (see `mft.clock`), times integer UTC microseconds, hashes and sealed
bytes binary. A migration writes down each change; a test holds the two against each other.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

HEAD = "0009"  # The newest migration; a test holds it against the folder.

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id") -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str, *, null: bool = True) -> Column[str]:
    return Column(name, Text, nullable=null)


def _number(name: str, *, null: bool = True, default: str | None = None) -> Column[int]:
    return Column(name, BigInteger, nullable=null, server_default=default)


def _bytes(name: str, *, null: bool = True) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


def _tenant() -> Column[int]:
    return _number("tenant_id", null=False, default="1")


def _of_transfer() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["transfer_id"], ["transfer.id"])


# What this installation is: its id, the source of its events and the origin of its checkpoints.
INSTALLATION = Table("installation", METADATA, _id(), _tenant(), _number("created_at", null=False))

# Each partner file as it once stood, by the SHA-256 of its canonical JSON: transfers point here, not at a file.
PROFILE = Table(
    "profile",
    METADATA,
    _id("hash"),
    _tenant(),
    _text("kind", null=False),
    _text("subject_id", null=False),
    _text("name", null=False),
    _text("body", null=False),
    _number("seen_at", null=False),
    Index(None, "subject_id"),
)

TRANSFER = Table(
    "transfer",
    METADATA,
    _id(),
    _tenant(),
    _text("parent_id"),
    _text("root_id", null=False),
    _text("correlation_id"),
    _text("direction", null=False),
    _text("stage", null=False),
    _number("attempt", null=False, default="0"),
    _text("runner"),
    # Who and how
    _text("connection", null=False),
    _text("partner", null=False),
    _text("door", null=False),
    _text("account"),
    _text("key_fingerprint"),
    _text("source_address"),
    _text("client_version"),
    _text("profile_hash", null=False),
    # What, as the partner sees it
    _bytes("folder_bytes", null=False),
    _bytes("name_bytes", null=False),
    _number("listed", null=False, default="1"),  # 0 once its sender removed or replaced the name.
    _number("listed_at"),  # From here on it is listed for a while.
    _number("size_bytes", null=False, default="0"),
    _bytes("sha256"),
    _text("object_id"),
    _text("evidence"),  # JSON: trailer seen, control file, expected size …
    _bytes("speaks_of_bytes"),  # Of a companion that was published: its subject, as its name tells. See `evidence`.
    _number("modified_at"),  # What its sender says.
    # What it turned out to be
    _text("standard"),
    _text("version"),
    _text("sets"),  # JSON: the sets in it, each named once.
    _text("usage"),
    _number("sets_accepted", null=False, default="0"),
    _number("sets_rejected", null=False, default="0"),
    _text("feed"),
    _text("entity"),  # As its name tells, by the pattern of its feed; so does the next.
    _number("sequence"),
    _number("in_order", null=False, default="0"),  # It waits until those of its feed before it are done.
    _text("business_date"),
    _text("guide_hash"),
    _text("parser_version"),
    _text("map_version"),
    _text("reason"),
    _text("doubt"),  # Why it may not pass, as a code; null: nothing speaks against it.
    _text("flow_hold"),  # It waits for this one to be lifted.
    _text("waived"),  # Doubts that an operator let pass, blanks between them.
    # When
    _number("received_at"),
    _number("heard_at"),
    _number("updated_at", null=False),
    _number("told_at"),  # When an operator was told that it stalled, or is incomplete.
    # For how long
    _text("retention"),  # Its class; null: the standard one.
    _number("erased", null=False, default="0"),  # What was erased: 1 its original, 2 its records, 4 its names.
    Index(None, "stage", "runner"),
    Index(None, "stage", "told_at"),
    Index(None, "connection", "folder_bytes", "name_bytes"),
    Index(
        None,
        "connection",
        "folder_bytes",
        "speaks_of_bytes",
        sqlite_where=text("speaks_of_bytes IS NOT NULL"),
        postgresql_where=text("speaks_of_bytes IS NOT NULL"),
    ),
    Index(None, "received_at"),
    Index(
        "ix_transfer_child",
        "parent_id",
        sqlite_where=text("parent_id IS NOT NULL"),
        postgresql_where=text("parent_id IS NOT NULL"),
    ),
    Index(
        "ix_transfer_sequence",
        "connection",
        "feed",
        "id",
        sqlite_where=text("sequence IS NOT NULL"),
        postgresql_where=text("sequence IS NOT NULL"),
    ),
    Index(
        "ix_transfer_flow_hold",
        "flow_hold",
        sqlite_where=text("flow_hold IS NOT NULL"),
        postgresql_where=text("flow_hold IS NOT NULL"),
    ),
    Index(
        "ix_transfer_content",
        "connection",
        "sha256",
    ),
)

# What an operator holds back: files that fit every column that says something, or what goes to a sink.
FLOW_HOLD = Table(
    "flow_hold",
    METADATA,
    _id(),
    _tenant(),
    _text("connection"),
    _text("feed"),
    _text("standard"),
    _text("set_code"),
    _text("sink"),
    _text("why", null=False),
    _number("until"),
    _number("made_at", null=False),
    _text("made_by", null=False),
    _number("lifted_at"),
)

INTERCHANGE = Table(
    "interchange",
    METADATA,
    _id("transfer_id"),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    _tenant(),
    _text("standard", null=False),
    _text("version"),
    _text("sender"),
    _text("sender_qualifier"),
    _text("receiver"),
    _text("receiver_qualifier"),
    _text("control_number"),
    _text("usage"),
    _text("trading_partner"),  # Its sender's name in the partner file.
    _text("verdict"),
    _number("start_offset", null=False),
    _number("end_offset"),
    _of_transfer(),
    Index(None, "control_number"),
)

FUNCTIONAL_GROUP = Table(
    "functional_group",
    METADATA,
    _id("transfer_id"),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    _tenant(),
    _number("interchange", null=False),
    _text("functional_id"),
    _text("sender"),
    _text("receiver"),
    _text("control_number"),
    _text("version"),
    _text("verdict"),
    _number("start_offset", null=False),
    _number("end_offset"),
    _of_transfer(),
    Index(None, "control_number"),
)

TRANSACTION_SET = Table(
    "transaction_set",
    METADATA,
    _id("transfer_id"),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    _tenant(),
    _number("interchange", null=False),
    _number("functional_group"),
    _text("set_code"),
    _text("version"),
    _text("control_number"),
    _text("usage"),
    _text("sender"),
    _text("receiver"),
    _text("verdict"),
    _number("start_offset", null=False),
    _number("end_offset"),
    _number("records", null=False, default="0"),
    _text("guide"),
    _text("guide_hash"),
    _text("map_version"),
    _of_transfer(),
    Index(None, "control_number"),
)

# What went back for an interchange, and the transfer that it lies in for its sender to fetch.
ACKNOWLEDGMENT = Table(
    "acknowledgment",
    METADATA,
    _id("transfer_id"),
    Column("interchange", BigInteger, primary_key=True, autoincrement=False),
    _tenant(),
    _text("standard", null=False),
    _text("kinds", null=False),  # "ta1 999": in the order in which they stand in the file.
    _text("verdict", null=False),
    _text("control_number", null=False),  # Ours.
    _text("outbound_id", null=False),
    _text("repeats"),  # The transfer whose acknowledgment this one is, once more.
    _number("at", null=False),
    _of_transfer(),
    ForeignKeyConstraint(["outbound_id"], ["transfer.id"]),
    Index(None, "outbound_id"),
)

# How many control numbers were given out, for each pair of parties that they are counted for.
CONTROL_NUMBER = Table(
    "control_number",
    METADATA,
    Column("own", Text, primary_key=True),
    Column("partner", Text, primary_key=True),
    Column("standard", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("usage", Text, primary_key=True),
    _tenant(),
    _number("allocated", null=False),
    _number("updated_at", null=False),
)

# What was found wrong, as the finding says it; it never holds a value out of the file.
FINDING = Table(
    "finding",
    METADATA,
    _id("transfer_id"),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    _tenant(),
    _text("code", null=False),
    _text("severity", null=False),
    _text("body", null=False),
    _of_transfer(),
    Index(None, "code"),
)

# The truth of canonical records: one sealed object for each set and map version. A part of the cache may hold them too.
RECORDS = Table(
    "records",
    METADATA,
    _id("transfer_id"),
    Column("set_position", BigInteger, primary_key=True, autoincrement=False),
    Column("map_version", Text, primary_key=True),
    _tenant(),
    _text("record_schema", null=False),
    _number("records", null=False),
    _text("object_id", null=False),
    _number("superseded", null=False, default="0"),  # 1 once a later map has made records of the same set.
    _text("part_id"),
    _number("created_at", null=False),
    _of_transfer(),
    Index(
        "ix_records_waiting",
        "record_schema",
        sqlite_where=text("part_id IS NULL AND superseded = 0"),
        postgresql_where=text("part_id IS NULL AND superseded = 0"),
    ),
    Index(
        None,
        "part_id",
        sqlite_where=text("part_id IS NOT NULL"),
        postgresql_where=text("part_id IS NOT NULL"),
    ),
    Index(
        "ix_records_stale",
        "record_schema",
        sqlite_where=text("part_id IS NOT NULL AND superseded = 1"),
        postgresql_where=text("part_id IS NOT NULL AND superseded = 1"),
    ),
)

# The cache of records: Parquet, sealed, for one type, connection and UTC day of receipt. Made again from the records.
RECORDS_PART = Table(
    "records_part",
    METADATA,
    _id(),
    _tenant(),
    _text("record_schema", null=False),
    _text("connection", null=False),
    _text("day", null=False),
    _text("shape", null=False),  # A hash of the columns that it was written with.
    _number("records", null=False),
    _text("object_id", null=False),
    _number("created_at", null=False),
    Index(None, "record_schema", "connection", "day"),
)

# A sealed object: its key, wrapped, and its bytes where they are few.
OBJECT = Table(
    "object",
    METADATA,
    _id(),
    _tenant(),
    _text("bucket", null=False),
    _bytes("wrapped_dek"),  # Null once erased: the object is then unreadable for ever.
    _number("plain_size", null=False),
    _number("sealed_size", null=False),
    _bytes("blob"),  # Null where the bytes are a file in the vault.
    _text("continues"),  # The object whose plaintext comes before this one's, in a file that was resumed.
    _number("cut", null=False, default="0"),  # 1 while it is written, and for good if its writer died: no last segment.
    _number("created_at", null=False),
    _number("erased_at"),
    Index(
        None,
        "bucket",
        "created_at",
        sqlite_where=text("wrapped_dek IS NOT NULL"),
        postgresql_where=text("wrapped_dek IS NOT NULL"),
    ),
    Index(
        "ix_object_blob",
        "created_at",
        sqlite_where=text("blob IS NOT NULL"),
        postgresql_where=text("blob IS NOT NULL"),
    ),
)

# Keys that objects are wrapped to (`bucket`), checkpoints are signed by (`signing`) and we are known by to partners
# (`host`), as they came into force.
KEY_PAIR = Table(
    "key_pair",
    METADATA,
    _id(),
    _tenant(),
    _text("kind", null=False),
    _text("retention"),  # Of a bucket key: its class; of a host key: its algorithm.
    _text("public"),  # Of a signing key: its vkey.
    _number("made_at", null=False),
    _number("in_force_at", null=False),
    _number("retired_at"),  # Another one took its place.
    _number("moved", null=False, default="0"),  # Objects that were wrapped to another one since.
    _number("emptied_at"),  # After that, nothing was wrapped to it any more.
    _number("destroyed_at"),  # What was wrapped to it is unreadable for ever.
)

# How near a key's end was told of, so that each warning comes once.
KEY_NOTICE = Table(
    "key_notice",
    METADATA,
    _id("key_id"),
    _tenant(),
    _number("days_left", null=False),
    _number("at", null=False),
)

# What people are told of, once: trouble of a rule about a subject, from its first sight to its end.
ALERT = Table(
    "alert",
    METADATA,
    _id(),
    _tenant(),
    _text("rule", null=False),
    _text("subject", null=False),
    _text("words", null=False),
    _number("count", null=False),
    _number("since", null=False),  # Since when it is so.
    _number("raised_at", null=False),
    _number("told_at"),
    _number("escalated_at"),
    _number("acknowledged_at"),
    _text("acknowledged_by"),
    _number("ended_at"),
    Index("ix_alert_open", "rule", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
)

# Legal holds: what they cover is not erased, however old it is. Of one transfer, or of a connection's in a time.
LEGAL_HOLD = Table(
    "legal_hold",
    METADATA,
    _id(),
    _tenant(),
    _text("matter", null=False),
    _text("transfer_id"),
    _text("connection"),
    _number("since"),
    _number("until"),
    _number("made_at", null=False),
    _text("made_by", null=False),
    _number("lifted_at"),
    Index(None, "transfer_id"),
    Index(None, "connection"),
)

# Folders that partners made; those of their profiles stand there.
FOLDER = Table(
    "folder",
    METADATA,
    Column("connection", Text, primary_key=True),
    Column("path_bytes", LargeBinary, primary_key=True),
    _tenant(),
    _number("made_at", null=False),
)

# The audit log. `seq` comes from the sequencer, and is null until then; every other column repeats the body.
LEAF = Table(
    "leaf",
    METADATA,
    _id(),
    _tenant(),
    _number("seq"),
    _number("at", null=False),
    _text("kind", null=False),
    _text("actor", null=False),
    _text("connection"),
    _text("transfer_id"),
    _text("result", null=False),
    _bytes("body", null=False),
    UniqueConstraint("seq"),
    Index(None, "transfer_id"),
    Index(None, "connection", "at"),
    Index(None, "kind", "at"),
    Index(None, "actor", "at"),
    Index(None, "at"),
    Index(
        "ix_leaf_not_ok",
        "at",
        sqlite_where=text("result <> 'ok'"),
        postgresql_where=text("result <> 'ok'"),
    ),
)

# The values behind a leaf's commitments: deleting a row redacts, and leaves every proof valid.
LEAF_CLEAR = Table(
    "leaf_clear",
    METADATA,
    _id("leaf_id"),
    Column("field", Text, primary_key=True),
    _tenant(),
    _bytes("salt", null=False),
    _text("value", null=False),
    Index(
        "ix_leaf_clear_name",
        "value",
        sqlite_where=text("field = 'name'"),
        postgresql_where=text("field = 'name'"),
    ),
)

# Hashes of full subtrees (RFC 6962); level 0 are the leaves.
NODE = Table(
    "node",
    METADATA,
    Column("level", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    _tenant(),
    _bytes("hash", null=False),
)

CHECKPOINT = Table(
    "checkpoint",
    METADATA,
    _id(),
    _tenant(),
    _number("size", null=False),
    _number("at", null=False),
    _text("note", null=False),
    Index(None, "size"),
)

# How far each place that checkpoints are sent to has got.
ANCHOR = Table(
    "anchor",
    METADATA,
    _id("destination"),
    _tenant(),
    _number("size", null=False, default="0"),  # Of the newest checkpoint that it has.
    _number("sent_at"),
    _number("failed_at"),  # Null while it works.
    _text("failure"),
)

# How far receipts have been put into each connection's folder: all leaves before `seq`.
RECEIPT_MARK = Table(
    "receipt_mark",
    METADATA,
    _id("connection"),
    _tenant(),
    _number("seq", null=False),
)

# Events committed with what they tell, and whether each sink has them.
OUTBOX = Table(
    "outbox",
    METADATA,
    _id(),
    _tenant(),
    _number("at", null=False),
    _text("type", null=False),
    _text("transfer_id"),
    _text("lane", null=False),  # The partner: order is kept within it.
    _text("body", null=False),  # The CloudEvent, as JSON.
    Index(None, "transfer_id"),
    Index(None, "type", "at"),
)

DELIVERY = Table(
    "delivery",
    METADATA,
    _id("event_id"),
    Column("sink", Text, primary_key=True),
    _tenant(),
    _text("state", null=False),  # waiting, parked, delivered, dead, dropped
    _number("attempts", null=False, default="0"),
    _number("due_at", null=False),
    _number("delivered_at"),
    Column("lane", Text, server_default=text("''"), nullable=False),  # As the event has it.
    _text("error"),  # Of the last attempt, as a code.
    _number("failing_since"),
    _number("replays", null=False, default="0"),
    ForeignKeyConstraint(["event_id"], ["outbox.id"]),
    Index(None, "sink", "state", "lane", "event_id"),
)

# Where events go to: who delivers, and since when it fails.
SINK = Table(
    "sink",
    METADATA,
    _id("name"),
    _tenant(),
    _number("fence", null=False),  # Grows with each claim; a mark that names an older one is refused.
    _text("holder", null=False),
    _number("claimed_at", null=False),
    _number("failing_since"),
    _text("error"),
    _number("attempts", null=False, default="0"),
)

# Who reads events by `mft events tail --consumer`: up to where.
CONSUMER = Table(
    "consumer",
    METADATA,
    _id("name"),
    _tenant(),
    _text("event_id", null=False),  # The last that it has; empty: none.
    _number("made_at", null=False),
    _number("moved_at", null=False),
)

# Files on their way out by a route: each of them, or each interchange of one, once for every route.
FILE_DELIVERY = Table(
    "file_delivery",
    METADATA,
    _id(),
    _tenant(),
    _text("transfer_id", null=False),
    _text("route", null=False),  # Its name: where that leads is asked when it is delivered.
    _number("interchange", null=False, default="0"),  # Its position; 0 is the whole file.
    _number("start_offset"),
    _number("end_offset"),
    _bytes("name_bytes", null=False),  # What it is to be called; once delivered, what it was called.
    _text("state", null=False),  # waiting, failed (and tried again), delivered, dead
    _number("attempts", null=False, default="0"),
    _number("due_at", null=False),
    _text("error"),  # Of the last attempt, as a code.
    _number("failing_since"),
    _text("outbound_id"),  # In a partner's mailbox it is this transfer.
    _number("made_at", null=False),
    _number("ended_at"),
    _of_transfer(),
    UniqueConstraint("transfer_id", "route", "interchange"),
    Index(
        "ix_file_delivery_open",
        "route",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

# Who works on transfers: a claim names its runner and dies with it.
RUNNER = Table(
    "runner",
    METADATA,
    _id(),
    _tenant(),
    _text("boot_id", null=False),
    _number("pid", null=False),
    _text("node", null=False),
    _number("started_at", null=False),
    _number("heartbeat_at", null=False),
    _number("ended_at"),
)
