"""The exercises of chapter 6 are proved."""

from exercise_proofs import ExerciseProofs


class TestSaving(ExerciseProofs):
    chapter = "saving"
