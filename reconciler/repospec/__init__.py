"""A repo-spec to the schedules it declares, with the place of everything.

Owns the file's limits, YAML 1.2, the published JSON Schema and the rules that a schema cannot express. Knows nothing of
servers. The only home of yaml and jsonschema.
"""
