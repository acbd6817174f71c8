-- Users' schedules, what they run, and who may run it.

-- This database's own name: the mark of its schedules in Temporal, which no other database has.
CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id       uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

-- Who may run what, and call the service: the token itself is nowhere, only its hash.
CREATE TABLE execution_grants (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subject      text NOT NULL CHECK (subject <> ''),
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0 AND array_position(scopes, NULL) IS NULL
        AND array_position(scopes, '') IS NULL),
    token_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz CHECK (expires_at > created_at),
    revoked_at   timestamptz CHECK (revoked_at >= created_at)
);
CREATE INDEX execution_grants_by_subject ON execution_grants (subject);

-- A row first, then Temporal: synced_revision is what Temporal is known to have. Deleted rows stay for their runs.
CREATE TABLE schedules (
    id              uuid PRIMARY KEY,
    owner           text NOT NULL CHECK (owner <> ''),
    cron            text NOT NULL CHECK (cron <> ''),
    timezone        text NOT NULL CHECK (timezone <> ''),
    workflow        text NOT NULL CHECK (workflow <> ''),
    input           jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(input) = 'object'),
    enabled         boolean NOT NULL DEFAULT true,
    next_run_at     timestamptz,
    revision        bigint NOT NULL DEFAULT 1 CHECK (revision > 0),
    synced_revision bigint NOT NULL DEFAULT 0 CHECK (synced_revision >= 0 AND synced_revision <= revision),
    idempotency_key text CHECK (idempotency_key <> ''),
    request_hash    text CHECK (request_hash ~ '^sha256:[0-9a-f]{64}$'),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (updated_at >= created_at),
    deleted_at      timestamptz CHECK (deleted_at >= created_at),
    CONSTRAINT schedules_request_whole CHECK ((idempotency_key IS NULL) = (request_hash IS NULL)),
    CONSTRAINT schedules_next_only_enabled CHECK (next_run_at IS NULL OR (enabled AND deleted_at IS NULL)),
    UNIQUE (owner, idempotency_key)
);
CREATE INDEX schedules_by_owner ON schedules (owner, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX schedules_unsynced ON schedules (id) WHERE synced_revision < revision;

CREATE TABLE schedule_runs (
    schedule_id   uuid NOT NULL REFERENCES schedules ON DELETE CASCADE,
    scheduled_for timestamptz NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz CHECK (ended_at >= started_at),
    status        text NOT NULL CHECK (status IN ('running', 'done', 'failed', 'refused')),
    attempt       integer NOT NULL CHECK (attempt > 0),
    error         text NOT NULL DEFAULT '',
    PRIMARY KEY (schedule_id, scheduled_for),
    CONSTRAINT schedule_runs_end_whole CHECK ((ended_at IS NULL) = (status = 'running')),
    CONSTRAINT schedule_runs_error_when_bad CHECK ((error <> '') = (status IN ('failed', 'refused')))
);

CREATE TABLE execution_requests (
    idempotency_key text PRIMARY KEY CHECK (idempotency_key <> ''),
    request_hash    text NOT NULL CHECK (request_hash ~ '^sha256:[0-9a-f]{64}$'),
    run_id          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    workflow        text NOT NULL CHECK (workflow <> ''),
    request         jsonb NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'done', 'failed')),
    response        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(response) = 'object'),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at        timestamptz CHECK (ended_at >= created_at),
    CONSTRAINT execution_requests_end_whole CHECK ((ended_at IS NULL) = (status = 'pending'))
);
CREATE INDEX execution_requests_by_time ON execution_requests (created_at DESC);
