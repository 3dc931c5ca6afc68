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
            return f"{sentence}; did you mean {self.suggestion}?"
        if self.expected:
            return f"{sentence}; expected {', '.join(self.expected)}"
        return sentence
