"""Schedules, and what a charter can express of them: one row for each field, in `fields`, which all other modules read.

`model` is a schedule as frozen data, `declarations` what a spec declares and `observed` what a server has. `kinds`
knows how one value is written in a spec, in our JSON documents and in a JSON Schema; `records` are kinds with parts of
their own; `rows` are the shapes that a row of the table can have, `places` where their values are in a schedule.
"""
