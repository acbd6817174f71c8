-- Which schedules an apply has read and found as their charters declare them. `charter` is the digest of a charter, with
-- `salt` as its key, so that a charter which has changed since is noticed.

CREATE TABLE readings (
    address     text NOT NULL,
    namespace   text NOT NULL,
    schedule_id text NOT NULL CHECK (schedule_id <> ''),
    apply       bigint NOT NULL REFERENCES applies ON DELETE CASCADE,
    salt        bytea NOT NULL CHECK (length(salt) >= 16),
    charter     text NOT NULL CHECK (charter ~ '^[0-9a-f]{64}$'),
    read_at     timestamptz NOT NULL,
    PRIMARY KEY (address, namespace, schedule_id)
);
