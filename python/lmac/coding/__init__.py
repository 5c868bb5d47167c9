"""Bytes to frames and back: ``codec`` for whole contents, ``stream`` a piece at a time, ``lmac_file`` as a file.

``blocks`` finds the blocks of a file of frames, ``content_reader`` restores those that are asked for; ``engine`` holds what a codec
runs in this process, ``turns`` who may use it. The work is done in Rust
(rust/lmac-core); which model predicts is the matter of ``lmac.predictors``.
"""
