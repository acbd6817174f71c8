-- A step may rename a schedule.
ALTER TABLE apply_steps
    DROP CONSTRAINT apply_steps_verb_check,
    ADD CONSTRAINT apply_steps_verb_check
        CHECK (verb IN ('create', 'rename', 'update', 'resume', 'pause', 'delete', 'keep'));
