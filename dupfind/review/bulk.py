"""Let a rule decide all that is filtered: look first, then once, as one step."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dupfind.review.desk import ChangedSinceError, Desk
from dupfind.review.filters import BadRequestError, Filters
from dupfind.review.rules import Outcome, Preview, Rule, outcome_of, samples_of

Json = dict[str, Any]


class Bulk:
    """Previews and applies rules at a desk, in its thread."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def preview(self, values: Json) -> Json:
        """Return counts and samples of what a rule would do, and a stamp to apply it with.

        Raises:
            BadRequestError: There is no such rule or filter.
        """
        rule, filters = self._read(values)
        preview = Preview(rule.words)
        for outcome in self._outcomes(rule, filters):
            preview.add(outcome)
        samples = dict(samples_of(preview.samples))
        described = self.desk.described(list(samples))
        for group in described:
            for member in group["members"]:
                member["goes"] = member["photo"] in samples[group["id"]]
        return preview.to_json() | {"samples": described}

    def apply(self, values: Json) -> Json:
        """Decide as the preview with this stamp said, as one step.

        Raises:
            ChangedSinceError: It would do something else by now; nothing was done.
            BadRequestError: There is no such rule or filter, or it does nothing.
        """
        rule, filters = self._read(values)
        preview, choices = Preview(rule.words), []
        for outcome in self._outcomes(rule, filters):
            preview.add(outcome)
            choices += outcome.choices if outcome.applies else []
        if preview.stamp != values.get("stamp"):
            raise ChangedSinceError("what it would do has changed; look at it again")
        if not preview.groups:
            raise BadRequestError("it would decide nothing")
        step = self.desk.deeds.decide(choices, rule.words)
        self.desk.follow_all()
        return {"step": step, "groups": preview.groups, "progress": self.desk.progress()}

    def _outcomes(self, rule: Rule, filters: Filters) -> Iterator[Outcome]:
        """Yield what a rule does to each group that is filtered."""
        store = self.desk.store
        for ids in self.desk.cards.blocks(filters):
            groups = store.groups_by_id(ids)
            photos = store.photos_by_id(
                member.photo_id for group in groups for member in group.members
            )
            for group in groups:
                yield outcome_of(rule, group, photos)

    def _read(self, values: Json) -> tuple[Rule, Filters]:
        filters = values.get("filters")
        rule = values.get("rule")
        if not isinstance(filters, dict) or not isinstance(rule, dict):
            raise BadRequestError("a rule needs filters")
        folder = rule.get("folder")
        path = self.desk.cards.folder(folder) if isinstance(folder, int) else ""
        meant = Filters.read(filters)
        # What is decided stays so, unless it is what is meant.
        return Rule.read(rule, path), meant if meant.state else replace(meant, state="open")
