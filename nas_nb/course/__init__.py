"""What a course needs: benchmarks that answer at once, checks, digests, assignments.

Nothing here imports TensorFlow or Keras, so it also serves where they can't be installed.
"""
