"""The fault campaign in short: a few strikes of every kind against both stacks."""

import pytest
import sqlalchemy as sa
from real_servers import require

from vigil.bench.recovery import Campaign, CampaignPlan, EmbeddedStack, RealStack
from vigil.bench.recovery.campaign import SCORER_KILLED
from vigil.bench.recovery.verdict import EVER, judge
from vigil.servers import ElasticsearchServer, KafkaServer, PostgresServer
from vigil.stores.database import open_database

SHORT = CampaignPlan(seed=7, scorer_kills=2, server_kills=1, others=1, feed_pause_s=1.0)


def test_a_plan_is_a_seeded_order_of_all_strikes():
    """The same seed gives the same order; every outage comes as often as asked."""
    plan = CampaignPlan(1, scorer_kills=5, server_kills=2, others=1)
    order = plan.strikes(["broker killed", "disk full"])
    assert order == plan.strikes(["broker killed", "disk full"])
    assert order != CampaignPlan(2, 5, 2, 1).strikes(["broker killed", "disk full"])
    assert order.count(SCORER_KILLED) == 5
    assert (order.count("broker killed"), order.count("disk full")) == (2, 1)


def test_the_embedded_stack_loses_nothing_and_a_loss_would_be_seen(server_home):
    """Afterwards a window is taken away and an alert comes twice: the verdict must notice."""
    with EmbeddedStack(server_home / "recovery-embedded") as stack:
        campaign = Campaign(stack, SHORT)
        verdict = campaign.run()
        assert verdict.holds, verdict
        assert verdict.events_acknowledged > 1_000
        assert verdict.windows > 100
        assert set(campaign.recoveries) >= {SCORER_KILLED, "database killed"}
        with open_database(stack.direct).begin() as connection:
            connection.execute(
                sa.text(
                    "DELETE FROM request_windows WHERE (key_id, window_start) IN (SELECT key_id,"
                    " window_start FROM request_windows WHERE requests > 0 LIMIT 1)"
                )
            )
        stack.receiver.occasions["incident", "opened", EVER[0]] = {"incident:1", "incident:2"}
        damaged = judge(stack.direct, stack.reference(), campaign.feeder, stack.receiver)
    assert damaged.windows_wrong == 1
    assert damaged.events_lost >= 1
    assert damaged.alerts_with_two_ids == 1
    assert not damaged.holds


@pytest.mark.timeout(1_200)
def test_the_real_stack_loses_nothing(server_home):
    """Kafka, PostgreSQL and Elasticsearch are killed, and the networks to them stall."""
    for server in (KafkaServer, PostgresServer, ElasticsearchServer):
        require(server.name, server.missing())
    with RealStack(server_home / "recovery-real") as stack:
        campaign = Campaign(stack, SHORT)
        verdict = campaign.run()
    assert verdict.holds, verdict
    assert verdict.events_acknowledged > 1_000
    assert set(campaign.recoveries) >= {
        "broker killed", "database killed", "search store killed", "network to broker stalled",
    }  # fmt: skip
