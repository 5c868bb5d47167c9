"""The laboratory: training, exporting and evaluating exact models (extra ``lmac[lab]``).

Everything that needs torch or onnx lives here, apart from the runtime, which never imports it.

* ``architecture``: the numbers that define an exact Transformer.
* ``contexts``: hashed n-gram and word contexts, in torch.
* ``model``: the network; its forward pass is the integer arithmetic of docs/exact-transformer.md.
* ``data``: training text from folders, files and ``.tar.xz`` shards.
* ``settings``, ``train``, ``muon``: the training loop, what it depends on, and its optimizer.
* ``export``: integers to one ``.onnx`` file.
* ``reference``: the same integers in plain numpy, slowly; the oracle of the tests.
* ``evaluate``: real frames and speeds, beside xz.
* ``cli``: the command ``lmac-lab``.
"""
