"""Schedules as frozen data, and the table of their fields, `fields`, which everything else reads.

`model` defines a schedule, `declarations` what a spec declares, and `observed` what a server has. `kinds` define how a
value is written in a spec, in our JSON documents, and in a JSON Schema; `records` are kinds that have parts; `rows` are
the types of the table's rows, and `places` define where their values are in a schedule.
"""
