-- Which workflow run in Temporal performs a run, so that a repair can close one that ended without a record. Workers of
-- an earlier release write neither column. A run that is `gone` is one that Temporal no longer has.
ALTER TABLE schedule_runs
    ADD COLUMN workflow_id text CHECK (workflow_id <> ''),
    ADD COLUMN workflow_run_id text CHECK (workflow_run_id <> ''),
    ADD CONSTRAINT schedule_runs_workflow_whole CHECK ((workflow_id IS NULL) = (workflow_run_id IS NULL)),
    DROP CONSTRAINT schedule_runs_status_check,
    ADD CONSTRAINT schedule_runs_status_check CHECK (status IN ('running', 'done', 'failed', 'refused', 'gone')),
    DROP CONSTRAINT schedule_runs_error_when_bad,
    ADD CONSTRAINT schedule_runs_error_when_bad CHECK ((error <> '') = (status IN ('failed', 'refused', 'gone')));

CREATE INDEX schedule_runs_open ON schedule_runs (started_at, schedule_id, scheduled_for)
    WHERE ended_at IS NULL AND workflow_id IS NOT NULL;
