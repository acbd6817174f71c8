"""Schedules as frozen data, and the table of their fields, `fields`, which everything else reads.

`model` defines a schedule, `declarations` defines what a spec declares, and `observed` defines what a server has.
`kinds` defines how a value is written in a spec, in our JSON documents, and in a JSON Schema. `records` contains the
kinds that have parts, `rows` contains the types of the table's rows, and `places` defines where their values are in a
schedule.
"""
