-- Applies that were refused are kept too: what they leave is not known, so that they count nothing. What is present is
-- counted beside what is managed: every schedule with the prefix, whoever's it is.

ALTER TABLE applies DROP CONSTRAINT applies_end_whole;
ALTER TABLE applies ADD COLUMN present integer CHECK (present >= 0);
UPDATE applies SET present = managed;
ALTER TABLE applies
    ADD CONSTRAINT applies_counts_whole CHECK ((managed IS NULL) = (present IS NULL)),
    ADD CONSTRAINT applies_counts_at_end CHECK (ended_at IS NOT NULL OR present IS NULL),
    ADD CONSTRAINT applies_end_whole CHECK (ended_at IS NULL OR present IS NOT NULL OR error <> '');

DROP INDEX applies_by_target;
CREATE INDEX applies_by_target ON applies (namespace, prefix, number DESC) WHERE present IS NOT NULL;
