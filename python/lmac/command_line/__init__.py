"""The program ``lmac``: ``cli`` is its entry point, ``command`` does what it is asked for, to one file after the other.

``parsing`` reads the command line: ``options`` are lmac's own, ``foreign_options`` those of gzip, xz and zstd. ``files`` reads sources and
removes them, ``results`` decides where results go, ``names`` shows names. ``operations`` passes content through a codec, ``progress`` shows
how far it is, ``standard_streams`` and ``interruption`` deal with what may happen to them meanwhile. ``listing`` is ``lmac -l``, ``doctor`` is
``lmac doctor``.
"""
