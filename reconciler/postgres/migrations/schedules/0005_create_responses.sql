-- What a create under an idempotency key was answered, which the same request gets again. Services of an earlier release
-- neither write nor read it.
ALTER TABLE schedules
    ADD COLUMN create_response jsonb,
    ADD CONSTRAINT schedules_create_response_of_key CHECK (create_response IS NULL OR idempotency_key IS NOT NULL);
