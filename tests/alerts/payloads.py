"""The payloads that receivers publish, as strict models: unknown fields and broken limits fail.

Slack Block Kit (docs.slack.dev/reference/block-kit), Adaptive Cards 1.5 (adaptivecards.io),
PagerDuty Events v2, Opsgenie Alert API v2, Alertmanager API v2 (its openapi.yaml).
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AnyUrl, AwareDatetime, BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


def text(most: int, least: int = 1) -> Any:
    """A string of bounded length."""
    return Annotated[str, Field(min_length=least, max_length=most)]


# Slack


class Plain(Strict):
    type: Literal["plain_text"]
    text: text(150)
    emoji: bool = True


class Markdown(Strict):
    type: Literal["mrkdwn"]
    text: text(3000)

    @model_validator(mode="after")
    def escaped(self) -> "Markdown":
        """The three control characters only as entities; our text has no links of its own."""
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", self.text), self.text
        return self


class Field2000(Markdown):
    text: text(2000)


class SlackButton(Strict):
    type: Literal["button"]
    text: Plain
    url: text(3000)
    action_id: text(255)


class Header(Strict):
    type: Literal["header"]
    text: Plain


class Section(Strict):
    type: Literal["section"]
    text: Markdown | None = None
    fields: Annotated[list[Field2000], Field(min_length=1, max_length=10)] | None = None

    @model_validator(mode="after")
    def something(self) -> "Section":
        """One of the two is required."""
        assert self.text or self.fields
        return self


class SlackContext(Strict):
    type: Literal["context"]
    elements: Annotated[list[Markdown | Plain], Field(min_length=1, max_length=10)]


class Actions(Strict):
    type: Literal["actions"]
    elements: Annotated[list[SlackButton], Field(min_length=1, max_length=25)]


Block = Annotated[Header | Section | SlackContext | Actions, Field(discriminator="type")]


class Attachment(Strict):
    color: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")]
    blocks: Annotated[list[Block], Field(min_length=1, max_length=50)]


class SlackWebhook(Strict):
    text: text(40_000)
    attachments: list[Attachment]


class SlackMetadata(Strict):
    event_type: text(255)
    event_payload: dict[str, Any]


class SlackPost(SlackWebhook):
    channel: text(255)
    metadata: SlackMetadata


# Microsoft Teams


class TextBlock(Strict):
    type: Literal["TextBlock"]
    text: str
    wrap: bool = False
    size: Literal["default", "small", "medium", "large", "extraLarge"] = "default"
    weight: Literal["default", "lighter", "bolder"] = "default"
    spacing: Literal["none", "small", "default", "medium", "large"] = "default"
    fontType: Literal["default", "monospace"] = "default"
    isSubtle: bool = False


class Fact(Strict):
    title: str
    value: str


class FactSet(Strict):
    type: Literal["FactSet"]
    facts: Annotated[list[Fact], Field(min_length=1)]


class Container(Strict):
    type: Literal["Container"]
    items: list[TextBlock]
    style: Literal["default", "emphasis", "good", "attention", "warning", "accent"]
    bleed: bool = False


class OpenUrl(Strict):
    type: Literal["Action.OpenUrl"]
    title: str
    url: AnyUrl


class AdaptiveCard(Strict):
    type: Literal["AdaptiveCard"]
    schema_: Literal["http://adaptivecards.io/schemas/adaptive-card.json"] = Field(alias="$schema")
    version: Literal["1.5"]
    fallbackText: str
    body: list[Annotated[TextBlock | FactSet | Container, Field(discriminator="type")]]
    actions: Annotated[list[OpenUrl], Field(max_length=6)]
    msteams: dict[str, str]


class TeamsAttachment(Strict):
    contentType: Literal["application/vnd.microsoft.card.adaptive"]
    contentUrl: None
    content: AdaptiveCard


class TeamsMessage(Strict):
    type: Literal["message"]
    attachments: Annotated[list[TeamsAttachment], Field(min_length=1, max_length=1)]


# PagerDuty


class PagerDutyLink(Strict):
    href: AnyUrl
    text: str


class PagerDutyPayload(Strict):
    summary: text(1024)
    source: text(255)
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: AwareDatetime
    component: str
    group: str
    class_: str = Field(alias="class")
    custom_details: dict[str, Any]


class PagerDutyEvent(Strict):
    routing_key: text(32, 32)
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: text(255)
    payload: PagerDutyPayload | None = None
    links: list[PagerDutyLink] = []
    client: str = ""

    @model_validator(mode="after")
    def triggered_with_payload(self) -> "PagerDutyEvent":
        """Only a trigger has, and needs, a payload."""
        assert (self.payload is not None) == (self.event_action == "trigger")
        return self


# Opsgenie


class Responder(Strict):
    name: str
    type: Literal["team", "user", "escalation", "schedule"]


class OpsgenieAlert(Strict):
    message: text(130)
    alias: text(512)
    description: text(15_000)
    responders: list[Responder] = []
    tags: Annotated[list[text(50)], Field(max_length=20)]
    details: dict[str, str]
    entity: text(512)
    source: text(100)
    priority: Literal["P1", "P2", "P3", "P4", "P5"]


class OpsgenieNote(Strict):
    source: text(100)
    note: text(25_000)


# Alertmanager


class PostableAlert(Strict):
    labels: dict[Annotated[str, Field(pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")], str]
    annotations: dict[Annotated[str, Field(pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")], str]
    startsAt: AwareDatetime
    endsAt: AwareDatetime
    generatorURL: AnyUrl | None = None

    @model_validator(mode="after")
    def in_order(self) -> "PostableAlert":
        """Alertmanager refuses an alert that ends before it starts."""
        assert isinstance(self.startsAt, datetime)
        assert self.endsAt >= self.startsAt
        return self
