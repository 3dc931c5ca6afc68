"""What is said when a filter cannot be understood."""


class FilterError(Exception):
    """A filter that is not one: what is wrong, at which column (0-based), what was expected, the nearest right name."""

    def __init__(
        self, message: str, column: int, expected: tuple[str, ...] = (), suggestion: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.expected = expected
        self.suggestion = suggestion

    def __str__(self) -> str:
        return f"column {self.column + 1}: {self.sentence()}"

    def sentence(self, *, expected: bool = True) -> str:
        """What is wrong, the nearest right name and, if wanted, what was expected; without the column."""
        said = self.message
        if self.suggestion is not None:
            said += f"; did you mean {self.suggestion}?"
        if self.expected and expected:
            said += f"{' ' if self.suggestion else '; '}expected {', '.join(self.expected)}"
        return said
