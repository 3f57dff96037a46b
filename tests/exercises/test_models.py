"""The exercises of chapter 3 are proved."""

from exercise_proofs import ExerciseProofs


class TestModels(ExerciseProofs):
    chapter = "models"
