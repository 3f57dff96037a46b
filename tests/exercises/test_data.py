"""The exercises of chapter 5 are proved."""

from exercise_proofs import ExerciseProofs


class TestData(ExerciseProofs):
    chapter = "data"
