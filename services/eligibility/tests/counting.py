"""A meter that keeps what it was told."""


class CountingMeter:
    """Keeps what a meter was told."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []
        self.ignored_events: list[tuple[str, str]] = []

    def outcome(self, stage: str, outcome: str, age_s: float) -> None:
        self.outcomes.append((stage, outcome))

    def ignored(self, stage: str, what: str) -> None:
        self.ignored_events.append((stage, what))
