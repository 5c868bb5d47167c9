"""The laboratory: training, exporting and evaluating exact models (extra ``lmac[lab]``).

Everything that needs torch or onnx lives here, apart from the runtime, which never imports it.

* ``architecture``: the numbers that define an exact Transformer.
* ``contexts``: hashed n-gram and word contexts, in torch.
* ``model``: the network; its forward pass is the integer arithmetic of docs/exact-transformer.md.
* ``texts``, ``data``: documents and messages on disk; sources, held-out text and samples made of them.
* ``settings``, ``train``, ``muon``: the training loop, what it depends on, and its optimizer.
* ``train_command``, ``report``: what ``lmac-lab train`` chooses, and what it tells.
* ``export``: integers to one ``.onnx`` file, and back.
* ``reference``: the same integers in plain numpy, slowly; the oracle of the tests.
* ``compressors``, ``evaluate``: real frames of files, folders and messages, beside other programs.
* ``pictures``: curves and bars.
* ``cli``: the command ``lmac-lab``.
"""
