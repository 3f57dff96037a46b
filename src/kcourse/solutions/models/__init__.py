"""Solutions of chapter 3, one module a lesson."""
