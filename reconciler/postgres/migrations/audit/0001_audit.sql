-- Who applied what, when and with which outcomes.

CREATE TABLE applies (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who         text NOT NULL CHECK (who <> ''),
    run         text NOT NULL,
    commit      text NOT NULL,
    command     text NOT NULL CHECK (command <> ''),
    address     text NOT NULL,
    namespace   text NOT NULL CHECK (namespace <> ''),
    prefix      text NOT NULL,
    owner       text NOT NULL,
    environment text,
    spec_path   text NOT NULL,
    digest      text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz CHECK (ended_at >= started_at),
    managed     integer CHECK (managed >= 0),
    error       text NOT NULL DEFAULT '',
    CONSTRAINT applies_end_whole CHECK ((ended_at IS NULL) = (managed IS NULL)),
    CONSTRAINT applies_error_at_end CHECK (ended_at IS NOT NULL OR error = '')
);

CREATE INDEX applies_by_target ON applies (namespace, prefix, owner, ended_at DESC);

CREATE TABLE apply_steps (
    apply       bigint NOT NULL REFERENCES applies ON DELETE CASCADE,
    position    integer NOT NULL CHECK (position > 0),
    schedule_id text NOT NULL CHECK (schedule_id <> ''),
    verb        text NOT NULL CHECK (verb IN ('create', 'update', 'resume', 'pause', 'delete', 'keep')),
    status      text NOT NULL CHECK (status IN ('done', 'failed', 'stale', 'skipped')),
    detail      text NOT NULL,
    PRIMARY KEY (apply, position),
    UNIQUE (apply, schedule_id)
);
