"""The one exception for mistakes that a user can mend."""

#: The exit code that says nothing of the learners: the grader could not do its work.
GRADER_FAILED = 3


class KcourseError(Exception):
    """Something the user asked for cannot be done; the message says what was wrong and what to do.

    The command line prints the message alone, without a traceback, and exits with
    ``exit_code``; in a notebook it is shown as a card.
    """

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code
