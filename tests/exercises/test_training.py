"""The exercises of chapter 4 are proved."""

from exercise_proofs import ExerciseProofs


class TestTraining(ExerciseProofs):
    chapter = "training"
