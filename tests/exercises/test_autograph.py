"""The exercises of chapter 2 are proved."""

from exercise_proofs import ExerciseProofs


class TestAutograph(ExerciseProofs):
    chapter = "autograph"
