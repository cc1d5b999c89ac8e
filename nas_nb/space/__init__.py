"""What may be built: parameters, domains, search spaces and their points.

``parameter``, ``ranges`` and ``domain`` are plain Python and import no Keras;
``search_space`` and what it uses are reached only when a space is made.
"""
