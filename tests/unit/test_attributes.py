"""Search attributes that a plan sets: which of them the server has to define."""

from __future__ import annotations

from reconciler.plan import attributes, build, plans
from reconciler.schedule import model
from tests.unit import builders

TEAM = {"Team": model.Attribute(type=model.AttributeType.KEYWORD, value="a")}
SINCE = {"Since When": model.Attribute(type=model.AttributeType.DATETIME, value="2027-01-01T00:00:00Z")}


def plan(declared: list[model.Schedule], *found: model.Schedule) -> plans.Plan:
    return build.plan(builders.declaration(*declared), builders.live(*found), builders.TARGET)


def names(planned: plans.Plan) -> list[tuple[str, str]]:
    return [(each.name, each.schedule_id) for each in attributes.unproven(planned)]


def test_an_attribute_is_in_doubt_until_a_live_schedule_has_it() -> None:
    one, two = (builders.schedule(id_, search_attributes=TEAM) for id_ in ("one", "two"))
    assert names(plan([one, two])) == [("Team", "governance:one")]
    assert names(plan([one, two], two)) == []
    assert names(plan([one, two], one, two)) == []
    assert names(plan([builders.schedule("one")])) == []


def test_what_is_undefined_is_reported_with_the_command_that_defines_it() -> None:
    planned = plan([builders.schedule("one", search_attributes=TEAM | SINCE)])
    assert attributes.undefined(planned, {"Team", "Since When"}) == ()
    (undefined,) = attributes.undefined(planned, {"Team"})
    assert str(undefined) == (
        "namespace default does not define the search attribute 'Since When', so applying governance:one will "
        "fail; define it with temporal operator search-attribute create --namespace default --name 'Since When' "
        "--type Datetime"
    )
