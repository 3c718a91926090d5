"""`vigil bench recovery`: break things at random moments, then count what was lost."""

from vigil.bench.recovery.campaign import Campaign, CampaignPlan
from vigil.bench.recovery.stacks import EmbeddedStack, RealStack, Stack
from vigil.bench.recovery.verdict import Verdict

__all__ = ["Campaign", "CampaignPlan", "EmbeddedStack", "RealStack", "Stack", "Verdict"]
