"""What predicts the next symbol: models, and what runs them.

``predictor`` is the interface; ``model`` finds and loads what a ``Codec`` is asked for. Exact models run natively or in
``onnx_executor``; a ``language_model`` in floating point is a graph (``model_files``, ``hub``, ``step_graph``) and its
``tokenization``, and says in a ``fingerprint`` for which machines its files are. ``providers`` is the door to ONNX Runtime.
"""
