"""Specs that several test modules use."""

ENVIRONMENTS = """\
governance:
  prefix: "${environment}:"
  schedules:
    - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY}
    - {charter: OPS, cron: "15 * * * *", entrypoint: OPS}
  environments:
    staging: {charters: {OPS: {cron: "30 * * * *"}}}
    preview: {enabled: false}
    production: {}
"""
"""Two charters in three environments, one of which is disabled."""
