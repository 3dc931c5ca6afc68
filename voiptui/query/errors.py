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
        sentence = f"column {self.column + 1}: {self.message}"
        if self.suggestion is not None:
            sentence += f"; did you mean {self.suggestion}?"
        if self.expected:
            sentence += f"{' ' if self.suggestion else '; '}expected {', '.join(self.expected)}"
        return sentence
