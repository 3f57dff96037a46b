"""What TensorFlow and Keras removed or changed: one table, and the audit that applies it to code.

``changes/*.toml`` is the table, one file a chapter; ``table`` reads it. ``kcourse audit`` finds
its old calls in anybody's code, and none of this imports TensorFlow.
"""
