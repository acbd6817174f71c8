"""Read a repo-spec into the schedules that it declares, with positions, and write charters into it.

Owns the file's limits, YAML 1.2, the published JSON Schema, and the rules that a schema cannot express. Knows nothing
about servers. The only package that uses yaml.
"""
